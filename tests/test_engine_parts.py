"""The engine layer's small parts, and what only one of the engines does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.suite import GREEDY, collect, finished, pieces, started, text
from tests.tiny_model import write_tiny
from workbench.engine import ENGINES, EngineProcess, LoadSpec, engine_version
from workbench.engine.cause import describe_exit, load_cause
from workbench.engine.gpt4all_state import twister_text
from workbench.engine.protocol import Decoder, encode
from workbench.engine.scripted import default_answer, words
from workbench.engine.stopping import StopWatcher
from workbench.event import Chatter


@given(st.lists(st.dictionaries(st.text(), st.text(st.characters()))), st.binary(), st.integers(1, 9))
def test_messages_survive_any_cut_and_any_garbage(bodies: list[dict[str, str]], rubbish: bytes, step: int) -> None:
    messages = [{**body, "k": "tok"} for body in bodies]
    stream = b"".join(rubbish.replace(b"\n", b"") + b"\n" + encode(message) for message in messages)
    decoder = Decoder()
    got = [m for at in range(0, len(stream), step) for m in decoder.feed(stream[at : at + step])]
    assert [message for message in got if message in messages] == messages


def test_a_line_beyond_the_limit_is_dropped_and_the_next_is_read() -> None:
    decoder = Decoder(limit=100)
    assert decoder.feed(b"x" * 70) == []
    assert decoder.feed(b"x" * 70 + b'\n{"k":"pong"}\n') == [{"k": "pong"}]
    assert decoder.garbage == 1
    assert decoder.feed(b"[" * 99 + b"\n[1]\n") == []
    assert decoder.garbage == 3


def test_lone_surrogates_travel() -> None:
    assert Decoder().feed(encode({"k": "tok", "s": "\ud83d\x00東"})) == [{"k": "tok", "s": "\ud83d\x00東"}]


@given(st.text("ab#", max_size=30), st.lists(st.text("ab#", min_size=1, max_size=4), max_size=3), st.data())
def test_stop_strings_do_not_depend_on_how_the_text_is_cut(answer: str, stops: list[str], data: st.DataObject) -> None:
    watcher = StopWatcher(stops)
    got, rest = "", answer
    while rest and not watcher.hit:
        size = data.draw(st.integers(1, len(rest)))
        got += watcher.feed(rest[:size])
        rest = rest[size:]
    got += watcher.rest()
    first = min((answer.index(stop) for stop in stops if stop in answer), default=None)
    if first is None:
        assert (got, watcher.hit) == (answer, "")
    else:
        assert watcher.hit in stops
        assert got == answer[: answer.index(watcher.hit)]


@pytest.mark.parametrize("seed", [0, 1, 42, 2**31 - 1, 2**32 - 2])
def test_the_seeded_state_is_that_of_the_mersenne_twister(seed: int) -> None:
    state = np.random.RandomState(seed).get_state(legacy=False)["state"]
    assert twister_text(seed) == " ".join(map(str, [*state["key"], state["pos"]])).encode()


def test_causes_are_found_in_the_words_of_both_runtimes() -> None:
    llama = [
        "0.00.008.060 E gguf_init_from_reader: tensor 'x' has invalid ggml type 200. should be in [0, 43)",
        "0.00.008.440 E llama_model_load: error loading model: failed to load model from x",
    ]
    assert load_cause(llama) == "tensor 'x' has invalid ggml type 200. should be in [0, 43)"
    chain = "llama_model_load: error loading model: error loading model vocabulary: "
    old = [chain + "unknown pre-tokenizer type: 'z'"]
    assert load_cause(old) == "unknown pre-tokenizer type: 'z'"
    assert load_cause(["nothing of use"]) == ""
    message, hint = describe_exit("gpt4all", -6, ["noise", "  what():  bad thing"])
    assert message == "the engine gpt4all crashed (SIGABRT): what():  bad thing"
    assert "memory" in describe_exit("x", -9, [])[1]
    assert hint


@given(st.text())
def test_the_scripted_engine_cuts_a_text_without_losing_any(sample: str) -> None:
    assert "".join(words(sample)) == sample
    assert default_answer(sample) == default_answer(sample)


async def test_the_script_may_repeat_the_prompt() -> None:
    script = json.dumps({"echo": True, "pieces": ["!"], "repeat": 3})
    engine = await EngineProcess.launch(LoadSpec("scripted", "", script=script))
    try:
        assert text(await collect(engine, "Tell me\nof 東京")) == "Tell me\nof 東京!!!"
    finally:
        await engine.close()


@pytest.mark.parametrize("engine_name", ["llamacpp", "gpt4all"])
async def test_the_first_token_is_not_doubled(engine_name: str, tmp_path: Path) -> None:
    """The model adds its first token; a chat template writes it as well."""
    model = write_tiny(tmp_path / "bos.gguf", weights="chain", add_bos=True)
    engine = await EngineProcess.launch(LoadSpec(engine_name, str(model)))
    try:
        for prompt in ("<|im_start|>hello", "hello"):
            assert finished(await collect(engine, prompt)).tokens_in == 6
    finally:
        await engine.close()


@pytest.mark.parametrize("engine_name", ["llamacpp", "gpt4all"])
async def test_the_end_of_a_turn_ends_the_answer_and_is_not_shown(engine_name: str, tmp_path: Path) -> None:
    """<|im_end|> is not this file's end-of-text token."""
    model = write_tiny(tmp_path / "turn.gguf", weights="chain", chain=["A", "b", "<|im_end|>", "C"])
    engine = await EngineProcess.launch(LoadSpec(engine_name, str(model)))
    try:
        events = await collect(engine, "hello")
        assert text(events) == "Ab"
        assert (finished(events).reason, finished(events).tokens_out) == ("stop", 3)
    finally:
        await engine.close()


async def test_gpt4all_s_own_markers_are_named_when_they_cut(tmp_path: Path) -> None:
    model = write_tiny(tmp_path / "mark.gguf", weights="chain", chain=["A", "###", " Response", "B"])
    engine = await EngineProcess.launch(LoadSpec("gpt4all", str(model)))
    try:
        assert engine.info.capabilities.seed == "patched"
        events = await collect(engine, "hello")
        assert text(events) == "A"
        assert finished(events).reason == "stop-string"
        assert any("### Response" in event.text for event in events if isinstance(event, Chatter))
    finally:
        await engine.close()


async def test_a_reused_prompt_is_told_and_makes_a_run_less_certain(tmp_path: Path) -> None:
    model = write_tiny(tmp_path / "random.gguf")
    engine = await EngineProcess.launch(LoadSpec("llamacpp", str(model)))
    try:
        cold = await collect(engine, "hello " * 10)
        warm = await collect(engine, "hello " * 10)
        assert [started(run).cache for run in (cold, warm)] == ["cold", "warm"]
        assert finished(cold).tokens_cached == 0
        assert finished(warm).tokens_cached > 0
        assert [finished(run).repro for run in (cold, warm)] == ["exact", "likely"]
        assert [finished(run).ms_load > 0 for run in (cold, warm)] == [True, False]
    finally:
        await engine.close()


async def test_two_engines_run_side_by_side_and_each_only_one_prompt(tmp_path: Path) -> None:
    model = write_tiny(tmp_path / "wide.gguf", n_ctx=4096, endless=True)
    first, second = [
        await EngineProcess.launch(LoadSpec(name, str(model), n_ctx=4096)) for name in ("llamacpp", "gpt4all")
    ]
    try:
        running = first.generate("hello", GREEDY)
        await anext(running)
        busy = [event async for event in first.generate("hello", GREEDY)]
        assert "busy" in str(busy[-1])
        assert len(pieces(await collect(second, "hello"))) > 5
        rest = [event async for event in running]
        assert finished(rest).reason == "length"
    finally:
        await first.close()
        await second.close()


def test_the_package_and_its_versions_load_no_runtime() -> None:
    code = (
        "import sys, workbench.engine as e\n"
        "assert all(e.engine_version(name) for name in e.ENGINES)\n"
        "assert e.engine_version('nonesuch') is None\n"
        "print([m for m in ('gpt4all', 'xllamacpp', 'asyncio', 'psutil') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert set(ENGINES) == {"llamacpp", "gpt4all", "scripted"}
    assert engine_version("scripted")
