"""The checks of a grid that only stands on disk: made again from its runs, behind the table, those of the text only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.compare.check import OUTSIDE, CheckSpec, parse_check_text, parse_checks, unmade
from workbench.error import WorkbenchError
from workbench.service.scoring import Scorer, subject_of
from workbench.template.document import parse_document

if TYPE_CHECKING:
    from workbench.compare.check import Subject
    from workbench.compare.state import CellState
    from workbench.session.groups import Group
    from workbench.tui.grid.live import GridLive

AT_ONCE = 50
ELSEWHERE = "'workbench score' makes it, or going on with the grid"


def saved_specs(group: Group) -> list[CheckSpec]:
    """The checks of the template as it was, then those beside them; none that cannot be read."""
    specs: list[CheckSpec] = []
    try:
        for row in group.plan.get("documents", ()):
            if row.get("name") == "":
                document = parse_document(str(row.get("source", "")), path=str(row.get("path", "template")))
                specs += parse_checks(document.header.checks, file=document.path)
        specs += [parse_check_text(str(text)) for text in group.plan.get("checks", ())]
    except (WorkbenchError, AttributeError, TypeError):
        return specs
    return specs


async def check_saved(live: GridLive) -> None:
    """Fill in ``checks`` of the runs that have ended well, in parts; each part marks its cells as changed."""
    specs = saved_specs(live.place[1]) if live.place is not None else []
    done = [state for state in live.states if state.status == "done" and not state.checks]
    if not specs:
        return
    scorer = Scorer(live.bench)
    now = [spec for spec in specs if spec.kind not in OUTSIDE]
    for start in range(0, len(done), AT_ONCE):
        pairs = await asyncio.to_thread(_subjects, live, done[start : start + AT_ONCE])
        made = await scorer.check_all(now, [subject for _, subject in pairs])
        for (state, _), results in zip(pairs, made, strict=True):
            found = iter(results)
            state.checks = tuple(unmade(spec, ELSEWHERE) if spec.kind in OUTSIDE else next(found) for spec in specs)
        live.touch(state.number for state, _ in pairs)


def _subjects(live: GridLive, states: Sequence[CellState]) -> list[tuple[CellState, Subject]]:
    """Runs that can be read, as checks take them. Blocking."""
    found = []
    for state in states:
        try:
            record = live.record(state)
        except WorkbenchError:
            continue
        found.append((state, subject_of(record.request, record.result)))
    return found
