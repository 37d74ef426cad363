"""``workbench run``: render, run, stream.

Each piece is in the record before it is printed. Ctrl-C keeps what came; a reader of stdout that goes away
stops the run quietly. What is printed where is decided in ``workbench.cli.stream``.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from workbench.cli.arguments import add_models, add_template, document_of, params_of, variables_of
from workbench.cli.interrupt import Interrupts
from workbench.cli.out import OutputClosed
from workbench.config import ENGINE_NAMES
from workbench.error import MemoryShort, StorageError, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.cli.stream import Face
    from workbench.service import RunHandle, RunSpec, Workbench


def configure(parser: Parser) -> None:
    add_template(parser)
    parser.option("--model", metavar="M", default="", help="model by name or path")
    parser.option("--engine", choices=ENGINE_NAMES, default="", help="engine (else: chosen from the model file)")
    add_models(parser)
    parser.option(
        "--param",
        metavar="K=V",
        action="append",
        default=[],
        dest="params",
        help="sampling parameter (repeatable)",
    )
    parser.option("--seed", metavar="N", help="the same as --param seed=N")
    parser.option("--format", choices=("text", "json", "jsonl"), default="text", help="default: text")
    parser.option("--force-memory", action="store_true", help="load a model that needs more memory than is free")
    parser.option("--no-save", action="store_false", dest="save", help="leave nothing on disk")
    parser.option("--session", metavar="NAME", default="", help="session by title, folder or id; made if there is none")


def run(args: argparse.Namespace, console: Console) -> int:
    if args.session and not args.save:
        raise UsageError("--session and --no-save contradict each other", hint="Leave one of them out.")
    params, variables = params_of(args), variables_of(args)
    from workbench.cli.stream import make_face
    from workbench.service import RunSpec, open_workbench
    from workbench.session.named import named_session

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    spec = RunSpec(
        document_of(bench, args.template),
        variables,
        model=args.model,
        engine=args.engine,
        params=params,
        session=named_session(bench.store, args.session) if args.session else None,
        save=args.save,
        force_memory=args.force_memory,
    )
    with Interrupts() as interrupts:
        return asyncio.run(_run(bench, spec, make_face(args.format, console, bench), interrupts))


async def _run(bench: Workbench, spec: RunSpec, face: Face, interrupts: Interrupts) -> int:
    try:
        return await _stream(bench.start_run(spec), face, interrupts)
    except MemoryShort as error:
        error.hint += " --force-memory loads it all the same."
        raise
    finally:
        await bench.close()


async def _stream(handle: RunHandle, face: Face, interrupts: Interrupts) -> int:
    """The exit code of the run. The events are read to their end, so that the record is always closed."""
    tasks: set[asyncio.Task[None]] = set()

    def stop() -> None:
        tasks.add(asyncio.ensure_future(handle.cancel()))

    interrupts.listen_in_loop(stop)
    lost: OutputClosed | StorageError | None = None
    async for event in handle.events():
        if lost is not None:
            continue
        handle.flush()
        try:
            face.show(event, handle)
        except (OutputClosed, StorageError) as problem:
            lost = problem
            await handle.cancel()
    await asyncio.gather(*tasks)
    if lost is not None:
        raise lost
    return face.end(handle)
