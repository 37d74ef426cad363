"""``workbench sessions rename``: another title for a session; its folder keeps its name."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.sessions import opened
from workbench.cli.sessions_select import find_session, named
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    named(parser)
    parser.add_argument("title", metavar="TITLE", help="the new title")


def run(args: argparse.Namespace, console: Console) -> int:
    if not args.title.strip():
        raise UsageError("a title cannot be empty")
    store = opened(args, console).store
    session = store.set_title(find_session(store, args.name), args.title)
    console.talk.say(f"{session.dir.name} is now {session.title!r}")
    return ExitCode.OK
