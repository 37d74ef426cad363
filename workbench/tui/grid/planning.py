"""Planning behind the form: the last wish wins, one plan at a time, and never more than is worth it while typing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.display import counted
from workbench.error import WorkbenchError
from workbench.service.grid_axes import grid_plan
from workbench.service.grid_estimate import estimate
from workbench.service.grid_plan import Grid, prepare_cells, refuse_too_many
from workbench.service.grid_words import estimate_lines
from workbench.tui.grid.wish import Base, Wish, WishError, spec_of

if TYPE_CHECKING:
    from workbench.service import Workbench

# Beyond this many runs the prompts are rendered only when somebody starts the grid.
WHILE_TYPING = 2000
_TOLD_EVERY = 50


class _OvertakenError(WorkbenchError):
    """Something else is written in the form by now."""


@dataclass(frozen=True)
class Planned:
    """``lines`` say what it costs, or what is wrong (``field`` of the form). ``grid`` None: not planned to the end."""

    wish: Wish
    lines: tuple[str, ...]
    grid: Grid | None = None
    to_run: int = 0
    error: WorkbenchError | None = None
    field: str = ""


class Planning:
    """All methods belong to the loop; the work is done in a thread."""

    def __init__(self, bench: Workbench, base: Base) -> None:
        self._bench, self._base = bench, base
        self._asked = 0
        self._one = asyncio.Lock()
        self._last: Planned | None = None

    def forget(self) -> None:
        """Whatever is being planned is no longer wanted."""
        self._asked += 1

    async def plan(self, wish: Wish, on_progress: Callable[[int, int], None], *, whole: bool = False) -> Planned | None:
        """Plan ``wish``; ``whole`` however large. None when another call came after this one."""
        self._asked += 1
        mine = self._asked
        async with self._one:
            if mine != self._asked:
                return None
            last = self._last
            if last is not None and last.wish == wish and (last.grid is not None or (last.error and not whole)):
                return last
            planned = await self._plan(wish, mine, on_progress, whole=whole)
            if planned is not None:
                self._last = planned
            return planned

    async def _plan(
        self, wish: Wish, mine: int, on_progress: Callable[[int, int], None], *, whole: bool
    ) -> Planned | None:
        loop = asyncio.get_running_loop()

        def progress(done: int, total: int) -> None:
            if mine != self._asked:
                raise _OvertakenError("overtaken")
            if total > WHILE_TYPING and done % _TOLD_EVERY == 0:
                loop.call_soon_threadsafe(on_progress, done, total)

        try:
            grid, count = await asyncio.to_thread(self._prepared, wish, progress, whole=whole)
            if grid is None:
                lines = (f"{counted(count, 'run')}; what they cost is worked out when you start", "time unknown")
                return Planned(wish, lines, to_run=count)
            told = await estimate(self._bench, grid)
        except _OvertakenError:
            return None
        except WorkbenchError as error:
            field = error.field if isinstance(error, WishError) else ""
            return Planned(wish, tuple(str(error).split("\n")), error=error, field=field)
        return Planned(wish, tuple(estimate_lines(told, grid, how="cold")), grid, told.to_run)

    def _prepared(self, wish: Wish, progress: Callable[[int, int], None], *, whole: bool) -> tuple[Grid | None, int]:
        """Blocking. Raises WorkbenchError."""
        spec = spec_of(self._bench, wish, self._base)
        plan, documents = grid_plan(self._bench, spec)
        refuse_too_many(plan)
        if plan.count > WHILE_TYPING and not whole:
            return None, plan.count
        return prepare_cells(self._bench, spec, plan, documents, on_progress=progress), plan.count
