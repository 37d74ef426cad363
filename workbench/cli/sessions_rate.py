"""``workbench sessions rate``: rate a run, and mark it with a star."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.sessions import opened
from workbench.cli.sessions_select import find_run, named
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    named(parser, "a run by its id")
    parser.add_argument("rating", metavar="N", nargs="?", type=int, help="1 to 5; 0 takes the rating away")
    parser.option("--star", choices=("yes", "no"), help="mark the run, or take the mark away")


def run(args: argparse.Namespace, console: Console) -> int:
    if args.rating is None and args.star is None:
        raise UsageError("neither a rating nor a star is given", hint="workbench sessions rate RUN 4 --star yes")
    store = opened(args, console).store
    session, run_id = find_run(store, args.name)
    if args.rating is not None:
        session = store.rate_run(session, run_id, args.rating)
    if args.star is not None:
        session = store.star_run(session, run_id, args.star == "yes")
    marks = session.runs.get(run_id, {})
    console.talk.say(f"{run_id}: rating {marks.get('rating', 'none')}, star {'yes' if marks.get('star') else 'no'}")
    return ExitCode.OK
