"""``workbench sessions tag``: put tags on a session and take them off."""

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
    # A tag to take off begins with a minus, so that options stand before NAME.
    parser.add_argument("changes", metavar="+TAG|-TAG", nargs=argparse.REMAINDER, help="without any, tags are printed")


def run(args: argparse.Namespace, console: Console) -> int:
    store = opened(args, console).store
    session = find_session(store, args.name)
    tags = list(session.tags)
    for change in args.changes:
        sign, tag = change[:1], " ".join(change[1:].split())
        if sign not in ("+", "-") or not tag or tag.startswith("-"):
            hint = "For example: workbench sessions tag NAME +good -draft. Options stand before NAME."
            raise UsageError(f"{change!r} is neither +TAG nor -TAG", hint=hint)
        if sign == "+" and tag not in tags:
            tags.append(tag)
        elif sign == "-" and tag in tags:
            tags.remove(tag)
    if tags != list(session.tags):
        session = store.set_tags(session, tags)
    for tag in session.tags:
        console.out.line(tag)
    return ExitCode.OK
