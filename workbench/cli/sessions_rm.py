"""``workbench sessions rm``: sessions and runs into the trash; the tokens to bring them back go to stdout."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.sessions import opened
from workbench.cli.sessions_select import find_either
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="+", help="sessions by title, folder or id, runs by id")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.session.trash import Trash

    store = opened(args, console).store
    trash = Trash(store)
    # All are looked for before any is touched.
    for session, run_id in [find_either(store, name) for name in args.names]:
        token = trash.delete_run(session, run_id) if run_id else trash.delete_session(session)
        console.out.line(token)
        what = f"run {run_id}" if run_id else f"session {session.title!r}"
        console.talk.say(f"{what} is in the trash; 'workbench sessions restore {token}' brings it back")
    return ExitCode.OK
