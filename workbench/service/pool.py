"""Loaded engines, kept warm between runs.

One child process per (engine, file, context, threads). A lease is exclusive: an engine that is busy is never shared,
a second run of the same model gets a second child. At most ``idle_limit`` idle children are kept, the oldest goes
first, so that switching models gives the memory back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psutil

from workbench.engine import EngineProcess, LoadSpec
from workbench.event import Progress


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
        await self._shrink(0 if not self._busy else self._idle_limit)
        self._loading += 1
        try:
            process = await EngineProcess.launch(spec, on_progress=on_progress)
        finally:
            self._loading -= 1
        self._busy[process] = spec
        return process, False

    async def release(self, process: EngineProcess, *, keep: bool = True) -> None:
        """Give a lease back; a dead or unwanted engine is closed."""
        spec = self._busy.pop(process, None)
        if spec is None or not keep or self._closed or not process.alive:
            await process.close()
            return
        self._idle.append((spec, process))
        await self._shrink(self._idle_limit)

    @property
    def idle(self) -> tuple[EngineProcess, ...]:
        """Loaded engines that wait for the next run, oldest first."""
        return tuple(process for _, process in self._idle)

    def threads_for(self, engine: str) -> int:
        """Threads for one more engine: the cores but one, shared among live engines; gpt4all spins, so one.

        The spare core is not politeness: with every core taken, any other work stalls the engine's barrier. On two
        cores, two threads decoded 46 tokens/s where one decoded 86 (median of 2, SmolLM2 Q4_1).
        """
        if engine == "gpt4all":
            return 1
        cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
        return max(1, (cores - 1) // (1 + len(self._busy) + self._loading))

    async def _shrink(self, limit: int) -> None:
        while len(self._idle) > limit:
            _, process = self._idle.pop(0)
            await process.close()

    async def close(self) -> None:
        """Close every child; safe to call twice."""
        self._closed = True
        children = [process for _, process in self._idle] + list(self._busy)
        self._idle.clear()
        self._busy.clear()
        await asyncio.gather(*(process.close() for process in children))
