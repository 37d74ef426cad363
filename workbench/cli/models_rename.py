"""``workbench models rename``: another name for a model's file."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.arguments import add_models
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    parser.add_argument("name", help="model by id or path")
    parser.add_argument("new", metavar="NEW", help="the new file name; .gguf is added")
    add_models(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.engine.shelf_edit import rename_model
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    console.out.line(str(rename_model(bench.find_model(args.name).path, args.new, bench.model_folders)))
    return ExitCode.OK
