"""A child that dies, hangs or babbles, in every phase: always an event, the text so far kept, nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.contract.suite import GREEDY, collect, failed, finished, pieces, text
from tests.leftover import leaves_nothing
from tests.tiny_model import cut, with_bad_type, write_tiny
from workbench.engine import EngineProcess, LoadSpec, Patience
from workbench.error import EngineError
from workbench.event import Chatter, Event, Piece, Progress
from workbench.param import Params

LONG = Params(temperature=1.0, max_tokens=5000, seed=1)


def scripted(**script: Any) -> LoadSpec:
    return LoadSpec("scripted", "", script=json.dumps(script))


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    with leaves_nothing():
        yield


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("faults") / "wide.gguf", n_ctx=8192, layers=4, endless=True)


async def run(spec: LoadSpec, params: Params = GREEDY) -> tuple[list[Event], bool]:
    """The events of one run, and whether the engine lived on."""
    engine = await EngineProcess.launch(spec)
    try:
        return await collect(engine, "hello world", params), engine.alive
    finally:
        await engine.close()


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("place", ["prompt", 0, 2, 4])
@pytest.mark.parametrize(("crash", "code"), [("SIGSEGV", -11), ("SIGABRT", -6), ("SIGKILL", -9), ("EXIT", 3)])
async def test_a_crash_is_an_event_with_its_cause(place: str | int, crash: str, code: int) -> None:
    events, alive = await run(scripted(pieces=list("abcd"), fail_at=place, crash=crash, stderr="ggml: ouch"))
    end = failed(events)
    assert (end.reason, end.kind, end.exit) == ("crash", "crash", code)
    assert (crash if crash != "EXIT" else "exit status 3") in end.message
    assert "ggml: ouch" in end.stderr
    assert end.hint
    assert text(events) == "abcd"[: place if isinstance(place, int) else 0]
    assert not alive
    again, _ = await run(scripted(pieces=["fine"]))
    assert text(again) == "fine"


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ({"fail_at": "load", "crash": "SIGSEGV"}, "crash", "SIGSEGV"),
        ({"fail_at": "load", "crash": "EXIT"}, "crash", "exit status 3"),
        ({"fail_at": "load"}, "load", "as asked"),
        ({"piecs": []}, "load", "unknown keys: piecs"),
        ({"pieces": "abc"}, "load", "list of texts"),
        ({"crash": "SIGFOO"}, "load", "no signal"),
    ],
)
async def test_a_failed_load_raises_and_leaves_nothing(script: dict[str, Any], kind: str, words: str) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        await EngineProcess.launch(scripted(**script))
    assert caught.value.kind == kind


@pytest.mark.usefixtures("nothing_left")
async def test_a_load_that_hangs_is_given_up_and_can_be_cancelled() -> None:
    with pytest.raises(EngineError) as caught:
        await EngineProcess.launch(scripted(hang="load"), patience=Patience(load=0.3))
    assert caught.value.kind == "timeout"
    progressed = asyncio.Event()
    loading = asyncio.ensure_future(
        EngineProcess.launch(scripted(hang="load"), on_progress=lambda _progress: progressed.set())
    )
    await progressed.wait()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("place", ["prompt", 2])
async def test_an_engine_that_ignores_a_cancel_is_killed_and_the_text_kept(place: str | int) -> None:
    engine = await EngineProcess.launch(scripted(pieces=list("abcd"), hang=place), patience=Patience(stop=0.2))
    events: list[Event] = []
    try:
        async for event in engine.generate("hello", GREEDY):
            events.append(event)
            reads = len([event for event in events if isinstance(event, Progress)])
            # The script reads in ten steps and hangs in the sixth.
            if len(pieces(events)) == 2 or (place == "prompt" and reads == 6):
                begun = time.monotonic()
                await engine.cancel()
                assert time.monotonic() - begun < 3
        assert (finished(events).status, finished(events).reason) == ("cancelled", "killed")
        assert text(events) == ("ab" if place == 2 else "")
        assert not engine.alive
    finally:
        await engine.close()


@pytest.mark.usefixtures("nothing_left")
async def test_a_stopped_process_is_noticed_and_ended() -> None:
    """SIGSTOP: no pong."""
    engine = await EngineProcess.launch(
        scripted(pieces=["a"] * 1000, delay_ms=5), patience=Patience(silence=0.3, pong=0.3)
    )
    try:
        events: list[Event] = []
        async for event in engine.generate("hello", Params(max_tokens=1000)):
            events.append(event)
            if len(pieces(events)) == 2 and isinstance(event, Piece):
                os.kill(engine.pid, signal.SIGSTOP)
        end = failed(events)
        assert (end.reason, end.kind) == ("timeout", "timeout")
        assert text(events).startswith("aa")
        assert not engine.alive
    finally:
        await engine.close()


@pytest.mark.usefixtures("nothing_left")
async def test_a_cancel_ends_a_stopped_process() -> None:
    engine = await EngineProcess.launch(scripted(pieces=["a"] * 1000, delay_ms=5), patience=Patience(stop=0.2))
    try:
        events: list[Event] = []
        async for event in engine.generate("hello", Params(max_tokens=1000)):
            events.append(event)
            if len(pieces(events)) == 2 and isinstance(event, Piece):
                os.kill(engine.pid, signal.SIGSTOP)
                await engine.cancel()
        assert finished(events).reason == "killed"
    finally:
        await engine.close()


@pytest.mark.usefixtures("nothing_left")
async def test_a_slow_engine_that_answers_is_not_killed() -> None:
    """Nothing for several times the patience, but it answers: said once, and waited for."""
    engine = await EngineProcess.launch(scripted(pieces=["late"], delay_ms=600), patience=Patience(silence=0.1, pong=5))
    try:
        events = await collect(engine, "hello")
        assert text(events) == "late"
        assert len([event for event in events if isinstance(event, Chatter) and "slow" in event.text]) == 1
    finally:
        await engine.close()


@pytest.mark.usefixtures("nothing_left")
async def test_garbage_on_the_protocol_changes_nothing() -> None:
    events, alive = await run(scripted(pieces=["東", "京"] * 20, garbage=True))
    assert text(events) == "東京" * 20
    assert finished(events).reason == "stop"
    assert alive


@pytest.mark.usefixtures("nothing_left")
async def test_chatter_of_native_code_reaches_the_run_and_not_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    events, _ = await run(scripted(pieces=["a"], delay_ms=50, stderr="ggml warning\x1b[2J\nsecond"))
    assert [e.text for e in events if isinstance(e, Chatter)] == ["ggml warning\x1b[2J", "second"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("engine_name", ["llamacpp", "gpt4all"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
async def test_a_killed_native_engine_is_an_event(engine_name: str, number: signal.Signals, wide: Path) -> None:
    engine = await EngineProcess.launch(LoadSpec(engine_name, str(wide), n_ctx=8192))
    try:
        events: list[Event] = []
        async for event in engine.generate("hello", LONG):
            events.append(event)
            if len(pieces(events)) == 3 and isinstance(event, Piece):
                os.kill(engine.pid, number)
        end = failed(events)
        assert (end.kind, end.exit) == ("crash", -number)
        assert number.name in end.message
        assert len(pieces(events)) >= 3
        assert not engine.alive
        assert failed(await collect(engine, "again")).kind == "refused"
    finally:
        await engine.close()


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("engine_name", ["llamacpp", "gpt4all"])
async def test_a_stopped_native_engine_yields_to_a_cancel(engine_name: str, wide: Path) -> None:
    engine = await EngineProcess.launch(LoadSpec(engine_name, str(wide), n_ctx=8192), patience=Patience(stop=0.2))
    try:
        events: list[Event] = []
        async for event in engine.generate("hello " * 1000, LONG):
            events.append(event)
            if isinstance(event, Progress) and event.done and not pieces(events) and engine.alive:
                os.kill(engine.pid, signal.SIGSTOP)
                await engine.cancel()
        assert finished(events).reason == "killed"
    finally:
        await engine.close()


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("engine_name", ["llamacpp", "gpt4all"])
async def test_a_broken_model_file_is_an_error_with_a_reason(engine_name: str, tmp_path: Path) -> None:
    sound = write_tiny(tmp_path / "sound.gguf")
    files = [
        write_tiny(tmp_path / "duplicate.gguf", duplicate_token=True),
        with_bad_type(sound, tmp_path / "type.gguf"),
        cut(sound, tmp_path / "cut.gguf", keep=0.5),
        cut(sound, tmp_path / "cut-early.gguf", keep=0.002),
        tmp_path / "missing.gguf",
    ]
    for path in files:
        with pytest.raises(EngineError) as caught:
            await EngineProcess.launch(LoadSpec(engine_name, str(path)))
        assert caught.value.kind in ("load", "crash")
        assert len(caught.value.message) > 20
    engine = await EngineProcess.launch(LoadSpec(engine_name, str(sound)))
    assert finished(await collect(engine, "hello")).tokens_in == 5
    await engine.close()


@pytest.mark.usefixtures("nothing_left")
async def test_an_unknown_pre_tokenizer_names_itself(tmp_path: Path) -> None:
    model = write_tiny(tmp_path / "smollm.gguf", pre="smollm")
    with pytest.raises(EngineError, match="unknown pre-tokenizer type: 'smollm'") as caught:
        await EngineProcess.launch(LoadSpec("gpt4all", str(model)))
    assert caught.value.kind == "load"
    events, _ = await run(LoadSpec("llamacpp", str(model)))
    assert finished(events).tokens_out > 0


@pytest.mark.usefixtures("nothing_left")
async def test_a_child_does_not_outlive_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent is killed, not closed: the socket's end takes the child along."""
    code = (
        "import asyncio\n"
        "from workbench.engine import EngineProcess, LoadSpec\n"
        "from workbench.param import Params\n"
        "async def main():\n"
        "    engine = await EngineProcess.launch(LoadSpec('scripted', '', script='{\"hang\": 0}'))\n"
        "    print(engine.pid, flush=True)\n"
        "    async for event in engine.generate('hello', Params()): pass\n"
        "asyncio.run(main())\n"
    )
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(await parent.stdout.readline()))
    parent.kill()
    await parent.communicate()
    gone, _ = psutil.wait_procs([child], timeout=10)
    assert gone
    assert list(tmp_path.iterdir()) == []
