"""``workbench sessions import``: runs of other tools and our own exports become sessions here."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.sessions import opened
from workbench.display import counted
from workbench.error import ExitCode, WorkbenchError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.service import Workbench


def configure(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="+", help="an export of the workbench, of llm, or of a chat")
    parser.option("--session", metavar="NAME", default="", help="put everything into this session")


def run(args: argparse.Namespace, console: Console) -> int:
    """Prints the folders that got runs. A file that cannot be read keeps no other from being tried; the exit code
    is that of the first one.
    """
    from workbench.cli.main import report as tell

    bench = opened(args, console)
    failed: WorkbenchError | None = None
    for name in args.file:
        try:
            _take(bench, Path(name), args.session, console)
        except WorkbenchError as error:
            tell(error, console.talk)
            failed = failed or error
    return failed.exit_code if failed is not None else ExitCode.OK


def _take(bench: Workbench, path: Path, session: str, console: Console) -> None:
    from workbench.session.ingest import import_file

    report = import_file(bench.store, path, session=session, note=console.talk.say)
    for folder in report.sessions:
        console.out.line(folder.name)
    if report.added:
        known = f", {report.known} were here already" if report.known else ""
        console.talk.say(f"{path.name}: {counted(report.added, 'run')} imported{known}")
    else:
        console.talk.say(f"{path.name}: nothing new, {counted(report.known, 'run')} here already")
    if session and report.known:
        console.talk.say(f"Those stay where they are; 'workbench sessions move RUN --to {session!r}' moves one.")
