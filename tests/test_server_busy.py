"""A server that is busy or still loading is asked again, wherever it is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.clitool import cli
from tests.contract.suite import finished, text
from tests.serverlab import DONE, MODELS, Asked, HostileServer, Reply, answer_json, chunk, load_spec, status, stream
from tests.test_server_hostile import notes
from tests.test_server_record import configure
from workbench.engine import EngineProcess, server_again
from workbench.engine.generation import Patience
from workbench.engine.server_again import Again
from workbench.engine.server_fault import HttpFault
from workbench.error import EngineError, ExitCode, NetworkError
from workbench.event import Event, Progress
from workbench.service import RunHandle, RunSpec, Workbench, open_workbench
from workbench.template.document import parse_document
from workbench.workspace import init_workspace

BUSY = status(429, b'{"error":{"message":"slower"}}', head=b"Retry-After: 0\r\n")
LOADING = status(503, b'{"error":{"message":"Loading model","type":"unavailable_error","code":503}}')
HI = stream(chunk("Hi.", finish_reason="stop", usage={"completion_tokens": 1}), DONE)


def first(wrong: Reply, times: int, then: Reply) -> Reply:
    """``wrong`` so many times, then the other."""
    left = [times]

    def reply(connection: object, asked: Asked) -> None:
        left[0] -= 1
        (wrong if left[0] >= 0 else then)(connection, asked)  # type: ignore[arg-type]

    return reply


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process; an engine's child has its own second."""
    monkeypatch.setattr(server_again, "LOADING_EVERY", 0.01)


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Workbench]:
    init_workspace(tmp_path / "space")
    workbench = open_workbench(tmp_path / "space")
    yield workbench
    await workbench.close()


def start(bench: Workbench, server: HostileServer) -> RunHandle:
    configure(server.url)
    bench.config = open_workbench(bench.workspace.root).config
    return bench.start_run(RunSpec(parse_document("hello", path="templates/say.j2"), model="box/m"))


@pytest.mark.parametrize(("wrong", "times"), [(BUSY, 2), (LOADING, 5)], ids=["busy", "loading"])
async def test_the_list_of_models_is_asked_for_again(bench: Workbench, wrong: Reply, times: int) -> None:
    with HostileServer(HI, models=first(wrong, times, answer_json(MODELS))) as server:
        handle = start(bench, server)
        events: list[Event] = [event async for event in handle.events()]
    assert text(events) == "Hi."
    said = notes(events)
    assert ("waiting until it has loaded" in said) == (wrong is LOADING)
    # Said once, however long it takes.
    assert said.count("Loading model") <= 1
    before = events[: next(place for place, event in enumerate(events) if type(event).__name__ == "Started")]
    assert sum(isinstance(event, Progress) and event.phase == "load" for event in before) >= times


async def test_a_run_that_waits_for_a_server_is_stopped_at_once(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_again, "LOADING_EVERY", 30)
    with HostileServer(HI, models=LOADING) as server:
        handle = start(bench, server)
        events: list[Event] = []
        async with asyncio.timeout(10):
            async for event in handle.events():
                events.append(event)
                if isinstance(event, Progress):
                    await handle.cancel()
    assert (finished(events).status, handle.request) == ("cancelled", None)


async def test_a_server_that_stays_busy_is_given_up_with_a_way_on(bench: Workbench) -> None:
    with HostileServer(HI, models=BUSY) as server:
        handle = start(bench, server)
        with pytest.raises(NetworkError) as caught:
            assert [event async for event in handle.events()]
        assert len(server.asked) == 3
    assert "says 429: slower" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("wrong", [BUSY, LOADING], ids=["busy", "loading"])
async def test_what_learns_asks_again(wrong: Reply) -> None:
    with HostileServer(HI, probe=first(wrong, 2, HI)) as server:
        engine = await EngineProcess.launch(load_spec(server.url, "m"), patience=Patience(load=1.5))
        await engine.close()
    assert engine.info.capabilities.raw_prompt
    with HostileServer(HI, probe=BUSY) as server, pytest.raises(EngineError) as caught:
        await EngineProcess.launch(load_spec(server.url, "m"))
    assert "says 429" in caught.value.message


def test_the_command_waits_for_a_model_that_loads(bench: Workbench) -> None:
    with HostileServer(HI, models=first(LOADING, 1, answer_json(MODELS))) as server:
        configure(server.url)
        done = cli("run", "-", "--model", "box/m", "--format", "json", cwd=bench.workspace.root, stdin=b"hello")
    assert done.returncode == ExitCode.OK, done.stderr
    assert json.loads(done.stdout)["result"]["text"] == "Hi."
    assert b"note: the server says 503: Loading model; waiting until it has loaded" in done.stderr
    assert b"m on server" in done.stderr


def test_waiting_ends() -> None:
    loading = HttpFault("refused", "x", status=503, body={"error": {"message": "Loading model"}}, retry_after=20)
    again = Again()
    waits = [again.wait(loading) for _ in range(60)]
    assert waits[0] == 20
    assert sum(wait for wait in waits if wait > 0) <= server_again.LOADING_SECONDS
    assert waits[-1] < 0
    assert Again().wait(HttpFault("refused", "x", status=429, transient=True, retry_after=31)) < 0
    assert Again().wait(HttpFault("refused", "x", status=400)) < 0
