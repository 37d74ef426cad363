"""One contract for all engines: what the workbench relies on, whichever engine runs the model."""

from __future__ import annotations

import os
from dataclasses import replace

import psutil
import pytest

from tests.contract.suite import GREEDY, Case, collect, failed, finished, pieces, started, stop_when, text
from tests.tiny_model import CHAIN_TEXT
from workbench.engine import EngineProcess, engine_version
from workbench.event import Event, Piece, Progress
from workbench.record import sha256_text


async def test_loading_shows_progress_and_describes_the_engine(case: Case) -> None:
    progress: list[Progress] = []
    engine = await EngineProcess.launch(case.plain, on_progress=progress.append)
    try:
        assert progress
        assert {step.phase for step in progress} == {"load"}
        assert [step.done for step in progress] == sorted(step.done for step in progress)
        assert progress[-1].done == progress[-1].total > 0
        assert engine.alive
        assert engine.info.name == case.plain.engine
        assert engine.info.version == engine_version(case.plain.engine)
        assert engine.info.n_ctx > 0
        assert engine.info.ms_load > 0
    finally:
        await engine.close()


async def test_pieces_come_in_order_and_their_hash_is_the_end_s(case: Case, plain: EngineProcess) -> None:
    events = await collect(plain, case.prompt)
    end = finished(events)
    assert [piece.index for piece in pieces(events)] == list(range(len(pieces(events))))
    assert end.sha256 == sha256_text(text(events))
    assert end.status == "finished"
    assert end.repro == case.repro
    assert end.tokens_in > 0
    assert end.tokens_out >= len(pieces(events)) > 0
    times = [event.t_ms for event in events]
    assert times == sorted(times)
    assert 0 <= end.ms_first <= end.t_ms


async def test_effective_parameters_are_echoed_with_a_drawn_seed(case: Case, plain: EngineProcess) -> None:
    asked = replace(GREEDY, temperature=0.9, top_k=7, top_p=0.8, min_p=0.01, stop=("zz",), max_tokens=3)
    first, second = [started(await collect(plain, case.prompt, asked)) for _ in range(2)]
    assert first.params.seed is not None
    assert first.params.seed != second.params.seed
    assert replace(first.params, seed=None, n_ctx=0, n_threads=0) == asked
    assert first.params.n_ctx == plain.info.n_ctx
    # How many a server uses is its own affair.
    assert first.params.n_threads == plain.info.threads
    assert plain.info.threads >= (0 if plain.info.endpoint else 1)


async def test_pieces_are_whole_characters(case: Case, plain: EngineProcess) -> None:
    events = await collect(plain, case.prompt)
    if "real" not in case.name:
        # One byte a token: 3 of them are one kanji, 4 the tower.
        assert [piece.text for piece in pieces(events)] == list(CHAIN_TEXT)
        assert finished(events).reason == "stop"
    assert text(events)
    assert "\ufffd" not in text(events)


async def test_an_answer_ends_before_a_stop_string(case: Case, plain: EngineProcess) -> None:
    whole = text(await collect(plain, case.prompt))
    # Spans several tokens, and begins inside the answer.
    stop = whole[2:5]
    assert stop
    events = await collect(plain, case.prompt, replace(GREEDY, stop=("never", stop)))
    assert finished(events).reason == "stop-string"
    assert text(events) == whole[: whole.index(stop)]


async def test_max_tokens_ends_with_length(case: Case, plain: EngineProcess) -> None:
    events = await collect(plain, case.prompt, replace(GREEDY, max_tokens=4))
    assert finished(events).reason == "length"
    assert finished(events).tokens_out == 4


async def test_cancel_while_the_prompt_is_read(case: Case) -> None:
    engine = await EngineProcess.launch(case.wide)

    def reading(events: list[Event]) -> bool:
        last = events[-1]
        return isinstance(last, Progress) and last.done > 0

    try:
        prompt = case.unit * (engine.info.n_ctx // 3)
        events = await stop_when(engine, prompt, replace(GREEDY, max_tokens=500), reading)
        end = finished(events)
        assert (end.status, end.reason) == ("cancelled", "cancel")
        assert text(events) == ""
        # It really stopped: the engine is ready for the next prompt.
        assert finished(await collect(engine, case.prompt, replace(GREEDY, max_tokens=2))).tokens_out <= 2
        assert engine.alive
    finally:
        await engine.close()


async def test_cancel_while_decoding_keeps_the_text(case: Case) -> None:
    engine = await EngineProcess.launch(case.wide)
    try:
        params = replace(GREEDY, temperature=1.0, seed=3, max_tokens=1500)
        events = await stop_when(engine, case.prompt, params, lambda events: len(pieces(events)) == 3)
        end = finished(events)
        assert (end.status, end.reason) == ("cancelled", "cancel")
        assert len(pieces(events)) >= 3
        assert end.sha256 == sha256_text(text(events))
        assert end.tokens_out < 1500
        assert engine.alive
    finally:
        await engine.close()


async def test_greedy_and_seeded_runs_repeat_across_processes(case: Case) -> None:
    seeded = replace(GREEDY, temperature=1.2, seed=42, max_tokens=20)
    seen: list[tuple[str, str]] = []
    for _ in range(2):
        engine = await EngineProcess.launch(case.small)
        try:
            runs = [await collect(engine, case.prompt, replace(p, cold_cache=True)) for p in (GREEDY, seeded)]
        finally:
            await engine.close()
        assert [finished(run).repro for run in runs] == [case.repro] * 2
        seen.append((text(runs[0]), text(runs[1])))
    assert seen[0] == seen[1]
    if case.name != "scripted":
        assert seen[0][0] != seen[0][1]


async def test_a_prompt_beyond_the_context_is_refused_with_numbers(case: Case) -> None:
    engine = await EngineProcess.launch(case.small)
    try:
        end = failed(await collect(engine, case.unit * 600))
        assert (end.kind, end.reason) == ("context", "error")
        assert "256" in end.message
        assert ("start the server" if engine.info.endpoint else "n_ctx") in end.hint or "made for" in end.hint
        assert finished(await collect(engine, case.prompt)).tokens_in > 0
    finally:
        await engine.close()


async def test_an_answer_that_fills_the_context_ends_with_length(case: Case) -> None:
    engine = await EngineProcess.launch(case.small)
    try:
        # A real model may end by itself first; a full context must never shift in silence.
        params = replace(GREEDY, temperature=1.0, max_tokens=100_000)
        for seed in range(8):
            events = await collect(engine, case.unit * case.nearly_full, replace(params, seed=seed))
            end = finished(events)
            assert end.tokens_in + end.tokens_out <= 257
            if end.reason == "length":
                return
        pytest.fail("no seed filled the context")
    finally:
        await engine.close()


async def test_prompts_that_engines_choke_on_are_refused(case: Case, plain: EngineProcess) -> None:
    for prompt in ("", "half \ud83d of a character"):
        end = failed(await collect(plain, prompt))
        assert (end.kind, end.reason) == ("refused", "error")
        assert end.hint
    if case.plain.engine == "gpt4all":
        assert "NUL" in failed(await collect(plain, "a\0b")).message
    else:
        assert finished(await collect(plain, "a\0b")).tokens_in > 0
    assert plain.alive


async def test_closing_ends_the_child_and_gives_everything_back(case: Case) -> None:
    before = len(os.listdir("/proc/self/fd"))
    engine = await EngineProcess.launch(case.wide)
    child = psutil.Process(engine.pid)
    stream = engine.generate(case.prompt, replace(GREEDY, temperature=1, max_tokens=5000))
    assert await anext(stream)
    await engine.close()
    await engine.close()
    rest = [event async for event in stream]
    assert finished(rest).reason == "killed"
    assert not engine.alive
    assert not child.is_running()
    assert len(os.listdir("/proc/self/fd")) == before
    assert failed(await collect(engine, case.prompt)).kind == "refused"


async def test_leaving_a_run_early_stops_the_engine(case: Case) -> None:
    engine = await EngineProcess.launch(case.wide)
    try:
        stream = engine.generate(case.prompt, replace(GREEDY, temperature=1, max_tokens=5000))
        async for event in stream:
            if isinstance(event, Piece):
                break
        await stream.aclose()  # type: ignore[attr-defined]
        assert finished(await collect(engine, case.prompt, replace(GREEDY, max_tokens=2))).tokens_out <= 2
    finally:
        await engine.close()


async def test_tokens_are_counted_or_it_is_said_that_they_cannot(case: Case, plain: EngineProcess) -> None:
    count = await plain.count_tokens(case.prompt)
    if plain.info.capabilities.tokenize:
        assert count == finished(await collect(plain, case.prompt)).tokens_in
    else:
        assert count is None
