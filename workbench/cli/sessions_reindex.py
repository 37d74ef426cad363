"""``workbench sessions reindex``: make the search index anew."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.sessions import opened
from workbench.display import counted
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    """It takes nothing of its own."""


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.session.index import SessionIndex

    bench = opened(args, console)
    index = SessionIndex(bench.workspace, store=bench.store)
    try:
        index.clear()
        index.refresh(progress=lambda done, total: console.talk.bar("indexing", done, total))
        sessions, runs = index.count()
    finally:
        index.close()
    where = str(index.path) if index.path else "memory, for there is no local cache folder that can be written"
    console.talk.say(f"{counted(sessions, 'session')} and {counted(runs, 'run')} in the index, in {where}")
    return ExitCode.OK
