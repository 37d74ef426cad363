"""``workbench sessions``: the actions on what was saved, one module each."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.cli.out import Console
    from workbench.service import Workbench

# Action: module within workbench.cli, and what it is for. The first is the default.
ACTIONS: dict[str, tuple[str, str]] = {
    "list": ("sessions_list", "list saved sessions, newest first"),
    "show": ("sessions_show", "list a session's runs, or print a run"),
}


def opened(args: argparse.Namespace, console: Console) -> Workbench:
    """The workbench, with runs whose process died closed first, so that what is shown is how things are."""
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace)
    recovered = bench.store.recover() if bench.workspace.writable else []
    if recovered:
        console.talk.say(f"interrupted runs found and closed: {', '.join(recovered)}")
    return bench
