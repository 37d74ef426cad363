"""``workbench sessions gc``: remove what nobody needs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.out import human_bytes
from workbench.cli.sessions import opened
from workbench.display import display_line
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    parser.option("--dry-run", action="store_true", help="say what would go, and remove nothing")
    parser.option("--days", metavar="N", type=float, default=30.0, help="keep trash for so many days (default: 30)")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.session.gc import find_garbage, remove_garbage

    if not 0 <= args.days < 1e6:
        raise UsageError(f"--days takes a number from 0, not {args.days}")
    store = opened(args, console).store
    garbage = find_garbage(store, trash_days=args.days)
    if not args.dry_run:
        garbage = remove_garbage(store, garbage)
    root = store.workspace.root
    for item in garbage:
        place = item.path.relative_to(root) if root in item.path.parents else item.path
        console.out.line(f"{item.kind}\t{item.bytes}\t{place}\t{display_line(item.why)}")
    size = human_bytes(sum(item.bytes for item in garbage))
    done = "would be removed" if args.dry_run else "removed; empty sessions are in the trash"
    console.talk.say(f"{len(garbage)} things, {size}: {done}" if garbage else "There is nothing to remove.")
    return ExitCode.OK
