"""A grid with its states, running or from disk, that goes on whether or not a screen looks at it.

Events only mark cells as changed; a screen takes the marks a dozen times a second and draws what it shows of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from workbench.compare.plan import GridPlan
from workbench.compare.state import CellState
from workbench.compare.table import GridTable
from workbench.display import counted
from workbench.error import StorageError, UsageError, WorkbenchError
from workbench.service.grid import GridRun
from workbench.service.grid_events import CellFailed, CellFinished, CellProgress, GridEvent, Totals
from workbench.service.grid_record import take_marks
from workbench.service.grid_words import duration

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.service.grid_plan import Grid
    from workbench.session.groups import Group
    from workbench.session.info import RunRecord, Session


class GridLive:
    """``run`` is None for a grid that was only read from disk, ``reading`` while that goes on.

    All methods but those that block belong to the loop.
    """

    def __init__(
        self,
        bench: Workbench,
        plan: GridPlan,
        states: Sequence[CellState],
        *,
        title: str,
        grid: Grid | None = None,
        place: tuple[Session, Group] | None = None,
    ) -> None:
        self.bench, self.plan, self.states, self.title, self.grid = bench, plan, states, title, grid
        self.run = GridRun(bench, grid) if grid is not None else None
        self._place = place
        self.table = GridTable(plan, states)
        self.running = False
        self.reading = False
        # So many of so many runs were read from the disk.
        self.read = (0, 0)
        self.error = ""
        self.seen = True
        self._changed: set[int] = set()
        self._totals: Totals | None = None
        self._phase = ""
        self._folders: dict[str, Session] = {}
        self._marks: dict[str, dict[str, Mapping[str, Any]]] = {}

    # -- running -----------------------------------------------------------------------------------------------

    async def go(self) -> None:
        """Run it to its end; what went wrong ends up in ``error``."""
        assert self.run is not None
        self.running, self.seen = True, False
        try:
            async with aclosing(self.run.events()) as events:
                async for event in events:
                    self._take(event)
        except WorkbenchError as error:
            self.error = str(error)
        finally:
            self.running = False
            self._changed |= {state.number for state in self.states if state.status == "cancelled"}

    def _take(self, event: GridEvent) -> None:
        if isinstance(event, Totals):
            self._phase = ""
            return
        self._changed.add(event.number)
        if isinstance(event, CellProgress):
            self._phase = "loading" if event.progress.phase == "load" else "reading prompt"
        else:
            self._phase = ""
        if isinstance(event, CellFailed):
            self.error = event.state.error.partition("\n")[0]
        elif isinstance(event, CellFinished) and event.state.problem:
            self.error = event.state.problem

    def take_changed(self) -> set[int]:
        """The cells that changed since the last call; what they show is on disk."""
        if self._changed and self.run is not None and self.running:
            self.run.flush()
        changed, self._changed = self._changed, set()
        return changed

    def touch(self, numbers: Iterable[int]) -> None:
        """These cells changed by something else than a run."""
        self._changed |= set(numbers)

    @property
    def totals(self) -> Totals:
        if self.run is not None:
            return self.run.totals
        if self._totals is None:
            # What stands on disk does not change while it is looked at.
            counts = Counter(state.status for state in self.states)
            reused = sum(state.reused for state in self.states)
            self._totals = Totals(len(self.states), counts["done"], counts["failed"], reused)
        return self._totals

    @property
    def place(self) -> tuple[Session, Group] | None:
        """Where it stands on disk, once it does."""
        if self.run is not None and self.run.session is not None and self.run.group is not None:
            return self.run.session, self.run.group
        return self._place

    @property
    def engines_at_work(self) -> set[str]:
        """Of the runs that go on now."""
        if self.grid is None or not self.running:
            return set()
        return {item.load.engine for item in self.grid.cells if item.state.status == "running"}

    # -- words -------------------------------------------------------------------------------------------------

    def parts(self) -> list[str]:
        """The status line, from the most to the least important."""
        if self.reading:
            done, total = self.read
            return [f"reading the disk: {done:,} of {counted(total, 'run')}" if total else "reading the disk"]
        totals = self.totals
        parts = [self._state(totals)]
        counts = [f"{totals.done} of {totals.planned} done"]
        counts += [f"{totals.failed} failed"] if totals.failed else []
        counts += [f"{totals.reused} from disk"] if totals.reused else []
        parts.append(", ".join(counts))
        if totals.tokens_per_s:
            parts.append(f"{totals.tokens_per_s:.1f} tok/s")
        if self.running and totals.seconds_left:
            parts.append(f"{duration(totals.seconds_left)} left")
        return parts + ([self._phase] if self._phase and self.running else [])

    def _state(self, totals: Totals) -> str:
        if self.running:
            if totals.paused:
                return "pausing" if totals.running else "paused"
            return "running"
        return "complete" if not totals.left and not totals.failed else "stopped" if totals.left else "ended"

    # -- records -----------------------------------------------------------------------------------------------

    def session(self, state: CellState) -> Session | None:
        """The session of a run; read once. Blocking, short."""
        name = state.session
        place = self.place
        if not name or not state.run_id:
            return None
        if name not in self._folders:
            if place is not None and place[0].dir.name == name:
                self._folders[name] = place[0]
            else:
                found = next((path for path in self.bench.store.folders() if path.name == name), None)
                if found is None:
                    return None
                self._folders[name] = self.bench.store.open_session(found)
        return self._folders[name]

    def record(self, state: CellState) -> RunRecord:
        """The run as it stands on disk. Blocking. Raises WorkbenchError."""
        session = self.session(state)
        if session is None:
            raise UsageError("this cell has no run yet", hint="Wait for it, or press F5 to go on.")
        return self.bench.store.open_run(session, state.run_id)

    def prompt(self, state: CellState) -> str:
        """What the cell asks, as far as it is known without its record."""
        return self.grid.cells[state.number].text if self.grid is not None else ""

    def marks(self, state: CellState) -> Mapping[str, Any]:
        """Rating, star and note of a run, as they were last read or set."""
        return self._marks.get(state.session, {}).get(state.run_id, {})

    def read_marks(self) -> None:
        """Those of all sessions of the grid. Blocking."""
        for name in {state.session for state in self.states if state.run_id}:
            one = next(state for state in self.states if state.session == name and state.run_id)
            try:
                session = self.session(one)
            except StorageError:
                continue
            if session is not None:
                self._take_marks(name, session)

    def _take_marks(self, name: str, session: Session) -> None:
        """The cells have them as well: what is exported and what a check says follow them."""
        self._marks[name] = {run: dict(marks) for run, marks in session.runs.items()}
        for state in self.states:
            if state.session == name and state.run_id:
                take_marks(state, self._marks[name].get(state.run_id, {}))

    def mark(self, state: CellState, change: Callable[[Any, Session, str], Session]) -> None:
        """Carry out ``change(store, session, run id)`` and keep what it gives. Blocking. Raises WorkbenchError."""
        session = self.session(state)
        if session is None:
            raise UsageError("this cell has no run yet", hint="Only what has run can be marked.")
        # Read anew: somebody else may have written to it.
        changed = change(self.bench.store, self.bench.store.open_session(session.dir), state.run_id)
        self._folders[state.session] = changed
        self._take_marks(state.session, changed)
