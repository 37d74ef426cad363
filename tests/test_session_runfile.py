"""A run goes into its two files and comes back exactly, whatever its texts are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile import TEXTS, VALUES
from tests.runtool import request, result, started
from workbench.param import Params
from workbench.record import IncludeRef, Message, ModelRef, PatternRef, PickRef, Prompt, RunRequest, TemplateRef
from workbench.session.blob import Packer, blob_reader, unpack, write_blobs
from workbench.session.runfile import request_to_dict, result_to_dict, run_toml
from workbench.session.runread import apply_started, request_from_dict, result_from_dict
from workbench.textio import toml_loads

HASHES = st.sampled_from(["", "ab" * 32])
MODELS = st.builds(ModelRef, TEXTS, st.integers(0, 2**60), HASHES, TEXTS, TEXTS, TEXTS, TEXTS)
PROMPTS = st.builds(
    Prompt,
    st.sampled_from(["text", "messages"]),
    TEXTS,
    st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXTS), max_size=3).map(tuple),
    TEXTS,
    st.sampled_from(["gguf", "builtin", "none"]),
)
TEMPLATES = st.builds(
    TemplateRef,
    TEXTS,
    HASHES,
    TEXTS,
    TEXTS,
    st.lists(st.builds(IncludeRef, TEXTS, HASHES, TEXTS), max_size=2).map(tuple),
)
PATTERNS = st.none() | st.builds(
    PatternRef,
    st.integers(0, 10**30),
    st.sampled_from(["combinatorial", "sample", "shuffled"]),
    st.integers(0, 10**30).map(str),
    st.none() | st.integers(0, 2**63),
    st.lists(st.builds(PickRef, TEXTS, st.integers(0, 99), TEXTS, TEXTS), max_size=3).map(tuple),
)
PARAMS = st.builds(
    Params,
    temperature=st.floats(0, 5),
    seed=st.none() | st.integers(0, 2**32 - 2),
    stop=st.lists(TEXTS, max_size=3).map(tuple),
    cold_cache=st.booleans(),
)
REQUESTS = st.builds(
    request,
    template=TEMPLATES,
    variables=st.dictionaries(TEXTS.filter(lambda text: "\ud800" not in text), VALUES, max_size=4),
    prompt=PROMPTS,
    model=MODELS,
    params=PARAMS,
    pattern=PATTERNS,
)


KEYS = [
    *("id", "created", "template", "source", "include", "variables", "prompt", "messages", "form", "engine", "model"),
    *("params", "stop", "seed", "pattern", "pick", "result", "status", "text", "exit", "changed", "chat_template"),
]


def no_blob(_sha256: str) -> str | None:
    return None


def listed(value: Any) -> Any:
    """Tuples are lists on disk."""
    return json.loads(json.dumps(value))


@settings(max_examples=150)
@given(REQUESTS, TEXTS, TEXTS, st.none() | st.integers(-64, 255))
def test_a_run_file_gives_request_and_result_back(wanted: RunRequest, text: str, error: str, code: int | None) -> None:
    ended = result(text, error=error, stderr=error, exit=code)
    packer = Packer()
    data = toml_loads(run_toml(request_to_dict(wanted, packer), ended))
    again = request_from_dict(data, no_blob)
    assert replace(again, variables={}) == replace(wanted, variables={})
    assert listed(again.variables) == listed(wanted.variables)
    assert result_from_dict(data["result"]) == ended
    assert not packer.blobs


@settings(max_examples=50)
@given(REQUESTS)
def test_the_first_line_of_a_recording_gives_the_request_back(wanted: RunRequest) -> None:
    data = json.loads(json.dumps(request_to_dict(wanted, Packer())))
    again = request_from_dict(data, no_blob)
    assert replace(again, variables={}) == replace(wanted, variables={})


def test_optional_keys_are_left_out_and_the_text_comes_last() -> None:
    plain = request(group="", pane=0, parent="", changed=(), pattern=None, cell={}, endpoint="")
    text = run_toml(request_to_dict(plain, Packer()), result("a\nb\n"))
    for key in ("group", "pane", "parent", "changed", "endpoint", "exit", "error", "stderr"):
        assert f"\n{key} =" not in text
    assert "[pattern]" not in text
    assert "[cell]" not in text
    assert text.endswith('repro = "exact"\ntext = """\na\nb\n"""\n')
    tables = [line for line in text.split("\n") if line.startswith("[") and not line.startswith("[[")]
    wanted = [
        "template",
        "variables",
        "variables.k",
        "prompt",
        "prompt.chat_template",
        "engine",
        "model",
        "params",
        "result",
    ]
    assert tables == [f"[{name}]" for name in wanted]


@given(st.recursive(VALUES, lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=9), max_leaves=30))
def test_reading_never_raises_on_content(data: Any) -> None:
    table = data if isinstance(data, dict) else {"prompt": data, "params": data}
    assert request_from_dict(table, no_blob).params.max_tokens >= 0 or table
    assert result_from_dict(data).status


def test_what_the_engine_really_used_is_what_counts() -> None:
    record = {"engine": {"threads": 3, "n_ctx": 1024, "version": "2"}, "params": {"seed": 9}, "cache": "cold"}
    used = apply_started(request(), record)
    assert (used.threads, used.n_ctx, used.engine_version, used.params.seed, used.cache) == (3, 1024, "2", 9, "cold")
    assert used.n_batch == request().n_batch
    assert started().engine.threads == 3


def test_long_texts_stand_apart_once_and_come_back(tmp_path: Path) -> None:
    long = "東" * 40_000
    wanted = request(variables={"document": long, "again": [long], "short": "x"})
    packer = Packer()
    data = request_to_dict(wanted, packer)
    assert len(packer.blobs) == 1
    assert len(run_toml(data, result())) < 10_000
    write_blobs(tmp_path, packer.blobs)
    write_blobs(tmp_path, packer.blobs)
    (blob,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert blob.read_text(encoding="utf-8") == long
    assert not blob.stat().st_mode & 0o222
    assert request_from_dict(data, blob_reader(tmp_path)) == wanted
    blob.chmod(0o644)
    blob.write_text("edited")
    lost = request_from_dict(data, blob_reader(tmp_path)).variables["document"]
    assert "120000 bytes are missing here" in lost


@given(VALUES)
def test_a_value_that_looks_like_a_reference_is_none(value: Any) -> None:
    for tricky in ({"blob": value, "bytes": 1}, {"json": value}, {"k": value}):
        assert listed(unpack(Packer().value(tricky), no_blob)) == listed(tricky)


def test_the_dictionary_of_a_result_ends_with_the_text() -> None:
    assert list(result_to_dict(result()))[-1] == "text"
