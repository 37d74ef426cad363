"""``workbench sessions note``: a note on a session or a run."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from workbench.cli.sessions import opened
from workbench.cli.sessions_select import find_either, named
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    named(parser, "a session by title, folder or id, or a run by its id")
    parser.add_argument("text", metavar="TEXT", nargs="?", help="- reads standard input; empty removes; none prints it")


def run(args: argparse.Namespace, console: Console) -> int:
    store = opened(args, console).store
    session, run_id = find_either(store, args.name)
    if args.text is None:
        note = session.runs.get(run_id, {}).get("note", "") if run_id else session.note
        if note:
            console.out.line(str(note))
        return ExitCode.OK
    text = sys.stdin.buffer.read().decode("utf-8-sig", "replace").rstrip("\n") if args.text == "-" else args.text
    if run_id:
        store.note_run(session, run_id, text)
    else:
        store.set_note(session, text)
    return ExitCode.OK
