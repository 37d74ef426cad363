"""Memory and context are judged before a model is loaded: told, refused with what fits, or forced."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clitool import cli
from tests.gguf_bytes import Gguf
from tests.tiny_model import write_tiny
from workbench.engine.cause import load_hint
from workbench.engine.quarantine import note_crash
from workbench.engine.threads import remember_threads, threads_to_try
from workbench.error import MemoryShort, UsageError
from workbench.service import Workbench, open_workbench
from workbench.service.plan import RunSpec, plan_run
from workbench.template.document import parse_document


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    write_tiny(tmp_path / "models" / "tiny.gguf")
    return tmp_path / "models"


@pytest.fixture
async def bench(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workbench]:
    monkeypatch.chdir(folder)
    opened = open_workbench(model_dirs=[str(folder)])
    yield opened
    await opened.close()


def asked_for(**params: object) -> RunSpec:
    return RunSpec(document=parse_document("+++\n+++\nhello", path="t.j2"), model="tiny", params=params)


def test_a_plan_warns_before_the_machine_swaps_and_uses_what_was_measured(
    bench: Workbench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = asked_for()
    assert plan_run(bench, spec).notices == ()
    remember_threads("llamacpp", folder / "tiny.gguf", threads_to_try()[-1], 50.0)
    monkeypatch.setattr("workbench.service.pool.free_memory", lambda: 55 << 20)
    plan = plan_run(bench, spec)
    assert any("tiny.gguf needs about" in notice and "close something else" in notice for notice in plan.notices)
    assert plan.load.n_threads == threads_to_try()[-1]
    for _ in range(2):
        note_crash("llamacpp", folder / "tiny.gguf", -6, "GGML_ASSERT(no)")
    assert plan_run(bench, spec).load.engine == "gpt4all"


def test_what_does_not_fit_is_refused_with_a_context_that_fits_unless_forced(
    bench: Workbench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny(folder / "tiny.gguf", n_ctx=1 << 20)
    monkeypatch.setattr("workbench.service.pool.free_memory", lambda: 300 << 20)
    with pytest.raises(
        MemoryShort, match=r"tiny\.gguf needs about 563 MB with a context of 1,000,000 tokens"
    ) as raised:
        plan_run(bench, asked_for(n_ctx=1_000_000))
    (fits,) = re.findall(r"n_ctx = (\d+) fits", raised.value.hint)
    assert plan_run(bench, asked_for(n_ctx=int(fits))).notices == ()
    with pytest.raises(MemoryShort, match="a context of"):
        plan_run(bench, asked_for(n_ctx=3 * int(fits)))
    forced = plan_run(bench, replace(asked_for(n_ctx=1_000_000), force_memory=True))
    assert any("would swap" in notice for notice in forced.notices)
    monkeypatch.setattr("workbench.service.pool.free_memory", lambda: 10 << 20)
    with pytest.raises(MemoryShort) as raised:
        plan_run(bench, asked_for())
    assert raised.value.hint == "Close something else first, or choose a smaller model."


def test_a_context_beyond_the_trained_one_is_told(bench: Workbench) -> None:
    (notice,) = plan_run(bench, asked_for(n_ctx=512)).notices
    assert "more than the 256 tokens that tiny.gguf was trained for: llama.cpp uses no more" in notice
    (notice,) = plan_run(bench, replace(asked_for(n_ctx=512), engine="gpt4all")).notices
    assert "beyond them answers get worse" in notice


@pytest.mark.parametrize("n_ctx", [1, 7, 32, 63])
def test_a_context_that_ends_engines_is_refused(bench: Workbench, n_ctx: int) -> None:
    with pytest.raises(UsageError, match="n_ctx must be at least 64"):
        plan_run(bench, asked_for(n_ctx=n_ctx))


def test_a_cache_type_goes_to_the_engine_that_has_it(bench: Workbench, folder: Path) -> None:
    assert plan_run(bench, asked_for()).load.cache_type == "f16"
    with pytest.raises(UsageError, match="heads of a multiple of 32 values, this model's have 16"):
        plan_run(bench, asked_for(cache_type="q8_0"))
    Gguf().with_(llama__attention__key_length=64, llama__attention__value_length=64).write(folder / "tiny.gguf")
    plan = plan_run(bench, asked_for(cache_type="q8_0"))
    assert (plan.load.cache_type, plan.request.params.cache_type) == ("q8_0", "q8_0")
    old = plan_run(bench, replace(asked_for(cache_type="q8_0"), engine="gpt4all"))
    assert (old.load.cache_type, old.request.params.cache_type) == ("f16", "f16")
    assert any("gpt4all has no cache_type" in notice for notice in old.notices)


def test_the_command_refuses_and_can_be_forced(folder: Path, tmp_path: Path) -> None:
    write_tiny(folder / "tiny.gguf", n_ctx=1 << 20)
    (tmp_path / "t.j2").write_text("hello")
    words = ("run", "t.j2", "--models", str(folder), "--no-save", "--param", "n_ctx=10000000")
    # Sixteen bytes for each of a hundred million tokens are more than any test machine has.
    Gguf().with_(llama__context_length=10_000_000, llama__attention__key_length=1 << 16).write(folder / "tiny.gguf")
    said = cli(*words, cwd=tmp_path)
    assert said.returncode == 4
    assert b"it was not loaded" in said.stderr
    assert b"--force-memory loads it all the same" in said.stderr
    forced = cli(*words, "--force-memory", cwd=tmp_path)
    assert forced.returncode == 5
    assert b"would swap or stop it" in forced.stderr


def test_a_load_that_failed_for_memory_says_what_helps() -> None:
    assert "smaller context" in load_hint("failed to allocate CPU buffer of size 17179869184")
    assert "smaller context" in load_hint("what():  std::bad_alloc")
    assert "another file" in load_hint("unknown model architecture: 'x'")
