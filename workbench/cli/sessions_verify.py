"""``workbench sessions verify``: run exactly the same again. Exit code 0 identical, 1 differs, 2 cannot be run.

stdout has the verdict, the lines that were compared, and where the texts part; of a session one row for each run. The
exit code of a session is that of its worst run: one that differs counts more than one that cannot run.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.arguments import add_models
from workbench.cli.interrupt import Interrupts
from workbench.cli.sessions_select import find_any
from workbench.error import ExitCode
from workbench.event import Piece, Progress

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.event import Event
    from workbench.service import RunHandle, Workbench
    from workbench.service.verify import Verification, Verifier
    from workbench.session.info import Session

_SIGNS = {"equal": "=", "differs": "!", "unknown": "?"}


def configure(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="a run or group by its id, or a session by title, folder or id")
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")
    parser.option("--no-save", action="store_false", dest="save", help="do not keep the verifying runs")
    add_models(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    session, run_ids, group = find_any(bench.store, args.name)
    run_id = "" if group else "".join(run_ids)
    with Interrupts() as interrupts:
        found, stopped = asyncio.run(_verify(bench, session, run_ids, args.save, console, interrupts))
    if args.format == "json":
        records = [record_of(item) for item in found]
        console.out.json(records[0] if run_id and records else records, indent=2)
    elif run_id:
        _show(found[0], console)
    elif found:
        rows = [[item.run_id, item.verdict, item.repro, item.reason] for item in found]
        console.out.table([["RUN", "VERDICT", "CLASS", "WHY"], *rows])
    else:
        console.talk.say("This session has no runs.")
    if stopped:
        return ExitCode.CANCELLED
    codes = [item.exit_code for item in found]
    return next((code for code in (ExitCode.DIFFERS, ExitCode.USAGE) if code in codes), ExitCode.OK)


async def _verify(
    bench: Workbench, session: Session, run_ids: list[str], save: bool, console: Console, interrupts: Interrupts
) -> tuple[list[Verification], bool]:
    """All verdicts, and whether Ctrl-C ended it early."""
    from workbench.service.verify import Verifier, verifiable

    current: list[Verifier] = []
    tasks: set[asyncio.Task[None]] = set()
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        tasks.update(asyncio.ensure_future(verifier.cancel()) for verifier in current)

    interrupts.listen_in_loop(stop)
    found: list[Verification] = []
    try:
        run_ids = run_ids or await asyncio.to_thread(verifiable, session)
        for number, wanted in enumerate(run_ids, 1):
            current[:] = [Verifier(bench, session, wanted, save=save)]
            progress = _Progress(console, f"{number}/{len(run_ids)} ")
            result = await current[0].run(progress.show)
            console.talk.clear_bar()
            if stopped:
                break
            found.append(result)
            if len(run_ids) > 1:
                console.talk.say(f"{number}/{len(run_ids)} {wanted}: {result.verdict}")
        await asyncio.gather(*tasks)
        return found, stopped
    finally:
        await bench.close()


class _Progress:
    """A bar on stderr: loading, reading the prompt, then pieces."""

    def __init__(self, console: Console, prefix: str) -> None:
        self._talk, self._prefix, self._pieces = console.talk, prefix, 0

    def show(self, event: Event, handle: RunHandle) -> None:
        if isinstance(event, Progress):
            words = {"load": "loading the model", "prompt": "reading the prompt"}
            self._talk.bar(self._prefix + words[event.phase], event.done, event.total)
        elif isinstance(event, Piece):
            self._pieces += event.tokens
            limit = handle.request.params.max_tokens if handle.request else 0
            self._talk.bar(f"{self._prefix}generating", self._pieces, limit)


def _show(found: Verification, console: Console) -> None:
    out = console.out
    out.line(f"{found.verdict}: {found.reason}")
    if found.hint:
        console.talk.say(found.hint)
    if (part := found.difference) is not None:
        out.line(f"  both:      …{part.before[-60:]!r}")
        out.line(f"  recorded:  {part.recorded[:100]!r}")
        out.line(f"  now:       {part.now[:100]!r}")
        if part.margin is not None:
            out.line(f"  margin:    {part.margin.told}")
    out.line(f"class: {found.repro}")
    if found.checks:
        head = ["", "CHECK", "RECORDED", "NOW", "NOTE"]
        rows = [
            [_SIGNS[item.state], item.name, _short(item.recorded), _short(item.now), item.note] for item in found.checks
        ]
        out.table([head, *rows])
    if found.drift.state != "equal" or found.drift.notes:
        words = {
            "equal": "the template still renders to the same prompt",
            "differs": "the stored template renders to another prompt today (the stored prompt was used)",
            "unknown": "whether the template still renders to the same prompt is not known",
        }
        out.line("template: " + "; ".join([words[found.drift.state], *found.drift.notes]))
    if found.verify_id:
        console.talk.say(f"saved as run {found.verify_id}")


def _short(value: str) -> str:
    return value if len(value) <= 24 else f"{value[:21]}…"


def record_of(found: Verification) -> dict[str, Any]:
    """The JSON form; the keys are stable."""
    return {
        "run": found.run_id,
        "verdict": found.verdict,
        "reason": found.reason,
        "hint": found.hint,
        "class": found.repro,
        "checks": [asdict(item) for item in found.checks],
        "template": asdict(found.drift),
        "difference": asdict(found.difference) if found.difference else None,
        "saved": found.verify_id or None,
    }
