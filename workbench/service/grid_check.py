"""Checks of a grid's cells: those of the text as soon as a cell has one; code and judges once, when all cells ended.

A judge is a model of its own: loading it between two cells would load the grid's model anew for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.error import StorageError
from workbench.service.grid_uses import grid_checks

if TYPE_CHECKING:
    from workbench.compare.check import CheckSpec, Subject
    from workbench.service import Workbench
    from workbench.service.grid_plan import Grid, PreparedCell
    from workbench.service.scoring import Scorer
    from workbench.session.store import Session

LATER = "it is made when all runs have ended"


class CellChecks:
    """The checks of the template's header, then those given beside them. Raises what parsing them raises."""

    def __init__(self, bench: Workbench, grid: Grid) -> None:
        self._bench = bench
        self._scorer: Scorer | None = None
        self.specs: list[CheckSpec] = []
        self.specs += grid_checks(grid.spec)
        if self.specs:
            from workbench.service.scoring import Scorer

            self._scorer = Scorer(bench, trust=grid.spec.trust)

    @property
    def later(self) -> bool:
        """Whether some checks wait for the end."""
        return any(self._outside(spec) for spec in self.specs)

    def _outside(self, spec: CheckSpec) -> bool:
        from workbench.compare.check import OUTSIDE

        return spec.kind in OUTSIDE

    async def run(self, item: PreparedCell) -> None:
        """Fill ``item.state.checks``. Never raises on content: a check that cannot be made says so in its result."""
        if self._scorer is None:
            return
        from workbench.compare.check import unmade

        now = [spec for spec in self.specs if not self._outside(spec)]
        made = iter(await self._scorer.check(now, _subject(item)))
        item.state.checks = tuple(unmade(spec, LATER) if self._outside(spec) else next(made) for spec in self.specs)

    async def run_later(self, items: Sequence[PreparedCell], session: Session | None) -> None:
        """The checks that waited, for all cells that have a text."""
        if self._scorer is None or not self.later or not items:
            return
        outside = [spec for spec in self.specs if self._outside(spec)]
        subjects = [self._recorded(item, session) for item in items]
        for item, results in zip(items, await self._scorer.check_all(outside, subjects), strict=True):
            made = iter(results)
            item.state.checks = tuple(
                next(made) if self._outside(spec) else known
                for spec, known in zip(self.specs, item.state.checks, strict=True)
            )

    def _recorded(self, item: PreparedCell, session: Session | None) -> Subject:
        """With the prompt as people read it, from the run's record if there is one."""
        from workbench.service.scoring import subject_of

        if item.reused is not None:
            return subject_of(item.reused.record.request, item.reused.record.result)
        if session is not None and item.state.run_id:
            try:
                record = self._bench.store.open_run(session, item.state.run_id)
            except StorageError:
                return _subject(item)
            return subject_of(record.request, record.result)
        return _subject(item)


def _subject(item: PreparedCell) -> Subject:
    from workbench.compare.check import Subject

    state = item.state
    return Subject(state.text, item.text, item.variables, state.tokens_out, state.finish_reason)
