"""``workbench grid``: a template over its axes, run headless, with checks, resumed where it was stopped.

stdout gets the results in the chosen format, stderr the plan, a bar with rate and time left on a terminal (else a line
now and then), and the summary. The first Ctrl-C stops and keeps what has finished, the second kills.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.arguments import add_models, add_template, document_of, params_of, variables_of
from workbench.cli.interrupt import Interrupts
from workbench.config import ENGINE_NAMES
from workbench.display import counted
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.service import Workbench
    from workbench.service.grid_axes import GridSpec
    from workbench.service.grid_plan import Grid
    from workbench.template.document import TemplateDocument

MANY = 2000
FORMATS = ("table", "csv", "json", "jsonl", "md", "html", "junit")


def configure(parser: Parser) -> None:
    add_template(parser)
    parser.option(
        "--axis", metavar="AXIS", action="append", default=[], dest="axes", help="target = values (repeatable)"
    )
    parser.option("--model", metavar="M", action="append", default=[], dest="use", help="model (repeatable: an axis)")
    parser.option("--engine", choices=ENGINE_NAMES, default="", help="engine (else: chosen from the model file)")
    add_models(parser)
    parser.option("--repeat", metavar="N", type=int, help="runs of each cell (default: 1)")
    parser.option("--rows", metavar="FILE", default="", help="CSV or JSONL, each row one value of a joined axis")
    parser.option("--join", action="store_true", help="axes go together, first values with first, and are not crossed")
    parser.option("--prompts", metavar="N", type=int, default=0, help="only the first N prompts of the patterns")
    parser.option(
        "--param", metavar="K=V", action="append", default=[], dest="params", help="sampling parameter (repeatable)"
    )
    parser.option("--seed", metavar="N", help="the same as --param seed=N")
    parser.option(
        "--check", metavar="CHECK", action="append", default=[], dest="checks", help="check of each answer (repeatable)"
    )
    parser.option("--trust", action="store_true", help="let python checks run the files they name, as they are now")
    parser.option("--session", metavar="NAME", default="", help="session by title, folder or id; made if there is none")
    parser.option("--dry-run", action="store_true", help="say what it would cost, and run nothing")
    parser.option("--resume", metavar="GROUP", nargs="?", const="", help="run what is missing (else: of the newest)")
    parser.option("--retry-errors", action="store_true", help="run what failed in the newest grid, or that of --resume")
    parser.option("--no-reuse", action="store_false", dest="reuse", help="run again what is on disk already")
    parser.option("--parallel", metavar="N", type=int, default=0, help="runs at once (default: by the engine)")
    parser.option("--yes", action="store_true", help="start without asking, however many runs")
    parser.option("--format", choices=FORMATS, default="table", help="default: table")
    parser.option("--output", metavar="FILE", default="", help="write the results there, not to stdout")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    with Interrupts() as interrupts:
        try:
            grid = _grid(bench, args, console)
        except BaseException:
            console.talk.clear_bar()
            bench.renderer.close()
            raise
        return asyncio.run(_run(bench, grid, args, console, interrupts))


def _grid(bench: Workbench, args: argparse.Namespace, console: Console) -> Grid:
    """A new grid, or one from disk. Raises WorkbenchError."""
    from workbench.cli.grid_resume import asked_document, stored_grid
    from workbench.service.grid_axes import grid_plan
    from workbench.service.grid_plan import prepare_cells

    def progress(done: int, total: int) -> None:
        console.talk.bar("planning", done, total)

    if args.resume is not None or args.retry_errors:
        return stored_grid(bench, _spec(bench, args, asked_document(bench, args)), args, progress)
    spec = _spec(bench, args, document_of(bench, args.template))
    plan, documents = grid_plan(bench, spec)
    if plan.count > MANY and not args.dry_run:
        # Asked before thousands of prompts are rendered, in case nobody wants that many.
        _may_start(bench, plan.count, args, console)
        args.yes = True
    return prepare_cells(bench, spec, plan, documents, on_progress=progress)


def _spec(bench: Workbench, args: argparse.Namespace, document: TemplateDocument) -> GridSpec:
    from workbench.service.grid_axes import GridSpec, axis_of_text
    from workbench.template.axis import Axis, rows_axis

    axes = [axis_of_text(bench, text) for text in args.axes]
    if args.rows:
        if not Path(args.rows).is_file():
            raise UsageError(f"there is no file {args.rows!r}", hint="--rows takes a CSV with a heading, or JSONL.")
        axes.append(rows_axis(args.rows, None))
    if len(args.use) > 1:
        axes.insert(0, Axis(("model",), tuple((name,) for name in args.use)))
    variables, params = variables_of(args), params_of(args)
    for target in (target for axis in axes for target in axis.targets if target in {**variables, **params}):
        hint = "Leave one of them out: an axis, or a column of --rows, gives each run its own."
        raise UsageError(f"{target!r} has one value for all runs, and an axis", hint=hint)
    return GridSpec(
        document,
        tuple(axes),
        variables,
        params,
        model=args.use[0] if len(args.use) == 1 else "",
        engine=args.engine,
        repeats=1 if args.repeat is None else args.repeat,
        prompts=args.prompts,
        join=args.join,
        checks=tuple(args.checks),
        reuse=args.reuse,
        parallel=args.parallel,
        trust=args.trust,
    )


async def _run(bench: Workbench, grid: Grid, args: argparse.Namespace, console: Console, interrupts: Interrupts) -> int:
    from workbench.cli.grid_out import Writer
    from workbench.cli.grid_talk import GridTalk, exit_code, say_estimate
    from workbench.service.grid import GridRun
    from workbench.service.grid_estimate import estimate
    from workbench.session.named import named_session

    try:
        told = await estimate(bench, grid)
        console.talk.clear_bar()
        say_estimate(told, grid, console.talk)
        if args.dry_run:
            return ExitCode.OK
        _may_start(bench, told.to_run, args, console)
        grid_run = GridRun(bench, grid)
        if grid.spec.session is None and args.session:
            grid_run.session = named_session(bench.store, args.session)
        tasks: set[asyncio.Task[None]] = set()
        interrupts.listen_in_loop(lambda: tasks.add(asyncio.ensure_future(grid_run.cancel())))
        writer, talk = Writer(args.format, args.output, console), GridTalk(console.talk, grid)
        async with aclosing(grid_run.events()) as events:
            async for event in events:
                talk.show(event)
                writer.take(event, grid)
        await asyncio.gather(*tasks)
        writer.end(grid, grid_run)
        talk.end(grid_run)
        return exit_code(grid.states, stopped=bool(interrupts.count))
    finally:
        await bench.close()


def _may_start(bench: Workbench, count: int, args: argparse.Namespace, console: Console) -> None:
    """Raises UsageError when there are more runs than may be started unasked, and the answer is not yes."""
    limit = bench.config.ask_above
    if count <= limit or args.yes:
        return
    if sys.stdin is not None and sys.stdin.isatty() and console.talk.tty:
        console.talk.error(f"Start {counted(count, 'run')}? [y/N]")
        if sys.stdin.readline().strip().lower() in ("y", "yes"):
            return
    raise UsageError(
        f"{count} runs are more than {limit}, nothing was started",
        hint="Say --yes, or raise ask_above in the settings; --dry-run tells more.",
    )
