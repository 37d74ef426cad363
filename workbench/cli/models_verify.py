"""``workbench models verify``: is each file whole, and the one it should be?"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from threading import Event
from typing import TYPE_CHECKING

from workbench.cli.arguments import add_models
from workbench.cli.interrupt import Interrupts
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.engine.shelf import ModelEntry


def configure(parser: Parser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="*", help="models by id or path; without one, all")
    add_models(parser)
    parser.option("--sha256", metavar="HEX", default="", help="the sha256 that the one model must have")
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.engine.verify import Verification, verify_model
    from workbench.service import open_workbench

    if args.sha256 and len(args.names) != 1:
        raise UsageError("--sha256 is for one model", hint="workbench models verify NAME --sha256 HEX")
    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    entries = [bench.find_model(name) for name in args.names] if args.names else _each_once(bench.models())
    if not entries:
        console.talk.say("There is no model to verify.")
    cancel, found = Event(), list[Verification]()
    with Interrupts() as interrupts:
        interrupts.listen(cancel.set)
        for entry in entries:
            answer = verify_model(
                entry,
                on_progress=lambda state: console.talk.bar(f"reading {state.id}", state.done, state.total),
                cancel=cancel,
                sha256=args.sha256,
            )
            console.talk.clear_bar()
            found.append(answer)
            if args.format == "text":
                console.out.line(f"{'ok ' if answer.ok else 'BAD'}  {answer.id}: {answer.sentence}")
    if args.format == "json":
        rows = [{**asdict(item), "path": str(item.path), "ok": item.ok, "text": item.sentence} for item in found]
        console.out.json(rows, indent=2)
    return ExitCode.OK if all(item.ok for item in found) else ExitCode.DIFFERS


def _each_once(entries: Sequence[ModelEntry]) -> list[ModelEntry]:
    """Without the later parts of split models whose first part is there: they are read with it."""
    from workbench.engine.gguf_judge import sibling_parts

    whole = {
        part
        for entry in entries
        if entry.header.kind == "model" and entry.header.split_count > 1
        for part in sibling_parts(entry.path, entry.header.split_count)[1:]
    }
    return [entry for entry in entries if entry.path not in whole]
