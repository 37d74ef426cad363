"""A grid that runs: cells in their order, all of one model before the next, each a normal saved run.

``GridRun.events()`` is the one stream for both faces, iterated once. What has finished stays finished: the plan is on
disk before the first run, each run carries its cell, and ``grid_resume.py`` finds out what is missing. A face that
shows pieces calls ``flush()`` first, as with a single run.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

from workbench.compare.state import CellState
from workbench.error import WorkbenchError
from workbench.event import Failed, Finished, Piece, Progress
from workbench.service.grid_check import CellChecks
from workbench.service.grid_events import (
    CellChecked,
    CellFailed,
    CellFinished,
    CellPiece,
    CellProgress,
    CellStarted,
    GridEvent,
    Totals,
)
from workbench.service.grid_keep import rescue, retire
from workbench.service.grid_plan import Grid, PreparedCell
from workbench.service.grid_record import fill, group_data, take_result
from workbench.session.groups import Group, hold_group, write_group

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.service.run import RunHandle
    from workbench.session.store import Session

_QUEUED = 1000
# Runs at once by engine. A server decides by itself how many it truly works on; here a second child of the same model
# takes the core that the first one needs (bench/README.md has the figures).
PARALLEL: Mapping[str, int] = {"server": 4}


class GridRun:
    """A grid in the making. All methods belong to one event loop."""

    def __init__(self, bench: Workbench, grid: Grid) -> None:
        self._bench = bench
        self.grid = grid
        self.session: Session | None = grid.spec.session
        self.group: Group | None = grid.group
        self._checks = CellChecks(bench, grid)
        self._queue: asyncio.Queue[GridEvent | None] = asyncio.Queue(_QUEUED)
        self._live: dict[int, RunHandle] = {}
        self._open = asyncio.Event()
        self._open.set()
        self._stopping = False
        self._deaf = False
        self._broken: dict[Any, str] = {}
        self._sums = [0, 0, 0]
        self._counts: Counter[str] = Counter(state.status for state in grid.states)
        self._worked = 0.0
        self._since: float | None = None
        self._made = 0
        self._loaded = 0.0

    # -- what a person does --------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Start no further run; those that go on finish."""
        self._open.clear()

    def resume(self) -> None:
        self._open.set()

    @property
    def paused(self) -> bool:
        return not self._open.is_set()

    def stop_after_current(self) -> None:
        """End once the runs that go on have finished."""
        self._stopping = True
        self._open.set()

    async def cancel(self) -> None:
        """End now: what goes on is cancelled, its text is kept, and ``--resume`` runs it again."""
        self.stop_after_current()
        await asyncio.gather(*(handle.cancel() for handle in list(self._live.values())))

    def flush(self) -> None:
        """Put everything that was yielded so far into the records; call before showing pieces."""
        for handle in list(self._live.values()):
            handle.flush()

    # -- what happens --------------------------------------------------------------------------------------------

    @property
    def totals(self) -> Totals:
        planned, done, failed = len(self.grid.cells), self._counts["done"], self._counts["failed"]
        seconds = self._worked + (time.monotonic() - self._since if self._since is not None else 0.0)
        left = planned - done - failed
        each = max(0.0, seconds - self._loaded) / self._made if self._made else None
        return Totals(
            planned=planned,
            done=done,
            failed=failed,
            reused=self._counts["reused"],
            running=len(self._live),
            tokens_in=self._sums[0],
            tokens_cached=self._sums[1],
            tokens_out=self._sums[2],
            seconds=seconds,
            seconds_left=each * left if each is not None else 0.0 if not left else None,
            paused=self.paused,
        )

    async def events(self) -> AsyncGenerator[GridEvent, None]:
        """Everything until the grid has ended, was stopped or cancelled; the last event is ``Totals``.

        Raises StorageError when the plan cannot be written, UsageError while another process runs this group. Leaving
        the iteration early cancels.
        """
        await asyncio.to_thread(self._open_group)
        assert self.group is not None
        with hold_group(self.group) if self.group.path.is_file() else contextlib.nullcontext():
            work = asyncio.create_task(self._work())
            work.add_done_callback(lambda _task: self._wake())
            try:
                while not (work.done() and self._queue.empty()):
                    event = await self._queue.get()
                    if event is not None:
                        yield event
                await work
            finally:
                self._deaf = True
                while not self._queue.empty():
                    self._queue.get_nowait()
                if not work.done():
                    await self.cancel()
                    await asyncio.gather(work, return_exceptions=True)
        yield self.totals

    def _wake(self) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(None)

    def _open_group(self) -> None:
        """The plan is on disk before the first run."""
        spec = self.grid.spec
        if self.session is None and not self.grid.order:
            # A session of its own would stay without a run.
            self.session = self._beside_its_runs()
        if self.session is None:
            title = spec.document.header.title or spec.document.path.rpartition("/")[2].removesuffix(".j2")
            self.session = self._bench.store.new_session(f"{title} grid", tags=("grid",))
        if self.group is None:
            self.group = write_group(self.session, "grid", group_data(self.grid))

    def _beside_its_runs(self) -> Session | None:
        """The newest session with runs that this grid takes from disk, if it can be written."""
        found = {item.reused.session.dir.name: item.reused.session for item in self.grid.cells if item.reused}
        free = [name for name, s in found.items() if not (s.newer or s.older or s.unsaved or s.problem)]
        return found[max(free)] if free else None

    async def _put(self, event: GridEvent) -> None:
        if not self._deaf:
            await self._queue.put(event)

    async def _work(self) -> None:
        await self._take_known()
        left = deque(self.grid.cells[number] for number in self.grid.order)
        while left and not self._stopping:
            model = left[0].model
            batch: deque[PreparedCell] = deque()
            while left and left[0].model == model:
                batch.append(left.popleft())
            lanes = min(self.grid.spec.parallel or PARALLEL.get(batch[0].load.engine, 1), len(batch))
            self._bench.pool.keep_idle(lanes)
            try:
                await asyncio.gather(*(self._lane(batch) for _ in range(lanes)))
            finally:
                self._bench.pool.keep_idle(1)
        await self._check_later()

    async def _take_known(self) -> None:
        """Cells that have their run already: of this grid, or made for something else."""
        for item in self.grid.cells:
            if item.state.ended:
                # Left behind when this process was killed after the later run, before the move.
                await retire(self._bench.store, self.session, item.replaces)
            if item.state.status == "done":
                await self._checks.run(item)
            elif item.reused is not None and item.state.status == "planned":
                fill(item.state, item.reused.record, item.reused.session)
                item.state.reused = True
                self._counts.update(("done", "reused"))
                await self._checks.run(item)
                await self._put(CellFinished(item.cell.number, item.state))
        await self._put(self.totals)

    async def _check_later(self) -> None:
        if self._stopping or not self._checks.later:
            return
        done = [item for item in self.grid.cells if item.state.status == "done"]
        await self._checks.run_later(done, self.session)
        for item in done:
            await self._put(CellChecked(item.cell.number, item.state))

    async def _lane(self, batch: deque[PreparedCell]) -> None:
        while batch:
            await self._open.wait()
            if self._stopping or not batch:
                return
            item = batch.popleft()
            self._since = self._since if self._since is not None else time.monotonic()
            try:
                await self._one(item)
            finally:
                self._live.pop(item.cell.number, None)
                if not self._live and self._since is not None:
                    self._worked += time.monotonic() - self._since
                    self._since = None
            await self._put(self.totals)

    async def _one(self, item: PreparedCell) -> None:
        state, number = item.state, item.cell.number
        if item.load in self._broken:
            # The model did not load a moment ago; trying again for each cell would only take time.
            state.error = f"not run: {self._broken[item.load]}"
            await self._failed(state)
            return
        assert self.group is not None
        handle = self._bench.start_run(self.grid.run_spec(item, self.session, self.group.id))
        self._live[number] = handle
        state.status = "running"
        try:
            await self._follow(item, handle)
        except WorkbenchError as error:
            state.error = str(error)
            await self._failed(state)

    async def _failed(self, state: CellState) -> None:
        state.status = "failed"
        self._counts["failed"] += 1
        await self._put(CellFailed(state.number, state))

    async def _follow(self, item: PreparedCell, handle: RunHandle) -> None:
        state, number, began = item.state, item.cell.number, False
        last: Finished | Failed | None = None
        async for event in handle.events():
            if not began:
                began = True
                state.run_id = handle.run_id
                await self._put(CellStarted(number, handle.run_id))
            if isinstance(event, Piece):
                state.text += event.text
                await self._put(CellPiece(number, event))
            elif isinstance(event, Progress):
                await self._put(CellProgress(number, event))
            elif isinstance(event, Finished | Failed):
                last = event
        await self._ended(item, handle, last)
        if isinstance(last, Failed):
            if handle.load_failed:
                self._broken[item.load] = last.message
            await self._failed(state)
        else:
            self._counts[state.status] += 1
            await self._put(CellFinished(number, state))

    async def _ended(self, item: PreparedCell, handle: RunHandle, last: Finished | Failed | None) -> None:
        state, result, request = item.state, handle.result, handle.request
        assert result is not None
        assert request is not None
        take_result(state, result, request.params.seed)
        state.session = handle.session.dir.name if handle.session is not None else ""
        if handle.save_problem:
            # No further one is started: its disk takes nothing.
            state.problem = await rescue(handle)
            self.stop_after_current()
        if isinstance(last, Finished):
            state.tokens_cached = last.tokens_cached
            self._sums = [
                total + more
                for total, more in zip(self._sums, (last.tokens_in, last.tokens_cached, last.tokens_out), strict=True)
            ]
        self._made += state.status == "done"
        self._loaded += state.ms_load / 1000
        if state.status == "done":
            await self._checks.run(item)
        if state.ended and not state.problem:
            await retire(self._bench.store, self.session, item.replaces)
