"""Measure a model on this machine: load, first token, and tokens per second by threads and by parallel runs.

Every figure comes from real runs in children of their own, the better of two. What was measured before a stop counts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from workbench.engine import EngineProcess, LoadSpec
from workbench.engine.measured import remember_memory
from workbench.error import EngineError
from workbench.event import Failed, Finished, Piece
from workbench.param import Params

PROMPT = "One day, a fisherman found an old lamp on the beach. He took it home and " * 4
CLOSE = 0.95  # a rate this near to the best counts as equal, and fewer threads win


@dataclass(frozen=True, slots=True)
class Sample:
    """One setting. Rates in tokens per second: ``rate`` of the answer (all parallel runs together), ``read`` of the
    prompt. ``load_ms`` and ``first_ms`` in milliseconds, ``rss`` in bytes per engine.
    """

    kind: Literal["threads", "parallel"]
    n: int
    threads: int
    rate: float
    read: float = 0.0
    load_ms: int = 0
    first_ms: int = 0
    rss: int = 0


@dataclass(frozen=True, slots=True)
class _Ran:
    rate: float
    read: float
    first_ms: int
    tokens: int


async def measure_threads(
    spec: LoadSpec, threads: Sequence[int], *, tokens: int, rounds: int = 2, say: Callable[[str], None]
) -> AsyncIterator[Sample]:
    """A sample per number of threads. Raises EngineError."""
    for count in threads:
        say(f"{count} thread{'s' if count > 1 else ''}")
        engine = await EngineProcess.launch(replace(spec, n_threads=count))
        try:
            runs = [await _run(engine, tokens) for _ in range(rounds)]
            rss = engine.resident()
            await asyncio.to_thread(remember_memory, spec.engine, Path(spec.path), spec.n_ctx, rss)
        finally:
            await engine.close()
        yield Sample(
            "threads",
            count,
            count,
            max(run.rate for run in runs),
            max(run.read for run in runs),
            engine.info.ms_load,
            min(run.first_ms for run in runs),
            rss,
        )


async def measure_parallel(
    spec: LoadSpec, counts: Sequence[int], *, threads: Callable[[int], int], tokens: int, say: Callable[[str], None]
) -> AsyncIterator[Sample]:
    """A sample per number of engines that run at once, ``threads(n)`` threads each. Raises EngineError."""
    engines: list[EngineProcess] = []
    try:
        for count in counts:
            say(f"{count} at once")
            each = threads(count)
            await asyncio.gather(*(engine.close() for engine in engines))
            engines.clear()
            for _ in range(count):
                engines.append(await EngineProcess.launch(replace(spec, n_threads=each)))
            begun = time.monotonic()
            runs = await asyncio.gather(*(_run(engine, tokens) for engine in engines))
            wall = time.monotonic() - begun
            first = max(run.first_ms for run in runs)
            yield Sample("parallel", count, each, sum(run.tokens for run in runs) / wall, first_ms=first)
    finally:
        await asyncio.gather(*(engine.close() for engine in engines))


def best_of(samples: Sequence[Sample]) -> Sample:
    """The fastest; of nearly equal ones that with the fewest threads."""
    fastest = max(sample.rate for sample in samples)
    return min((sample for sample in samples if sample.rate >= CLOSE * fastest), key=lambda sample: sample.n)


async def _run(engine: EngineProcess, tokens: int) -> _Ran:
    """One cold greedy run of up to ``tokens`` tokens. Raises EngineError when it fails."""
    params = Params(temperature=0.0, repeat_penalty=1.0, max_tokens=tokens, seed=0, cold_cache=True)
    begun, first, last = time.monotonic(), 0.0, 0.0
    end: Finished | Failed | None = None
    async for event in engine.generate(PROMPT, params):
        if isinstance(event, Piece):
            last = time.monotonic()
            first = first or last
        elif isinstance(event, Finished | Failed):
            end = event
    if not isinstance(end, Finished):
        message = end.message if end else "the run did not end"
        raise EngineError(message, hint="`workbench engines --self-test` tells more.")
    wait = max(first - begun, 1e-6)
    rate = (end.tokens_out - 1) / (last - first) if last > first else 0.0
    return _Ran(rate, end.tokens_in / wait, round(wait * 1000), end.tokens_out)
