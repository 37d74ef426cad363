"""Loaded engines, kept warm between runs.

One child process per (engine, file, context, threads). A lease is exclusive: an engine that is busy is never shared,
a second run of the same model gets a second child. At most ``idle_limit`` idle children are kept, the oldest goes
first, so that switching models gives the memory back. Servers' models take no memory here and do not count.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from workbench.engine import EngineProcess, LoadSpec
from workbench.engine.compat import mark_of
from workbench.engine.measured import measured, remember_memory
from workbench.engine.memory import free_memory
from workbench.engine.quarantine import note_success
from workbench.engine.threads import measured_threads, share
from workbench.event import Progress

MOST_RUNS = 1000
IDLE_SERVERS = 8
GROWTH = 256 << 20  # bytes; the prompt cache may take 64 MB of them


def worn(runs: int, rss_loaded: int, rss: int) -> bool:
    """Whether an engine is better loaded anew: after very many runs, or when it has grown far beyond its start."""
    return runs >= MOST_RUNS or (bool(rss_loaded) and rss > 1.5 * rss_loaded + GROWTH)


def _learn(spec: LoadSpec, rss: int) -> None:
    """What a run that ended well tells for later ones. Blocking, short."""
    remember_memory(spec.engine, Path(spec.path), spec.n_ctx, rss, cache_type=spec.cache_type)
    note_success(spec.engine, Path(spec.path))


class EnginePool:
    """Hands out loaded engines. All methods belong to one event loop."""

    def __init__(self, *, idle_limit: int = 1) -> None:
        self._idle: list[tuple[LoadSpec, EngineProcess]] = []
        self._busy: dict[EngineProcess, LoadSpec] = {}
        self._loading = 0
        self._idle_limit = idle_limit
        self._closed = False

    async def acquire(self, spec: LoadSpec, on_progress: Callable[[Progress], None]) -> tuple[EngineProcess, bool]:
        """A loaded engine for ``spec`` and whether it was warm. Raises EngineError when it does not load."""
        for position, (held, process) in enumerate(self._idle):
            if held == spec:
                del self._idle[position]
                if process.alive:
                    self._busy[process] = spec
                    return process, True
                await process.close()
                break
        # Idle engines of other models make room first: two models at once must be somebody's wish.
        if spec.engine != "server":
            await self._shrink(self._idle_limit if self._live else 0)
        local = int(spec.engine != "server")
        self._loading += local
        try:
            process = await EngineProcess.launch(spec, on_progress=on_progress)
        finally:
            self._loading -= local
        self._busy[process] = spec
        return process, False

    async def release(self, process: EngineProcess, *, keep: bool = True) -> None:
        """Give a lease back; a dead, unwanted or worn engine is closed."""
        spec = self._busy.pop(process, None)
        if spec is None or not keep or self._closed or not process.alive:
            await process.close()
            return
        rss = process.resident()
        if worn(process.runs, process.info.rss_bytes, rss):
            await process.close()
        else:
            self._idle.append((spec, process))
            await self._shrink(self._idle_limit)
        if spec.path:
            await asyncio.to_thread(_learn, spec, rss)

    @property
    def idle(self) -> tuple[EngineProcess, ...]:
        """Loaded engines that wait for the next run, oldest first."""
        return tuple(process for _, process in self._idle)

    def keep_idle(self, count: int) -> None:
        """From now on so many idle engines of this machine stay loaded, at least one: for runs that go in parallel."""
        self._idle_limit = max(1, count)

    def threads_for(self, engine: str, path: str = "") -> int:
        """Threads for one more engine with the file at ``path``: what was measured, or a share. Blocking, short."""
        measured = measured_threads(engine, Path(path)) if path else 0
        return share(engine, measured, self._live + self._loading)

    @property
    def _live(self) -> int:
        """Engines at work on this machine."""
        return sum(spec.engine != "server" for spec in self._busy.values())

    def memory_for(self, spec: LoadSpec) -> tuple[int, int] | None:
        """Bytes that ``spec`` took when it ran before, else 0, and those that are free for it. Blocking, short.

        None for one that is loaded already: it takes nothing more. Idle engines are unloaded before another loads.
        """
        if any(held == spec for held, _ in self._idle):
            return None
        before = measured(Path(spec.path), spec.engine, spec.n_ctx, cache_type=spec.cache_type)
        return before, free_memory() + sum(process.resident() for _, process in self._idle)

    async def unload(self, path: Path) -> None:
        """Close the idle engines that hold a model's file or a copy of it: before it is removed or moved."""
        mark = await asyncio.to_thread(mark_of, path)
        for spec, process in list(self._idle):
            if spec.path and await asyncio.to_thread(mark_of, Path(spec.path)) == mark:
                with contextlib.suppress(ValueError):  # a run took it meanwhile
                    self._idle.remove((spec, process))
                    await process.close()

    async def _shrink(self, limit: int) -> None:
        """Close the oldest idle engines of this machine beyond ``limit``, and of servers beyond theirs."""
        for remote, most in ((False, limit), (True, IDLE_SERVERS)):
            while len(held := [item for item in self._idle if (item[0].engine == "server") is remote]) > most:
                self._idle.remove(held[0])
                await held[0][1].close()

    async def close(self) -> None:
        """Close every child; safe to call twice."""
        self._closed = True
        children = [process for _, process in self._idle] + list(self._busy)
        self._idle.clear()
        self._busy.clear()
        await asyncio.gather(*(process.close() for process in children))
