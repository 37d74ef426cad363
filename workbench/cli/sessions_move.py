"""``workbench sessions move``: runs to another session, with their ratings, notes and groups."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.sessions import opened
from workbench.cli.sessions_select import find_run, find_session
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    parser.add_argument("runs", metavar="RUN", nargs="+", help="runs by id")
    parser.option("--to", metavar="SESSION", required=True, help="the session, by title, folder or id")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.session.arrange import move_run

    store = opened(args, console).store
    target = find_session(store, args.to)
    for session, run_id in [find_run(store, name) for name in args.runs]:
        target = move_run(store, store.open_session(session.dir), run_id, target)
    console.talk.say(f"{len(args.runs)} moved to {target.title!r}")
    return ExitCode.OK
