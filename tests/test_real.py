"""The main job on the real default model, on both native engines: command line, app, and the record."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_app import wait_for
from workbench.record import sha256_text
from workbench.service import open_workbench
from workbench.tui.app import WorkbenchApp
from workbench.workspace import init_workspace

pytestmark = [pytest.mark.real_model, pytest.mark.xdist_group("real_model"), pytest.mark.timeout(300)]
NATIVE = ["llamacpp", "gpt4all"]


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return init_workspace(tmp_path / "space").root


def workbench(space: Path, model: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workbench", *argv, "--workspace", str(space), "--models", str(model.parent)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.parametrize("engine", NATIVE)
def test_the_command_streams_and_the_record_is_the_same(space: Path, default_model: Path, engine: str) -> None:
    done = workbench(
        space, default_model, "run", "london", "--set", "city=京都 🗼", "--engine", engine,
        "--param", "max_tokens=60", "--seed", "7", "--format", "jsonl",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    text = "".join(event["text"] for event in events if event["event"] == "piece")
    assert text
    assert events[-1]["event"] == "finished"
    assert events[-1]["sha256"] == sha256_text(text)
    bench = open_workbench(space)
    session = bench.store.list_sessions()[0]
    run = bench.store.open_run(session, bench.store.runs(session)[0].id)
    assert run.result.text == text
    assert run.request.engine == engine
    assert run.request.variables["city"] == "京都 🗼"
    assert "京都 🗼" in run.request.prompt.model_text
    assert ("refact" in done.stderr) == (engine == "gpt4all")


@pytest.mark.parametrize("engine", NATIVE)
def test_the_same_seed_gives_the_same_text_in_another_process(space: Path, default_model: Path, engine: str) -> None:
    argv = [
        "run",
        "london",
        "--engine",
        engine,
        "--param",
        "max_tokens=24",
        "--param",
        "cold_cache=true",
        "--seed",
        "11",
    ]
    first, second = (workbench(space, default_model, *argv) for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stdout == second.stdout != ""


def test_both_engines_see_the_same_prompt(space: Path, default_model: Path) -> None:
    for engine in NATIVE:
        workbench(space, default_model, "run", "london", "--engine", engine, "--param", "max_tokens=1")
    bench = open_workbench(space)
    seen = set()
    for session in bench.store.list_sessions()[:2]:
        for info in bench.store.runs(session):
            seen.add(bench.store.open_run(session, info.id).request.prompt.model_text)
    assert len(seen) == 1


@pytest.mark.parametrize("engine", NATIVE)
async def test_the_run_key_streams_an_answer_into_the_pane(
    space: Path, default_model: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_MODELS", str(default_model.parent))
    app = WorkbenchApp(open_workbench(space))
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: app.main.editing.rendered is not None, 120)
        app.main.running.engine = engine
        app.main.running.params = {"max_tokens": 40}
        await pilot.press("f5")
        await wait_for(pilot, lambda: app.main.running.session is not None and not app.main.running.busy, 120)
        text = app.main.output.text
        session = app.main.running.session
    assert session is not None
    bench = open_workbench(space)
    runs = bench.store.runs(session)
    record = bench.store.open_run(session, runs[0].id)
    assert text == record.result.text != ""
    assert record.request.engine == engine
