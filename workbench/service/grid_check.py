"""Checks of a grid's cells, run as soon as a cell has its text."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.compare.check import CheckSpec
    from workbench.service import Workbench
    from workbench.service.grid_plan import Grid, PreparedCell


class CellChecks:
    """The checks of the template's header and those given beside them. Raises what ``parse_checks`` raises."""

    def __init__(self, bench: Workbench, grid: Grid) -> None:
        self._grid = grid
        self.specs: list[CheckSpec] = []
        header = grid.spec.document.header.checks
        if header or grid.spec.checks:
            from workbench.compare.check import parse_check_text, parse_checks

            self.specs += parse_checks(header, file=grid.spec.document.path)
            self.specs += [parse_check_text(text) for text in grid.spec.checks]

    async def run(self, item: PreparedCell) -> None:
        """Fill ``item.state.checks``. Never raises: a check that cannot be run says so in its result."""
        if not self.specs:
            return
        from workbench.compare.check import Subject, run_check

        state = item.state
        subject = Subject(
            text=state.text,
            prompt=item.text,
            variables={**self._grid.spec.variables, **item.cell.axes},
            tokens_out=state.tokens_out,
            finish_reason=state.finish_reason,
        )
        state.checks = await asyncio.to_thread(lambda: tuple(run_check(spec, subject) for spec in self.specs))
