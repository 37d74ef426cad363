"""``workbench models move``: a model's file into another folder."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from workbench.cli.arguments import add_models
from workbench.cli.interrupt import Interrupts
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    parser.add_argument("name", help="model by id or path")
    parser.add_argument("folder", metavar="DIR", help="the folder to move it to; made if the one above it is there")
    add_models(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.engine.shelf_edit import move_model
    from workbench.realpath import real_path
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    folder, cancel = Path(os.path.expanduser(args.folder)), Event()
    made = not folder.exists()
    with Interrupts() as interrupts:
        interrupts.listen(cancel.set)
        path = move_model(
            bench.find_model(args.name).path,
            folder,
            bench.model_folders,
            on_progress=lambda state: console.talk.bar(f"moving {state.id}", state.done, state.total),
            cancel=cancel,
        )
    console.talk.clear_bar()
    console.out.line(str(path))
    if made:
        console.talk.say(f"{folder} was made.")
    if not any(real_path(path.parent).is_relative_to(real_path(known)) for known in bench.model_folders):
        console.talk.say(f"{folder} is no model folder: name it with --models, WORKBENCH_MODELS or the setting models.")
    return ExitCode.OK
