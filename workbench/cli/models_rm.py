"""``workbench models rm``: remove a model's file from the model folders."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.arguments import add_models
from workbench.cli.confirm import confirmed
from workbench.cli.out import human_bytes
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    parser.add_argument("name", help="model by id or path")
    add_models(parser)
    parser.option("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.engine.shelf_edit import check_removable, remove_model
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    path = bench.find_model(args.name).path
    files = check_removable(path, bench.model_folders)
    size = human_bytes(sum(file.lstat().st_size for file in files))
    what = str(path) if len(files) == 1 else f"the {len(files)} parts of {path}"
    if not confirmed(f"Remove {what} ({size})?", console, yes=args.yes):
        console.talk.say("Nothing was removed.")
        return ExitCode.DIFFERS
    removed = remove_model(path, bench.model_folders, copies=bench.workspace.cache_dir.parent / "models")
    for file in removed.paths:
        console.out.line(str(file))
    console.talk.say(f"{human_bytes(removed.bytes)} freed")
    return ExitCode.OK
