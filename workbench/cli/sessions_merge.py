"""``workbench sessions merge``: several sessions into one; what is left of them goes to the trash."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.sessions import opened
from workbench.cli.sessions_select import find_session
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="+", help="the sessions to take runs from")
    parser.option("--to", metavar="SESSION", required=True, help="the session that stays, by title, folder or id")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.session.arrange import merge_sessions

    store = opened(args, console).store
    sources = [find_session(store, name) for name in args.names]
    target = merge_sessions(store, sources, find_session(store, args.to))
    console.out.line(target.dir.name)
    return ExitCode.OK
