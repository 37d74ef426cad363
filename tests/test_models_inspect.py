"""What `models inspect` and the shelf's page tell of a file: words for people, and whether its chat template works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clitool import cli
from tests.gguf_bytes import Gguf
from workbench.engine.gguf import read_header
from workbench.engine.header_rows import header_rows
from workbench.engine.shelf import entry_of
from workbench.service import open_workbench
from workbench.service.chat_example import chat_example
from workbench.tui.shelf import inspect_text

REFUSAL = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
NO_SYSTEM = REFUSAL + "<u>{{ messages[0].content }}"
FAULTY = {
    "{{ raise_exception('only tools') }}": "only tools",
    "{% for m in messages %}{{ m.content }": "unexpected",
    "{% for i in range(10**9) %}x{% endfor %}": "too large",
    "{{ messages[0].nothing.at_all }}": "nothing",
}


def test_facts_are_words_and_equal_layers_are_one_number(tmp_path: Path) -> None:
    rows = dict(header_rows(read_header(Gguf().write(tmp_path / "a.gguf"))))
    assert (rows["n_heads"], rows["n_kv_heads"], rows["embedding_type"]) == ("4", "2", "F32")
    assert rows["tensor_types"] == "F32 17 kB, Q4_0 5 kB, Q8_0 4 kB"
    assert rows["bos_id"] == "1"
    assert not {"eot_id", "n_experts", "metadata", "layers", "chat_template"} & set(rows)
    mixed = Gguf().with_(llama__attention__head_count_kv=[2, 1]).write(tmp_path / "b.gguf")
    assert dict(header_rows(read_header(mixed)))["n_kv_heads"] == "2, 1"


@pytest.mark.parametrize("template", FAULTY)
def test_a_chat_template_that_fails_is_told_before_a_run(tmp_path: Path, template: str) -> None:
    path = Gguf().with_(tokenizer__chat_template=template).write(tmp_path / "a.gguf")
    said = cli("models", "inspect", str(path), cwd=tmp_path)
    assert said.returncode == 0
    (fault,) = [line for line in said.stdout.decode().splitlines() if line.startswith("but: ")]
    assert FAULTY[template] in fault
    assert 'mode = "raw"' in fault
    assert f"but: {fault[5:]}" in inspect_text(entry_of(path), "", fault[5:])


async def test_a_template_is_shown_at_work_and_its_source_once(tmp_path: Path) -> None:
    path = Gguf().with_(tokenizer__chat_template=NO_SYSTEM).write(tmp_path / "a.gguf")
    bench = open_workbench(model_dirs=[str(tmp_path)])
    entry = entry_of(path)
    try:
        assert chat_example(bench, entry.header) == ("<u>You are brief.\n\nHello!", "")
    finally:
        await bench.close()
    said = cli("models", "inspect", str(path), cwd=tmp_path).stdout.decode()
    assert "-- chat template, as it renders --\n<u>You are brief." in said
    assert said.count("raise_exception") == 1
    assert inspect_text(entry, "<u>x").count("raise_exception") == 1
    record = json.loads(cli("models", "inspect", str(path), "--format", "json", cwd=tmp_path).stdout)
    assert (record["chat_template"], record["metadata"]["tokenizer.chat_template"]) == (NO_SYSTEM, NO_SYSTEM)
    assert (record["n_heads"], record["chat_template_problem"]) == ([4, 4], "")


def test_a_base_model_says_so(tmp_path: Path) -> None:
    path = Gguf().with_(tokenizer__chat_template=None).write(tmp_path / "a.gguf")
    assert b"no chat template" in cli("models", "inspect", str(path), cwd=tmp_path).stdout
