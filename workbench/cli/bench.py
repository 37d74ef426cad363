"""``workbench bench``: how fast a model is here, and with how many threads it is fastest."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.arguments import add_models
from workbench.cli.engines import cancel_task
from workbench.cli.interrupt import Interrupts
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.engine import LoadSpec
    from workbench.engine.measure import Sample

BAR_CELLS = 40
TOKENS, QUICK_TOKENS = 96, 24
MOST_AT_ONCE = 4


def configure(parser: Parser) -> None:
    parser.add_argument("model", metavar="MODEL", nargs="?", default="", help="model by id or path")
    parser.option("--engine", metavar="NAME", default="", help="engine (else: chosen from the model file)")
    parser.option("--quick", action="store_true", help="fewer settings and shorter runs")
    add_models(parser)
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    import asyncio

    from workbench.engine.loadable import load_spec
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    entry = bench.find_model(args.model)
    spec = load_spec(entry, Path(bench.workspace.cache_dir.parent / "models"), engine=args.engine, n_ctx=1024)
    samples: list[Sample] = []
    with Interrupts() as interrupts:
        whole = asyncio.run(_measure(spec, samples, console.talk.say, interrupts, quick=args.quick))
    report = _report(spec, entry.id, samples, whole=whole)
    if args.format == "json":
        console.out.json(report, indent=2)
    else:
        _show(report, samples, console)
    return ExitCode.OK if whole else ExitCode.CANCELLED


async def _measure(
    spec: LoadSpec, samples: list[Sample], say: Callable[[str], None], interrupts: Interrupts, *, quick: bool
) -> bool:
    """Fill ``samples``; False when it was stopped. The best number of threads is remembered."""
    import asyncio

    from workbench.engine.measure import best_of, measure_parallel, measure_threads
    from workbench.engine.threads import remember_threads, share, threads_to_try

    work = asyncio.current_task()
    assert work is not None
    interrupts.listen_in_loop(partial(cancel_task, work))
    tokens = QUICK_TOKENS if quick else TOKENS
    counts = threads_to_try()
    try:
        async for sample in measure_threads(spec, counts, tokens=tokens, rounds=1 if quick else 2, say=say):
            samples.append(sample)
        best = best_of(samples)
        await asyncio.to_thread(remember_threads, spec.engine, Path(spec.path), best.threads, best.rate)
        at_once = [count for count in ((1, 2) if quick else (1, 2, 4)) if count <= _fitting(best.rss)]

        def threads(count: int) -> int:
            return share(spec.engine, best.threads, count - 1)

        async for sample in measure_parallel(spec, at_once, threads=threads, tokens=tokens, say=say):
            samples.append(sample)
    except asyncio.CancelledError:
        return False
    return True


def _fitting(rss: int) -> int:
    from workbench.engine.memory import USABLE, free_memory

    return max(1, min(MOST_AT_ONCE, int(USABLE * free_memory() / max(rss, 1))))


def _report(spec: LoadSpec, model: str, samples: Sequence[Sample], *, whole: bool) -> dict[str, Any]:
    from workbench.engine import engine_version
    from workbench.engine.measure import best_of
    from workbench.engine.threads import machine, measured_threads

    by_threads = [sample for sample in samples if sample.kind == "threads"]
    remembered = measured_threads(spec.engine, Path(spec.path)) if by_threads else 0
    report: dict[str, Any] = {
        "model": model,
        "engine": spec.engine,
        "engine_version": engine_version(spec.engine),
        "machine": machine(),
        "n_ctx": spec.n_ctx,
        "complete": whole,
        "best_threads": 0,
        "remembered_threads": remembered,
        "samples": [asdict(sample) for sample in samples],
    }
    if by_threads:
        best = best_of(by_threads)
        report |= {"best_threads": best.threads, "load_ms": by_threads[0].load_ms, "first_ms": best.first_ms}
        report |= {"read_rate": round(best.read, 1), "rate": round(best.rate, 1), "rss_bytes": best.rss}
    return report


def _show(report: dict[str, Any], samples: Sequence[Sample], console: Console) -> None:
    line = console.out.line
    line(f"{report['model']} on {report['engine']} {report['engine_version']}, {report['machine']}")
    if report["best_threads"]:
        line(f"load         {report['load_ms'] / 1000:.2f} s, {report['rss_bytes'] / 1e6:.0f} MB")
        line(f"first token  {report['first_ms']} ms (the prompt is read at {report['read_rate']:.0f} tokens/s)")
    for kind, title in (("threads", "threads"), ("parallel", "at once")):
        rows = [sample for sample in samples if sample.kind == kind]
        if rows:
            line(f"{title:8} {'tokens/s':>9} {'ratio':>6}")
            for sample in rows:
                line(_row(sample, rows))
    if report["best_threads"]:
        plural = "" if report["best_threads"] == 1 else "s"
        kept = "remembered for this machine" if report["remembered_threads"] == report["best_threads"] else "not kept"
        line(f"best: {report['best_threads']} thread{plural}, {kept}")
    if not report["complete"]:
        console.talk.say("stopped: this is what was measured until then")


def _row(sample: Sample, rows: Sequence[Sample]) -> str:
    """One line of at most 80 columns: number, rate, its ratio to the first row, and a bar."""
    top = max(row.rate for row in rows) or 1.0
    ratio = sample.rate / rows[0].rate if rows[0].rate else 0.0
    bar = "#" * round(BAR_CELLS * sample.rate / top)
    return f"{sample.n:<8} {sample.rate:9.1f} {ratio:6.2f}  {bar}".rstrip()
