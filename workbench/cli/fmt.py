"""``workbench fmt``: write templates the usual way, or only say which are not."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.arguments import add_template, document_of
from workbench.display import counted
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.service import Workbench


def configure(parser: Parser) -> None:
    add_template(parser, many=True)
    parser.option("--check", action="store_true", help="change nothing, say what would; exit code 1 if anything")
    parser.option("--diff", action="store_true", help="change nothing, print the changes")


def run(args: argparse.Namespace, console: Console) -> int:
    """With ``-`` the text from standard input goes to stdout, tidied. Raises TemplateError for a broken header."""
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace)
    changed = sum(_one(bench, name, args, console) for name in args.template)
    count = len(args.template)
    what = "would change" if args.check or args.diff else "changed"
    console.talk.say(f"{counted(count, 'template')}, {changed} {what}")
    return ExitCode.DIFFERS if args.check and changed else ExitCode.OK


def _one(bench: Workbench, name: str, args: argparse.Namespace, console: Console) -> bool:
    from workbench.template.region import regions
    from workbench.template.tidy import differing_lines, tidy
    from workbench.textio import atomic_write

    document = document_of(bench, name)
    if document.header.jinja and any(region.kind == "broken" for region in regions(document.body)):
        console.talk.error(f"workbench: {document.path}: Jinja cannot read it; 'workbench check' says where")
    text = tidy(document)
    differs = text != document.source
    if args.diff:
        _print_diff(document.path, document.source, text, console)
    elif args.check:
        for line in differing_lines(document.source, text):
            console.out.line(f"{document.path}:{line}:1: note: written differently")
    elif name == "-":
        console.out.text(text)
    elif differs:
        path = bench.workspace.root / document.path
        atomic_write(path if path.is_file() else Path(name), text)
        console.out.line(document.path)
    return differs


def _print_diff(path: str, before: str, after: str, console: Console) -> None:
    from difflib import unified_diff

    lines = unified_diff(before.splitlines(), after.splitlines(), path, path, lineterm="")
    for line in lines:
        console.out.line(line)
