"""``workbench sessions migrate``: which files are of an older format, and rewrite them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.sessions import opened
from workbench.display import display_line
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    parser.option("--write", action="store_true", help="rewrite them; without it they are only listed")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.session.migrate import plan_migrations, write_migrations

    store = opened(args, console).store
    planned = plan_migrations(store)
    written = write_migrations(store, planned) if args.write else []
    for item in planned:
        waiting = "changed meanwhile" if args.write else "can be written"
        done = "written" if item in written else item.problem or waiting
        console.out.line(f"{item.kind}\t{item.before}\t{item.after}\t{item.path}\t{display_line(done)}")
    if not planned:
        console.talk.say("Every file is of the current format.")
    elif not args.write and any(not item.problem for item in planned):
        console.talk.say("Commit or copy the workspace, then: workbench sessions migrate --write")
    return ExitCode.OK
