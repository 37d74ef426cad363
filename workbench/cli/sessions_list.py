"""``workbench sessions list``: what was saved, newest first."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.sessions import opened
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.session.info import RunInfo, Session


def configure(parser: Parser) -> None:
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    bench = opened(args, console)
    sessions = bench.store.list_sessions()
    if args.format == "json":
        console.out.json([session_record(item, bench.store.runs(item)) for item in sessions], indent=2)
    elif sessions:
        rows = [[item.created[:16].replace("T", " "), _count(item), item.dir.name, _title(item)] for item in sessions]
        console.out.table([["CREATED (UTC)", "RUNS", "FOLDER", "TITLE"], *rows])
    else:
        console.talk.say("Nothing is saved yet. 'workbench run TEMPLATE' saves what it does.")
    return ExitCode.OK


def _title(session: Session) -> str:
    from workbench.session.info import badges

    odd = badges(unsaved=session.unsaved, newer=session.newer, damaged=bool(session.problem))
    return odd + (session.problem or session.title)


def _count(session: Session) -> str:
    """How many runs, by their files' names: a long list must not read every run."""
    return str(len({path.stem for path in (session.dir / "runs").glob("[!.]*.*l")}))


def session_record(session: Session, runs: list[RunInfo]) -> dict[str, Any]:
    """The JSON form of a session; the keys are stable."""
    return {
        "id": session.id,
        "folder": session.dir.name,
        "title": session.title,
        "created": session.created,
        "tags": list(session.tags),
        "note": session.note,
        "problem": session.problem,
        "runs": [{**asdict(item), "path": str(item.path)} for item in runs],
    }
