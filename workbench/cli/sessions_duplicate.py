"""``workbench sessions duplicate``: a copy of a session or a run, with ids of its own."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.sessions import opened
from workbench.cli.sessions_select import find_either, find_session, named
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    named(parser, "a session by title, folder or id, or a run by its id")
    parser.option("--to", metavar="SESSION", help="for a run: the session that gets the copy (else: its own)")
    parser.option("--title", metavar="TITLE", default="", help="for a session: the copy's title")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.session.arrange import duplicate_run, duplicate_session

    store = opened(args, console).store
    session, run_id = find_either(store, args.name)
    if (args.title and run_id) or (args.to and not run_id):
        raise UsageError("--title is for sessions, --to for runs")
    if run_id:
        target = find_session(store, args.to) if args.to else None
        console.out.line(duplicate_run(store, session, run_id, target))
    else:
        copy = duplicate_session(store, session, title=args.title)
        if copy.unsaved:
            console.talk.say(f"The workspace cannot be written; the copy is in {copy.dir}.")
        console.out.line(copy.dir.name)
    return ExitCode.OK
