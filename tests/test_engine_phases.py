"""Native engines that are killed, stopped or abort, in each phase of their life: an answer each time, nothing left."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from tests.clitool import cli
from tests.contract.suite import collect, failed, finished, pieces
from tests.leftover import leaves_nothing
from tests.tiny_model import write_tiny
from workbench.engine import EngineProcess, LoadSpec, Patience
from workbench.engine.loadable import load_spec
from workbench.engine.quarantine import quarantined
from workbench.engine.select import choose_engine
from workbench.engine.shelf import entry_of
from workbench.error import EngineError, NoEngine
from workbench.event import Event, Piece, Progress
from workbench.param import Params
from workbench.service.pool import EnginePool

LONG = Params(temperature=1.0, max_tokens=5000, seed=1)
QUICK = Patience(load=0.4, silence=0.3, pong=0.3, stop=0.2)
USABLE = 3.0  # seconds until a pane can run again
engines = pytest.mark.parametrize("engine_name", ["llamacpp", "gpt4all"])
SIGNALS = [signal.SIGKILL, signal.SIGSTOP, signal.SIGABRT]
signals = pytest.mark.parametrize("number", SIGNALS, ids=[number.name for number in SIGNALS])
kill_or_stop = pytest.mark.parametrize("number", SIGNALS[:2], ids=[number.name for number in SIGNALS[:2]])


@pytest.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    with leaves_nothing():
        yield


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("phases") / "wide.gguf", n_ctx=8192, layers=4, endless=True)


def hit(number: signal.Signals) -> None:
    """Signal the one child of this process."""
    for child in psutil.Process().children():
        child.send_signal(number)


async def at_once(function: Callable[..., object], *args: object) -> object:
    return function(*args)


async def usable_again(spec: LoadSpec, begun: float) -> None:
    """A new engine answers, soon after the fault."""
    engine = await EngineProcess.launch(spec)
    try:
        assert finished(await collect(engine, "hello", Params(max_tokens=2, seed=1))).tokens_out > 0
    finally:
        await engine.close()
    took = time.monotonic() - begun
    print(f"usable {took:.2f} s after the fault")
    assert took < USABLE


@pytest.mark.parametrize("cancels", [1, 2])
async def test_a_cancel_at_any_step_of_the_start_leaves_nothing(
    cancels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # Nothing of it in a thread: the steps of the loop are the same each time.
    monkeypatch.setattr(asyncio, "to_thread", at_once)
    spec = LoadSpec("scripted", "", script='{"hang": "load"}')
    loads: list[Progress] = []
    steps = 0
    while not loads:
        task = asyncio.create_task(EngineProcess.launch(spec, on_progress=loads.append))
        for _ in range(steps):
            await asyncio.sleep(0)
        for _ in range(cancels):
            # Twice: an app that ends cancels what is being cancelled.
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
        assert task.cancelled()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
        assert psutil.Process().children() == [], steps
        assert list(tmp_path.iterdir()) == [], steps
        steps += 1
    gc.collect()
    # What a forgotten task raised is told when it is collected.
    assert caplog.records == []
    assert steps > 3


@engines
@kill_or_stop
async def test_while_it_starts(engine_name: str, number: signal.Signals, wide: Path) -> None:
    spec = LoadSpec(engine_name, str(wide), n_ctx=8192)
    patience = QUICK if number == signal.SIGSTOP else Patience()
    with pytest.raises(EngineError) as caught:
        await EngineProcess.launch(spec, on_progress=lambda _progress: hit(number), patience=patience)
    assert caught.value.kind == ("timeout" if number == signal.SIGSTOP else "crash")
    await usable_again(spec, time.monotonic())


@pytest.mark.real_model
@engines
async def test_while_it_loads(engine_name: str, default_model: Path, tmp_path: Path) -> None:
    """A real model, which takes long enough to be met in the middle."""
    spec = load_spec(entry_of(default_model), tmp_path, engine=engine_name, n_ctx=256, n_threads=1)

    def kill_halfway(progress: Progress) -> None:
        if progress.done:
            hit(signal.SIGKILL)

    with pytest.raises(EngineError, match="SIGKILL"):
        await EngineProcess.launch(spec, on_progress=kill_halfway)


async def ends_in(
    engine: EngineProcess, number: signal.Signals, when: Callable[[Event], bool], prompt: str
) -> tuple[list[Event], float]:
    """The events of a run whose child is hit when ``when`` first says so, and the time of the hit."""
    events, begun = list[Event](), 0.0
    async for event in engine.generate(prompt, LONG):
        events.append(event)
        if not begun and when(event):
            begun = time.monotonic()
            os.kill(engine.pid, number)
    assert begun
    return events, begun


@engines
@signals
@pytest.mark.parametrize("phase", ["prompt", "decode"])
async def test_while_it_works(engine_name: str, number: signal.Signals, phase: str, wide: Path) -> None:
    spec = LoadSpec(engine_name, str(wide), n_ctx=8192)
    engine = await EngineProcess.launch(spec)
    engine.patience = QUICK
    try:
        if phase == "prompt":
            events, begun = await ends_in(
                engine, number, lambda event: isinstance(event, Progress) and event.done > 0, "hello " * 1000
            )
        else:
            events, begun = await ends_in(engine, number, lambda event: isinstance(event, Piece), "hello")
        end = failed(events)
        assert end.kind == ("timeout" if number == signal.SIGSTOP else "crash")
        assert end.hint
        assert bool(pieces(events)) or phase == "prompt"
        assert not engine.alive
        await usable_again(spec, begun)
    finally:
        await engine.close()


@engines
@kill_or_stop
async def test_while_it_waits(engine_name: str, number: signal.Signals, wide: Path) -> None:
    """The pool notices at the next run, or the run does; the one after it has a fresh engine."""
    spec = LoadSpec(engine_name, str(wide), n_ctx=8192)
    pool = EnginePool()
    try:
        engine, _ = await pool.acquire(spec, lambda _progress: None)
        engine.patience = QUICK
        await pool.release(engine)
        begun = time.monotonic()
        os.kill(engine.pid, number)
        if number != signal.SIGSTOP:
            while engine.alive:
                await asyncio.sleep(0)
        again, warm = await pool.acquire(spec, lambda _progress: None)
        assert warm == (number == signal.SIGSTOP)
        if warm:
            assert failed(await collect(again, "hello")).kind == "timeout"
        await pool.release(again)
        await usable_again(spec, begun)
    finally:
        await pool.close()


@engines
@kill_or_stop
async def test_while_it_is_closed(engine_name: str, number: signal.Signals, wide: Path) -> None:
    engine = await EngineProcess.launch(LoadSpec(engine_name, str(wide), n_ctx=512))
    os.kill(engine.pid, number)
    begun = time.monotonic()
    await asyncio.gather(engine.close(), engine.close())
    assert time.monotonic() - begun < USABLE
    assert not psutil.pid_exists(engine.pid)


@engines
async def test_garbage_on_the_protocol_of_a_native_engine(engine_name: str, wide: Path) -> None:
    """As if the runtime wrote into our socket, between any two messages."""
    rng = random.Random(3)
    engine = await EngineProcess.launch(LoadSpec(engine_name, str(wide), n_ctx=512))
    try:
        expected = [event.text for event in pieces(await collect(engine, "hello", Params(max_tokens=20, seed=4)))]
        assert engine._child is not None
        got = []
        async for event in engine.generate("hello", Params(max_tokens=20, seed=4, cold_cache=True)):
            engine._child.wire.data_received(rng.randbytes(200).replace(b"\n", b"") + b"\n[1]\n{}\n")
            got += [event.text] if isinstance(event, Piece) else []
        assert got == expected
    finally:
        await engine.close()


@engines
async def test_memory_that_runs_out_is_the_childs_affair(
    engine_name: str, wide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = LoadSpec(engine_name, str(wide), n_ctx=8192)
    with monkeypatch.context() as patch:
        patch.setattr("workbench.engine.memory.address_space", lambda _header, _needed: 4 << 20)
        with pytest.raises(EngineError) as caught:
            await EngineProcess.launch(spec)
    assert caught.value.kind in ("load", "crash")
    await usable_again(spec, time.monotonic())


@engines
async def test_a_child_is_bounded_and_leaves_no_core(engine_name: str, wide: Path) -> None:
    engine = await EngineProcess.launch(LoadSpec(engine_name, str(wide), n_ctx=512))
    try:
        limits = Path(f"/proc/{engine.pid}/limits").read_text(encoding="utf-8")
        rows = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()[1:]}
        assert rows["Max core file size"] == "0"
        assert 1 << 30 < int(rows["Max address space"]) < 4 << 30
    finally:
        await engine.close()


@engines
async def test_a_prompt_beyond_the_context_is_refused_with_ways_out(engine_name: str, wide: Path) -> None:
    engine = await EngineProcess.launch(LoadSpec(engine_name, str(wide), n_ctx=512))
    try:
        end = failed(await collect(engine, "hello " * 700))
        assert end.kind == "context"
        assert "512" in end.message
        assert "n_ctx = " in end.hint
        assert "oldest example" in end.hint
        assert pieces(await collect(engine, "hello"))
        assert failed(await collect(engine, "hello world " * 9000)).hint.startswith(
            "The model was made for 8192 tokens"
        )
    finally:
        await engine.close()


@engines
async def test_a_prompt_of_nothing_but_the_first_token(engine_name: str, tmp_path: Path) -> None:
    """The engine adds that token itself: without it nothing is left, which ends one that is not careful."""
    path = write_tiny(tmp_path / "bos.gguf", add_bos=True, endless=True)
    engine = await EngineProcess.launch(LoadSpec(engine_name, str(path), n_ctx=128))
    try:
        assert failed(await collect(engine, "")).kind == "refused"
        assert finished(await collect(engine, "<|im_start|>")).tokens_in >= 1
        assert engine.alive
    finally:
        await engine.close()


async def test_two_crashes_with_a_file_and_the_choice_passes_the_engine_over(wide: Path) -> None:
    spec = LoadSpec("llamacpp", str(wide), n_ctx=512)
    for _ in range(2):
        engine = await EngineProcess.launch(spec)
        await ends_in(engine, signal.SIGABRT, lambda event: isinstance(event, Piece), "hello")
        await engine.close()
    entry = entry_of(wide)
    avoid = quarantined(wide)
    assert list(avoid) == ["llamacpp"]
    chosen = choose_engine(entry.header, avoid=avoid)
    assert chosen.engine == "gpt4all"
    assert "passed over llamacpp: llamacpp crashed 2 times" in chosen.reason
    listed = cli("models", "list", "--models", str(wide.parent), cwd=wide.parent)
    assert b"passed over llamacpp" in listed.stdout
    with pytest.raises(NoEngine, match="crashed 2 times in a row") as caught:
        choose_engine(entry.header, asked="llamacpp", avoid=avoid)
    assert "models verify wide.gguf" in caught.value.message
    assert "gpt4all can run it" in caught.value.hint
