"""Threads by measurement, memory remembered, the self-test and the benchmark as commands."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.clitool import cli, command, environment
from tests.serverlab import KEY, KEY_ENV, llamacpp_server
from tests.tiny_model import write_tiny
from workbench.engine import LoadSpec, threads
from workbench.engine.measure import Sample, best_of
from workbench.engine.measured import measured, measured_memory, remember_memory
from workbench.engine.selftest import SelfCheck, self_test
from workbench.engine.shelf_edit import in_use
from workbench.engine.threads import measured_threads, remember_threads, share, threads_to_try
from workbench.event import EngineInfo
from workbench.service.pool import GROWTH, EnginePool, worn


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 8)
    monkeypatch.setattr(threads, "allowed", lambda: 16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    write_tiny(tmp_path / "models" / "tiny.gguf")
    return tmp_path / "models"


@pytest.mark.usefixtures("eight_cores")
def test_a_measured_number_is_for_an_engine_that_is_alone() -> None:
    assert [share("llamacpp", 0, others) for others in (0, 1, 3, 20)] == [7, 3, 1, 1]
    assert [share("llamacpp", 8, others) for others in (0, 1, 3, 20)] == [8, 3, 1, 1]
    assert [share("llamacpp", 2, others) for others in (0, 1, 3)] == [2, 2, 1]
    assert [share("gpt4all", 0, 0), share("gpt4all", 8, 0), share("gpt4all", 4, 1)] == [1, 7, 1]
    assert threads_to_try() == (1, 2, 4, 8, 16)


def test_the_best_number_is_kept_per_machine_engine_and_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = folder / "tiny.gguf", write_tiny(folder / "other.gguf", layers=1)
    assert measured_threads("llamacpp", path) == 0
    remember_threads("llamacpp", path, 1, 50.0)
    assert measured_threads("llamacpp", path) == 1
    assert measured_threads("gpt4all", path) == measured_threads("llamacpp", other) == 0
    with monkeypatch.context() as patch:
        patch.setattr(threads, "allowed", lambda: 0)
        assert measured_threads("llamacpp", path) == 0
    assert measured_threads("llamacpp", path) == 1
    threads.THREADS.path.write_text('{"x": 5, broken')
    assert measured_threads("llamacpp", path) == 0


async def test_the_pool_hands_out_what_was_measured_and_shares_when_others_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 8)
    monkeypatch.setattr(threads, "allowed", lambda: 8)
    path = str(folder / "tiny.gguf")
    remember_threads("llamacpp", Path(path), 6, 50.0)
    pool = EnginePool()
    try:
        assert (pool.threads_for("llamacpp", path), pool.threads_for("llamacpp")) == (6, 7)
        spec = LoadSpec("llamacpp", path, n_ctx=64, n_threads=1)
        process, _ = await pool.acquire(spec, lambda _progress: None)
        assert pool.threads_for("llamacpp", path) == 3
        room = pool.memory_for(spec)
        assert room is not None
        assert room[0] == 0 < room[1]
        await pool.release(process)
        assert pool.memory_for(spec) is None
        (figure,) = measured_memory(Path(path))
        assert (figure.engine, figure.n_ctx) == ("llamacpp", 64)
        again, larger = (pool.memory_for(LoadSpec("llamacpp", path, n_ctx=n_ctx)) for n_ctx in (64, 128))
        assert again is not None
        assert larger is not None
        assert (again[0], larger[0]) == (figure.rss, 0)
    finally:
        await pool.close()


async def test_a_file_is_free_again_once_its_idle_engine_is_unloaded(folder: Path) -> None:
    path, other = folder / "tiny.gguf", write_tiny(folder / "other.gguf", layers=1)
    pool = EnginePool()
    try:
        process, _ = await pool.acquire(LoadSpec("llamacpp", str(path), n_ctx=64), lambda _progress: None)
        await pool.unload(path)
        assert process.alive
        await pool.release(process)
        await pool.unload(other)
        assert in_use(path)
        await pool.unload(path)
        assert (pool.idle, process.alive, in_use(path)) == ((), False, False)
    finally:
        await pool.close()


def test_memory_figures_are_kept_per_context(folder: Path) -> None:
    path = folder / "tiny.gguf"
    remember_memory("llamacpp", path, 512, 100_000_000)
    remember_memory("llamacpp", path, 512, 101_000_000)
    remember_memory("llamacpp", path, 2048, 150_000_000)
    assert [(item.n_ctx, item.rss) for item in measured_memory(path)] == [(512, 100_000_000), (2048, 150_000_000)]
    remember_memory("llamacpp", path, 512, 70_000_000, cache_type="q8_0")
    assert (measured(path, "llamacpp", 512), measured(path, "gpt4all", 512)) == (100_000_000, 0)
    assert measured(path, "llamacpp", 512, cache_type="q8_0") == 70_000_000
    said = cli("models", "inspect", str(path), "--format", "json", cwd=folder)
    assert json.loads(said.stdout)["memory"]["measured"][0]["rss"] == 100_000_000
    shown = cli("models", "inspect", str(path), cwd=folder).stdout.decode()
    assert "measured 100 MB" in shown


def test_an_engine_that_has_grown_is_loaded_anew() -> None:
    assert not worn(5, 200 << 20, 300 << 20)
    assert worn(5, 200 << 20, (300 << 20) + GROWTH + 1)
    assert worn(1000, 0, 0)


def test_of_nearly_equal_rates_fewer_threads_win() -> None:
    samples = [Sample("threads", n, n, rate) for n, rate in ((1, 50.0), (2, 98.0), (4, 100.0), (8, 60.0))]
    assert best_of(samples).n == 2


async def checks(spec: LoadSpec) -> dict[str, SelfCheck]:
    infos: list[EngineInfo] = []
    found = {check.name: check async for check in self_test(spec, on_info=infos.append)}
    assert len(infos) == found["load"].passed
    return found


@pytest.mark.parametrize("engine", ["llamacpp", "gpt4all"])
async def test_the_self_test_passes_on_a_sound_engine(engine: str, tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "wide.gguf", n_ctx=2048, endless=True)
    found = await checks(LoadSpec(engine, str(path), n_ctx=2048))
    assert {name: check.passed for name, check in found.items() if check.passed is not True} == (
        {} if engine == "llamacpp" else {"token count": None}
    )


async def test_the_self_test_says_what_is_broken() -> None:
    dead = await checks(LoadSpec("scripted", "", script='{"pieces": ["a"], "fail_at": 0, "crash": "SIGSEGV"}'))
    assert list(dead) == ["load", "greedy run repeats"]
    assert "SIGSEGV" in dead["greedy run repeats"].detail
    assert not (await checks(LoadSpec("scripted", "", script='{"fail_at": "load"}')))["load"].passed


def test_engines_are_told_as_table_and_json(folder: Path) -> None:
    said = cli("engines", "--engine", "llamacpp", "--models", str(folder), cwd=folder)
    assert said.returncode == 0
    rows = {line.split("  ")[0]: line.split()[-1] for line in said.stdout.decode().splitlines()[1:]}
    assert (rows["model"], rows["stop strings"]) == ("tiny", "emulated")
    told = cli("engines", "--self-test", "--format", "json", "--models", str(folder), cwd=folder)
    (llamacpp, gpt4all, scripted) = json.loads(told.stdout)["engines"]
    assert told.returncode == 0, told.stdout
    assert [check["passed"] for check in scripted["checks"]] == [True] * 6
    assert llamacpp["capabilities"]["tokenize"] is True
    assert gpt4all["capabilities"]["seed"] == "patched"
    assert cli("engines", "--engine", "ollama", cwd=folder).returncode == 2
    empty = cli("engines", "--engine", "llamacpp", cwd=folder)
    assert b"workbench models get" in empty.stderr


def test_bench_measures_plots_and_remembers(folder: Path) -> None:
    said = cli("bench", "tiny", "--quick", "--models", str(folder), cwd=folder)
    lines = said.stdout.decode().splitlines()
    assert said.returncode == 0, said.stderr
    assert "tiny on llamacpp" in lines[0]
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("1 ") and line.endswith("#") for line in lines)
    assert "remembered for this machine" in lines[-1]
    assert measured_threads("llamacpp", folder / "tiny.gguf") >= 1
    assert measured_memory(folder / "tiny.gguf")


async def test_a_stopped_bench_gives_what_it_has(folder: Path) -> None:
    words = command("bench", "tiny", "--models", str(folder), "--format", "json")
    process = await asyncio.create_subprocess_exec(
        *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=folder
    )
    assert process.stdout is not None
    assert process.stderr is not None
    while b"at once" not in (line := await process.stderr.readline()):
        assert line
    process.send_signal(signal.SIGINT)
    report = json.loads(await process.stdout.read())
    assert await process.wait() == 130
    assert (report["complete"], report["samples"][0]["kind"]) == (False, "threads")
    assert report["best_threads"] == report["remembered_threads"] > 0


def test_a_server_is_asked_when_it_is_named(folder: Path, isolated_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)
    settings = isolated_home / "config" / "prompt-workbench" / "config.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    model = write_tiny(folder / "wide.gguf", n_ctx=2048, endless=True)
    with llamacpp_server(model, n_ctx=2048) as url:
        settings.write_text(f'[[server]]\nname = "here"\nurl = "{url}"\nkey_env = "{KEY_ENV}"\n', encoding="utf-8")
        listed = cli("engines", "--format", "json", "--models", str(folder), cwd=folder)
        assert json.loads(listed.stdout)["engines"][-1]["note"].startswith("a server")
        said = cli("engines", "--engine", "server:here", "--self-test", "--format", "json", cwd=folder)
    (record,) = json.loads(said.stdout)["engines"]
    assert record["note"] == ""
    assert [check["name"] for check in record["checks"] if check["passed"] is False] == []
    assert len(record["checks"]) == 6
