"""``workbench score``: checks made anew over runs that are on disk; nothing is generated but by a judge."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.cli.arguments import near
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.compare.check import CheckSpec
    from workbench.compare.score import Scored
    from workbench.service import Workbench
    from workbench.session.info import RunInfo, RunRecord, Session

    # A run, and the values of its cell where they are not those of its record.
    Found = tuple[RunInfo, RunRecord | None, Mapping[str, Any] | None]

FORMATS = ("table", "csv", "json", "junit", "md")


def configure(parser: Parser) -> None:
    from workbench.cli.arguments import add_models

    parser.add_argument("name", metavar="SESSION|GROUP", help="a session by title or folder, or a group by its id")
    parser.option(
        "--check",
        metavar="CHECK",
        action="append",
        default=[],
        dest="checks",
        help="one more check than the template has (repeatable)",
    )
    parser.option("--trust", action="store_true", help="let python checks run the files they name, as they are now")
    add_models(parser)
    parser.option("--no-save", action="store_true", dest="no_save", help="leave nothing on disk")
    parser.option("--format", choices=FORMATS, default="table", help="default: table")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.cli import score_text
    from workbench.cli.sessions import opened
    from workbench.compare.check import parse_check_text
    from workbench.compare.score import summarise

    specs = [parse_check_text(text) for text in args.checks]
    bench = opened(args, console)
    session, group = _named(bench, args.name)
    found = list(_grid_runs(bench, session, group) if group else ()) or _runs(bench, session, group)
    runs = [(info, record) for info, record, _ in found if record is not None and record.result.status == "finished"]
    if not runs:
        bench.renderer.close()
        raise UsageError(
            f"no run of {group or repr(session.title)} has finished: there is nothing to score",
            hint="'workbench grid TEMPLATE --resume' runs what is missing of a grid, 'workbench run' makes others.",
        )
    if left_out := len(found) - len(runs):
        console.talk.say(f"not scored, because they did not finish: {left_out}")
    scored = _in_cells(asyncio.run(_score(bench, args.trust, runs, specs)), found)
    if not scored:
        hint = "Give some with --check, or as [[check]] in the template's header."
        raise UsageError(f"there is nothing to score in {session.title!r}", hint=hint)
    summary = summarise(scored)
    score_text.write(args.format, scored, summary, session.title, console)
    if not args.no_save and not session.newer:
        _keep(session, group, scored, specs, console)
    if summary.failed:
        return ExitCode.DIFFERS
    if summary.open:
        console.talk.error("Some checks could not be made; their reasons stand in the output.")
        return ExitCode.USAGE
    return ExitCode.OK


def _named(bench: Workbench, name: str) -> tuple[Session, str]:
    """A session, and the group in it that was named. Raises UsageError with a near match."""
    from workbench.session.ids import is_ulid

    sessions = bench.store.list_sessions()
    for session in sessions:
        if name in (session.title, session.dir.name, session.id):
            return session, ""
    if is_ulid(name):
        for session in sessions:
            if (session.dir / "groups" / f"{name}.toml").is_file():
                return session, name
            # A comparison in panes has no plan on disk; its runs know their group.
        for session in sessions:
            if any(info.group == name for info in bench.store.runs(session)):
                return session, name
    hint = near(name, [session.title for session in sessions]) or "'workbench sessions list' shows what there is."
    raise UsageError(f"there is no session or group {name!r}", hint=hint)


def _runs(bench: Workbench, session: Session, group: str) -> list[Found]:
    rows = (row for row in bench.store.runs(session) if not group or row.group == group)
    return [(*bench.store.read_run(session, row.id), None) for row in rows]


def _grid_runs(bench: Workbench, session: Session, group_id: str) -> Iterator[Found]:
    """The runs of a grid's cells, those included that were on disk already, in whatever session; none of other groups.

    A cell without a run has nothing to score.
    """
    from workbench.service.grid_resume import grids_of, saved_grid

    for home, group in grids_of(bench):
        if group.id != group_id or home.dir != session.dir:
            continue
        folders = {item.dir.name: item for item in bench.store.list_sessions()}
        for state in saved_grid(bench, home, group)[1]:
            if state.run_id and state.session in folders:
                info, record = bench.store.read_run(folders[state.session], state.run_id)
                yield info, record, state.cell.axes


def _in_cells(scored: Sequence[Scored], found: Sequence[Found]) -> list[Scored]:
    """With the values of this grid: a run that was on disk already carries those of the grid that it was made for."""
    cells: dict[str, list[Mapping[str, Any]]] = {}
    for info, _, cell in found:
        if cell:
            cells.setdefault(info.id, []).append(cell)
    return [replace(row, cell=cells[row.run].pop(0)) if cells.get(row.run) else row for row in scored]


async def _score(
    bench: Workbench, trust: bool, runs: Sequence[tuple[RunInfo, RunRecord]], specs: Sequence[CheckSpec]
) -> list[Scored]:
    from workbench.service.scoring import Scorer, score_runs

    try:
        return await score_runs(Scorer(bench, trust=trust), runs, specs)
    finally:
        await bench.close()


def _keep(session: Session, group: str, scored: Sequence[Scored], specs: Sequence[CheckSpec], console: Console) -> None:
    """A scoring that the disk does not take is told, not lost: it stands in the output."""
    from workbench.error import StorageError
    from workbench.service.scoring import marks_of
    from workbench.session.marks import write_marks

    data = {"checks": [spec.label for spec in specs]} if specs else {}
    try:
        marks = write_marks(session, "score", data | marks_of(scored), group_id=group)
    except StorageError as error:
        console.talk.error(f"the scoring is not kept: {error.message}")
        return
    console.talk.say(f"kept as {marks.path.relative_to(session.dir)}")
