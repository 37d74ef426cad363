"""``workbench sessions``: what was saved, newest first, and one run as it is on disk."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.service import Workbench


def configure(parser: Parser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "show"), default="list", help="default: list")
    parser.add_argument("name", nargs="?", default="", help="show: a session by title or folder, or a run by its id")
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace)
    if args.action == "list":
        return _list(bench, args.format, console)
    if not args.name:
        raise UsageError("which session or run?", hint="workbench sessions show NAME")
    return _show(bench, args.name, args.format, console)


def _list(bench: Workbench, form: str, console: Console) -> int:
    return ExitCode.OK


def _show(bench: Workbench, name: str, form: str, console: Console) -> int:
    return ExitCode.OK
