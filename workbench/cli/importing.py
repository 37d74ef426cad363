"""``workbench import``: templates of other tools become templates here, and what could not be carried over is said."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.error import ExitCode, UsageError

FORMATS = ("dynamicprompts", "a1111", "styles", "prompty", "dotprompt", "llm", "promptfoo")

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="+", help="file of another tool")
    parser.option("--format", choices=FORMATS, default="", help="format, where the name does not tell it")
    parser.option("--print", action="store_true", help="print the templates, write nothing")


def run(args: argparse.Namespace, console: Console) -> int:
    """Writes into ``templates/``; nothing that exists is overwritten. Raises UsageError, StorageError."""
    from workbench.template.importers import import_file
    from workbench.textio import atomic_write
    from workbench.workspace import find_workspace

    workspace = find_workspace(args.workspace)
    for name in args.file:
        if not Path(name).is_file():
            raise UsageError(f"there is no file {name!r}")
        for item in import_file(Path(name), args.format):
            if args.print:
                console.out.text(item.text)
                console.out.end_line()
            else:
                target = workspace.templates / f"{item.name}.j2"
                if target.exists():
                    raise UsageError(f"{target} exists and is not overwritten", hint="Rename one of the two.")
                target.parent.mkdir(parents=True, exist_ok=True)
                atomic_write(target, item.text)
                console.out.line(f"templates/{item.name}.j2")
                for title, lines in item.lists.items():
                    wanted = workspace.wildcards / f"{title}.txt"
                    if not wanted.exists():
                        wanted.parent.mkdir(parents=True, exist_ok=True)
                        atomic_write(wanted, "".join(f"{line}\n" for line in lines))
            for note in item.notes:
                console.talk.say(f"{name}: {note}")
    return ExitCode.OK
