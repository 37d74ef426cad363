"""What was read before is not read again, except in runs that are to be exact; and a stop is a stop."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.contract.suite import collect, finished, pieces, started, stop_when, text
from tests.tiny_model import write_tiny
from workbench.engine import EngineProcess, LoadSpec
from workbench.event import Event, Piece, Progress
from workbench.param import Params

DRAWN = Params(temperature=1.3, seed=11, max_tokens=30, repeat_penalty=1.0)
CONTEXT = 2048
SHARED = "hello world and the city of " * 250
BATCH = 64


async def launch(engine: str, model: Path, n_ctx: int = CONTEXT) -> EngineProcess:
    return await EngineProcess.launch(LoadSpec(engine, str(model), n_ctx=n_ctx, n_threads=1, n_batch=BATCH))


async def test_only_the_changed_end_of_a_long_prompt_is_read(tmp_path: Path) -> None:
    engine = await launch("llamacpp", write_tiny(tmp_path / "wide.gguf", n_ctx=CONTEXT, endless=True))
    try:
        first = await collect(engine, SHARED + "first", DRAWN)
        second = await collect(engine, SHARED + "second", DRAWN)
        end = finished(second)
        assert end.tokens_in > 1500
        assert (end.tokens_in - end.tokens_cached) * 50 < end.tokens_in
        assert [(started(run).cache, finished(run).repro) for run in (first, second)] == [
            ("cold", "exact"),
            ("warm", "likely"),
        ]
        # Reading begins where the cache ends.
        assert next(event.cached for event in second if isinstance(event, Progress)) == end.tokens_cached
    finally:
        await engine.close()


@pytest.mark.parametrize("engine_name", ["llamacpp", "gpt4all"])
async def test_an_exact_run_on_a_warm_engine_is_that_of_a_fresh_process(engine_name: str, tmp_path: Path) -> None:
    model = write_tiny(tmp_path / "wide.gguf", n_ctx=CONTEXT, endless=True)
    exact = replace(DRAWN, cold_cache=True, logprobs=3 if engine_name == "llamacpp" else 0)
    runs: list[list[Event]] = []
    for warmed in (False, True):
        engine = await launch(engine_name, model)
        try:
            for prompt in ("other", "first") if warmed else ():
                await collect(engine, SHARED + prompt, DRAWN)
            runs.append(await collect(engine, SHARED + "second", exact))
        finally:
            await engine.close()
    fresh, warm = runs
    assert text(fresh) == text(warm)
    assert text(fresh)
    assert [piece.scores for piece in pieces(fresh)] == [piece.scores for piece in pieces(warm)]
    assert [(started(run).cache, finished(run).tokens_cached, finished(run).repro) for run in runs] == [
        ("cold", 0, "exact")
    ] * 2


@pytest.mark.parametrize("engine_name", ["llamacpp", "gpt4all"])
@pytest.mark.parametrize("phase", ["read", "decode"])
async def test_a_stop_ends_the_work_of_the_processor(engine_name: str, phase: str, tmp_path: Path) -> None:
    """By the processor time that the child still takes, which a busy machine does not change."""
    model = write_tiny(tmp_path / "deep.gguf", n_ctx=8192, layers=8, endless=True)
    engine = await launch(engine_name, model, 8192)
    child = psutil.Process(engine.pid)
    marks: list[float] = []

    def spent() -> float:
        times = child.cpu_times()
        return float(times.user + times.system)

    def due(events: list[Event]) -> bool:
        last = events[-1]
        wanted = isinstance(last, Progress) and 0 < last.done < last.total + (last.total == 0) * 10**6
        if phase == "decode":
            wanted = isinstance(last, Piece) and last.index > 5
        if wanted:
            marks.append(spent())
        return wanted

    try:
        prompt = SHARED * 5 if phase == "read" else "hello"
        events = await stop_when(engine, prompt, replace(DRAWN, max_tokens=7000), due)
        assert finished(events).reason == "cancel"
        while await asyncio.to_thread(child.cpu_percent, 0.1) > 5:
            pass
        # One batch of the prompt here is some 30 ms.
        assert spent() - marks[0] < 0.4
        assert finished(events).tokens_out < 7000
    finally:
        await engine.close()
