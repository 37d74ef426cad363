"""``workbench sessions restore``: bring back what was deleted, or list it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.out import human_bytes
from workbench.cli.sessions import opened
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    parser.add_argument("tokens", metavar="TOKEN", nargs="*", help="as 'rm' gave them; none lists the trash")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.session.trash import Trash

    trash = Trash(opened(args, console).store)
    for token in args.tokens:
        session = trash.undo_delete(token)
        console.out.line(session.dir.name)
    if args.tokens:
        return ExitCode.OK
    rows = [
        [item.token, item.deleted[:16].replace("T", " "), human_bytes(item.bytes), item.run_id or "-", item.title]
        for item in trash.list_trash()
    ]
    if rows:
        console.out.table([["TOKEN", "DELETED", "SIZE", "RUN", "TITLE"], *rows])
    else:
        console.talk.say("The trash is empty.")
    return ExitCode.OK
