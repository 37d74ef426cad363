"""The use cases, with the scripted engine: what both faces rely on."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from workbench.engine import EngineProcess
from workbench.error import ModelError, TemplateError, UsageError
from workbench.event import Event, Failed, Finished, Piece, Progress, Started
from workbench.record import sha256_text
from workbench.service import RunSpec, Workbench, open_workbench
from workbench.template.document import TemplateDocument, parse_document
from workbench.workspace import init_workspace

PIECES = ["In ", "東京", " it ", "rains 👩‍💻", ".\n"]


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Workbench]:
    init_workspace(tmp_path / "space")
    workbench = open_workbench(tmp_path / "space")
    yield workbench
    await workbench.close()


def spec(document: TemplateDocument, script: dict[str, Any] | None = None, **more: Any) -> RunSpec:
    return RunSpec(document, engine="scripted", script=json.dumps(script or {"pieces": PIECES}), **more)


def text_template(source: str = "Say {{ what }}.") -> TemplateDocument:
    return parse_document(source, path="templates/say.j2")


async def collect(bench: Workbench, wish: RunSpec) -> list[Event]:
    return [event async for event in bench.start_run(wish).events()]


async def test_a_run_is_on_disk_and_opens_again_exactly(bench: Workbench) -> None:
    handle = bench.start_run(spec(text_template(), variables={"what": "雨 or 傘"}))
    events = [event async for event in handle.events()]
    assert isinstance(events[-1], Finished)
    assert "".join(event.text for event in events if isinstance(event, Piece)) == "".join(PIECES)
    assert handle.session is not None
    record = bench.store.open_run(handle.session, handle.run_id)
    assert record.result is not None
    assert record.result.text == "".join(PIECES)
    assert record.result.sha256 == sha256_text("".join(PIECES)) == events[-1].sha256
    assert record.request.prompt.plain == "Say 雨 or 傘."
    assert record.request.variables["what"] == "雨 or 傘"


async def test_the_request_is_durable_before_the_engine_answers(bench: Workbench) -> None:
    handle = bench.start_run(spec(text_template(), variables={"what": "x"}))
    async for event in handle.events():
        if isinstance(event, Started):
            assert handle.session is not None
            names = {path.name for path in (handle.session.dir / "runs").iterdir()}
            assert {f"{handle.run_id}.jsonl", f"{handle.run_id}.toml"} <= names


async def test_a_cancelled_run_keeps_its_text(bench: Workbench) -> None:
    handle = bench.start_run(spec(text_template("Go"), {"pieces": ["a"] * 500, "delay_ms": 10}))
    seen = 0
    last: Event | None = None
    async for event in handle.events():
        last = event
        if isinstance(event, Piece):
            seen += 1
            if seen == 3:
                await handle.cancel()
    assert isinstance(last, Finished)
    assert last.status == "cancelled"
    assert handle.result is not None
    assert 3 <= len(handle.result.text) < 500
    assert handle.session is not None
    again = bench.store.open_run(handle.session, handle.run_id)
    assert again.result is not None
    assert (again.result.status, again.result.text) == ("cancelled", handle.result.text)


async def test_a_crash_is_an_event_and_the_next_run_works(bench: Workbench) -> None:
    crashed = await collect(bench, spec(text_template("Go"), {"pieces": PIECES, "fail_at": 2, "crash": "SIGSEGV"}))
    assert isinstance(crashed[-1], Failed)
    assert [event.text for event in crashed if isinstance(event, Piece)] == PIECES[:2]
    fine = await collect(bench, spec(text_template("Go")))
    assert isinstance(fine[-1], Finished)


async def test_the_engine_is_given_back_with_the_last_event(bench: Workbench) -> None:
    await collect(bench, spec(text_template("Go")))
    (idle,) = bench.pool.idle
    assert idle.alive


async def test_leaving_early_closes_the_record(bench: Workbench) -> None:
    handle = bench.start_run(spec(text_template("Go"), {"pieces": ["a"] * 500, "delay_ms": 10}))
    stream = handle.events()
    async for event in stream:
        if isinstance(event, Piece):
            break
    await stream.aclose()  # type: ignore[attr-defined]
    assert handle.session is not None
    record = bench.store.open_run(handle.session, handle.run_id)
    assert record.result is not None
    assert (record.result.status, record.result.text) == ("cancelled", handle.text)


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "loading"])
async def test_leaving_while_it_loads_gives_the_engine_back(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, *, loaded: bool
) -> None:
    came, acquire = asyncio.Event(), bench.pool.acquire

    async def telling(*args: Any) -> tuple[EngineProcess, bool]:
        found = await acquire(*args)
        came.set()
        return found

    monkeypatch.setattr(bench.pool, "acquire", telling)
    handle = bench.start_run(spec(text_template("Go"), {"load_ms": 0 if loaded else 60_000}))
    async with aclosing(handle.events()) as events:  # type: ignore[type-var]
        async for event in events:
            assert isinstance(event, Progress)
            if loaded:
                # The engine is there, and what says so is not read yet.
                await came.wait()
            break
    assert handle.result is not None
    assert handle.result.status == "cancelled"
    assert len(bench.pool.idle) == int(loaded)
    left = [child for child in psutil.Process().children() if "workbench.engine.child" in child.cmdline()]
    assert len(left) == int(loaded)


async def test_closing_lets_others_work_while_a_template_renders(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer, going_on = bench.renderer, asyncio.Event()
    close = renderer.close

    def waits() -> None:
        asyncio.run_coroutine_threadsafe(going_on.wait(), loop).result(20)
        close()

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(renderer, "close", waits)
    closing = asyncio.create_task(bench.close())
    # Only a loop that is free comes to this.
    loop.call_soon(going_on.set)
    await closing
    assert going_on.is_set()


async def test_not_saving_writes_nothing(bench: Workbench) -> None:
    before = sorted(bench.workspace.sessions.rglob("*"))
    await collect(bench, spec(text_template("Go"), save=False))
    assert sorted(bench.workspace.sessions.rglob("*")) == before


async def test_a_missing_variable_is_an_error_before_anything_starts(bench: Workbench) -> None:
    with pytest.raises(TemplateError) as caught:
        await collect(bench, spec(text_template("Say {{ wat }}."), variables={"what": "x"}))
    assert (caught.value.line, "wat" in caught.value.message) == (1, True)


async def test_an_empty_prompt_is_refused(bench: Workbench) -> None:
    with pytest.raises(UsageError):
        await collect(bench, spec(text_template("  \n")))


async def test_no_model_says_how_to_get_one(bench: Workbench) -> None:
    with pytest.raises(ModelError) as caught:
        await collect(bench, RunSpec(text_template("Go")))
    assert "workbench models get smollm2-135m" in str(caught.value)


async def test_every_value_stands_in_the_request(bench: Workbench) -> None:
    handle = bench.start_run(spec(text_template("Go"), params={"temperature": "0.9"}))
    async for _ in handle.events():
        pass
    assert handle.request is not None
    assert handle.request.params.temperature == 0.9
    assert handle.request.params.seed is not None
    assert handle.request.seed_mode == "set"


def test_an_unknown_template_gets_its_near_match(bench: Workbench) -> None:
    with pytest.raises(UsageError) as caught:
        bench.load_template("londn")
    assert "london" in caught.value.hint


def test_a_broken_template_is_listed_with_its_reason(bench: Workbench) -> None:
    (bench.workspace.templates / "broken.j2").write_text("+++\ntitel = 1\n+++\nx", encoding="utf-8")
    rows = {info.name: info for info in bench.templates()}
    assert "titel" in rows["broken.j2"].problem
    assert rows["london.j2"].problem == ""


@pytest.mark.parametrize("when", ["before", "during"])
async def test_a_run_that_the_disk_did_not_take_is_kept_elsewhere_whole(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    root, full = str(bench.workspace.sessions), [when == "before"]
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if full[0] and os.readlink(f"/proc/self/fd/{descriptor}").startswith(root):
            raise OSError(errno.ENOSPC, "full")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    handle = bench.start_run(spec(text_template("Go"), {"pieces": PIECES}))
    async for event in handle.events():
        if isinstance(event, Started):
            full[0] = True
        handle.flush()
    assert "not saved" in handle.save_problem
    path = handle.rescue()
    assert not handle.save_problem
    assert bench.workspace.state_dir in path.parents
    assert handle.session is not None
    record = bench.store.open_run(handle.session, handle.run_id)
    assert (record.result.status, record.result.text) == ("finished", "".join(PIECES))
    assert not [session for session in bench.store.list_sessions() if session.problem]
