"""One run, from request to closed record.

``RunHandle.events()`` is the one stream that both faces consume. Each event has been given to the journal before it is
yielded; a face that is about to show what it gathered calls ``flush()`` first, so that what was shown is on disk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.engine import EngineProcess
from workbench.engine.server_again import Again, ServerBusy
from workbench.error import EngineError, StorageError
from workbench.event import Chatter, Event, Failed, Finished, Piece, Progress, Thought
from workbench.record import RunRequest, RunResult, sha256_text
from workbench.service.outcome import result_of
from workbench.service.plan import RunPlan, RunSpec, plan_run
from workbench.session.ids import now_iso
from workbench.session.journal import RunJournal

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.session.store import Session

__all__ = ["RunHandle", "RunSpec"]


class RunHandle:
    """A run in the making. Not reusable: ``events()`` is iterated once, by one task.

    ``planner`` makes the plan in place of ``plan_run``, for a run that repeats another one.
    """

    def __init__(self, bench: Workbench, spec: RunSpec, planner: Callable[[], RunPlan] | None = None) -> None:
        self._bench = bench
        self._spec = spec
        self._planner = planner or partial(plan_run, bench, spec)
        self._plan: RunPlan | None = None
        self._journal: RunJournal | None = None
        self._process: EngineProcess | None = None
        self._loading: asyncio.Task[tuple[EngineProcess, bool]] | None = None
        self._cancelled = False
        self._cancelling = asyncio.Event()
        self._pieces: list[str] = []
        self._thoughts: list[str] = []
        self._unsaved = ""
        self._began = time.monotonic()
        self.session: Session | None = spec.session
        self.result: RunResult | None = None
        # The model itself, whatever the prompt: another run with it would end the same way.
        self.load_failed = False

    @property
    def request(self) -> RunRequest | None:
        """The complete request; None until the first event is due."""
        return self._plan.request if self._plan else None

    @property
    def saves(self) -> bool:
        """Whether it goes to disk at all; ``session`` may be known without."""
        return self._spec.save

    @property
    def run_id(self) -> str:
        return self._plan.request.id if self._plan else ""

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences for the person: a compatible copy was made, a slot is unbound, and the like."""
        return self._plan.notices if self._plan else ()

    @property
    def reason(self) -> str:
        """Why this engine."""
        return self._plan.reason if self._plan else ""

    @property
    def text(self) -> str:
        """All output so far, exact."""
        return "".join(self._pieces)

    @property
    def save_problem(self) -> str:
        """Empty while everything is on disk, else what is wrong, for example ``not saved: disk full``."""
        return self._unsaved or (self._journal.problem if self._journal else "")

    def rescue(self) -> Path:
        """Keep a run that could not be saved in the user's state folder; the path of its readable record.

        Raises StorageError when that folder takes nothing either. Blocking.
        """
        assert self._plan is not None
        request, result = self._plan.request, self.result
        session = self._bench.store.unsaved_session(self._title)
        if self._journal is not None:
            path = self._journal.save_elsewhere(session.dir)
        else:
            journal = RunJournal.create(session.dir, request)
            journal.write(Piece(t_ms=0, index=0, text=self.text))
            journal.finish(result or result_of(self._cancel_event(self._began), self.text, len(self._pieces)))
            path = journal.path
        self.session, self._unsaved = session, ""
        return path

    @property
    def _title(self) -> str:
        if self.session is not None:
            return self.session.title
        name = self._spec.document.path.rpartition("/")[2]
        return self._spec.document.header.title or name.removesuffix(".j2")

    def flush(self) -> None:
        """Put every event yielded so far into the record; call before showing them."""
        if self._journal is not None:
            self._journal.flush()

    async def cancel(self) -> None:
        """Stop loading or decoding; the text so far is kept. Returns when the engine has been told."""
        self._cancelled = True
        self._cancelling.set()
        if self._journal is not None and self.result is None:
            self._journal.mark("cancel", _since(self._began))
        if self._process is not None:
            await self._process.cancel()
        elif self._loading is not None:
            self._loading.cancel()

    async def events(self) -> AsyncIterator[Event]:
        """Plan, record, load, generate, close the record.

        Raises TemplateError, ModelError or UsageError when there is nothing to run; whatever happens later is a
        ``Failed`` event. Leaving the iteration early cancels the run and closes its record.
        """
        started = self._began = time.monotonic()
        created = now_iso()
        async for event in self._waited_for(started):
            yield event
        if (plan := self._plan) is None:
            return
        # The same moment as that of all times of the run: the runs of a group are played with their true offsets.
        plan = self._plan = replace(plan, request=replace(plan.request, created=created))
        if self._spec.save:
            await asyncio.to_thread(self._open_journal, plan.request)
        last: Finished | Failed | None = None
        try:
            # Closed here and not by the collector some time later: the engine is given back with the last event.
            async with aclosing(self._engine_events(plan, started)) as stream:
                async for event in stream:
                    if isinstance(event, Piece):
                        self._pieces.append(event.text)
                    if isinstance(event, Thought):
                        self._thoughts.append(event.text)
                    if isinstance(event, Finished | Failed):
                        last = event
                        break
                    if self._journal is not None:
                        self._journal.write(event)
                    yield event
        finally:
            if last is None:
                await self.cancel()
                last = self._cancel_event(started)
            await self._finish(last)
        yield last

    async def _waited_for(self, started: float) -> AsyncGenerator[Event, None]:
        """Make the plan, which asks a server about itself; one that is still loading is asked until it answers."""
        again = Again()
        while self._plan is None:
            try:
                self._plan = await asyncio.to_thread(self._planner)
            except ServerBusy as busy:
                seconds = again.wait(busy.fault)
                if seconds < 0:
                    raise
                if again.words:
                    yield Chatter(_since(started), again.words)
                yield Progress(_since(started), "load", 0)
                if await self._given_up(seconds):
                    yield self._cancel_event(started)
                    return

    async def _given_up(self, seconds: float) -> bool:
        """Whether the run is cancelled within the time."""
        try:
            async with asyncio.timeout(seconds):
                await self._cancelling.wait()
        except TimeoutError:
            return False
        return True

    def _open_journal(self, request: RunRequest) -> None:
        try:
            if self.session is None:
                self.session = self._bench.store.new_session(self._title)
            # Not strict: on a full disk the run goes on in memory, and writing is tried again.
            self._journal = RunJournal.create(self.session.dir, request, strict=False)
        except StorageError as error:
            # The run itself needs no disk: go on, say so, keep the text in memory.
            self._unsaved = f"not saved: {error.message}"

    async def _engine_events(self, plan: RunPlan, started: float) -> AsyncGenerator[Event, None]:
        pool = self._bench.pool
        queue: asyncio.Queue[Progress | None] = asyncio.Queue()
        self._loading = asyncio.create_task(pool.acquire(plan.load, queue.put_nowait))
        self._loading.add_done_callback(lambda _task: queue.put_nowait(None))
        if self._cancelled:
            self._loading.cancel()
        try:
            while (progress := await queue.get()) is not None:
                yield progress
        except BaseException:
            await self._give_back(self._loading)
            raise
        try:
            self._process, _warm = self._loading.result()
        except asyncio.CancelledError:
            yield self._cancel_event(started)
            return
        except EngineError as error:
            self.load_failed = True
            yield Failed(
                t_ms=_since(started),
                reason="error" if error.kind == "load" else "crash",
                message=error.message,
                hint=error.hint,
                kind=error.kind,
                stderr=error.stderr,
            )
            return
        healthy = True
        try:
            if self._cancelled:
                yield self._cancel_event(started)
                return
            stream = self._process.generate(
                plan.prompt_text, plan.request.params, run_started=started, messages=plan.messages
            )
            async for event in stream:
                healthy = not isinstance(event, Failed) or event.kind in ("context", "refused")
                yield event
        finally:
            process, self._process = self._process, None
            await pool.release(process, keep=healthy)

    async def _give_back(self, loading: asyncio.Task[tuple[EngineProcess, bool]]) -> None:
        """Nobody waits for this engine any more; it may have come already."""
        loading.cancel()
        await asyncio.wait([loading])
        if not loading.cancelled() and loading.exception() is None:
            await self._bench.pool.release(loading.result()[0])

    def _cancel_event(self, started: float) -> Finished:
        return Finished(
            t_ms=_since(started),
            status="cancelled",
            reason="cancel",
            tokens_in=0,
            tokens_out=len(self._pieces),
            sha256=sha256_text(self.text),
        )

    async def _finish(self, last: Finished | Failed) -> None:
        self.result = result_of(last, self.text, len(self._pieces), reasoning="".join(self._thoughts))
        if self._journal is not None:
            await asyncio.to_thread(self._journal.finish, self.result)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
