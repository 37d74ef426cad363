"""``workbench sessions import``: runs of other tools and our own exports become sessions here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.sessions import opened
from workbench.display import counted
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="+", help="an export of the workbench, of llm, or of a chat")
    parser.option("--session", metavar="NAME", default="", help="put everything into this session")


def run(args: argparse.Namespace, console: Console) -> int:
    """Prints the folders that got runs. Raises UsageError with the place of what is wrong, StorageError."""
    from workbench.session.ingest import import_file

    bench = opened(args, console)
    for name in args.file:
        report = import_file(bench.store, Path(name), session=args.session, note=console.talk.say)
        for folder in report.sessions:
            console.out.line(folder.name)
        if report.added:
            known = f", {report.known} were here already" if report.known else ""
            console.talk.say(f"{Path(name).name}: {counted(report.added, 'run')} imported{known}")
        else:
            console.talk.say(f"{Path(name).name}: nothing new, {counted(report.known, 'run')} here already")
    return ExitCode.OK
