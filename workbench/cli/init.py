"""``workbench init DIR``: a workspace with the starter set; nothing that exists is overwritten."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    parser.add_argument("target", metavar="DIR", type=Path, help="folder of the new workspace; made if missing")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.workspace import init_workspace

    workspace = init_workspace(args.target)
    console.out.line(str(workspace.root))
    console.talk.say(
        f"A workspace with templates, themes and a sample session. Next: workbench --workspace {args.target}"
    )
    return ExitCode.OK
