"""The verdict from the header equals what the engines themselves do, and the choice follows its order."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.gguf_bytes import TENSORS, Gguf, Tensor
from tests.gguf_truth import engine_says, renamed_architecture
from tests.tiny_model import with_bad_type, write_tiny
from workbench.engine.gguf import read_header
from workbench.engine.select import NATIVE, choose_engine, installed, verdict
from workbench.error import NoEngine, UsageError

PRES = [
    "default", "llama-bpe", "deepseek-llm", "deepseek-coder", "falcon", "mpt", "starcoder", "gpt-2",
    "phi-2", "refact", "command-r", "qwen2", "stablelm2", "olmo", "dbrx", "smaug-bpe", "chatglm-bpe",
    "viking", "smollm", "minerva-7b", "codeshell", "falcon3", "pixtral", "deepseek-r1-qwen", "glm4",
    "tekken", "gpt-4o", "deepseek-v3", "kimi-k2", "exaone", "superbpe", "bloom", "nonsense",
]  # fmt: skip
ARCHS = [
    "falcon", "gpt2", "gptneox", "mpt", "starcoder", "refact", "bloom", "qwen2", "phi2", "phi3", "orion",
    "internlm2", "gemma", "gemma2", "starcoder2", "command-r", "olmo", "openelm", "deepseek2", "gemma3",
    "qwen3", "llama4", "phimoe", "olmo2", "granite", "lfm2", "smollm3", "gpt-oss", "mamba", "glm4",
    "nonsense",
]  # fmt: skip


@pytest.mark.parametrize("engine", NATIVE)
def test_pre_tokenizer_verdicts_equal_the_engines_own_answers(tmp_path: Path, engine: str) -> None:
    if not installed(engine):
        assert not verdict(read_header(write_tiny(tmp_path / "a.gguf"))).of(engine).can
        return
    files = [write_tiny(tmp_path / f"{pre}.gguf", pre=pre) for pre in PRES]
    verdicts = [verdict(read_header(file)).of(engine) for file in files]
    expected = {pre: said == "yes" for pre, said in zip(PRES, engine_says(engine, files), strict=True)}
    assert {pre: v.can and not v.needs_copy for pre, v in zip(PRES, verdicts, strict=True)} == expected
    assert all(v.reason for v in verdicts)


@pytest.mark.parametrize("engine", NATIVE)
def test_architecture_verdicts_equal_the_engines_own_answers(tmp_path: Path, engine: str) -> None:
    """A llama file under another name seldom loads, but each engine says whether it knows the name."""
    if not installed(engine):
        assert not verdict(read_header(write_tiny(tmp_path / "a.gguf"))).of(engine).can
        return
    llama = write_tiny(tmp_path / "llama.gguf", pre="qwen2")
    files = [renamed_architecture(llama, tmp_path / f"{arch}.gguf", arch) for arch in ARCHS]
    said = engine_says(engine, files)
    known = {
        arch: "unknown model architecture" not in answer and "Unsupported model architecture" not in answer
        for arch, answer in zip(ARCHS, said, strict=True)
    }
    assert {arch: verdict(read_header(file)).of(engine).can for arch, file in zip(ARCHS, files, strict=True)} == known


@pytest.mark.parametrize("engine", NATIVE)
def test_files_that_end_or_fail_an_engine_are_refused_beforehand(tmp_path: Path, engine: str) -> None:
    good = write_tiny(tmp_path / "good.gguf", pre="gpt-2")
    bad = [
        write_tiny(tmp_path / "double.gguf", duplicate_token=True),
        *(with_bad_type(good, tmp_path / f"type{kind}.gguf", type_id=kind) for kind in (200, 43, 36)),
    ]
    answers = [verdict(read_header(file)).of(engine) for file in bad]
    assert [answer.can for answer in answers] == [False] * 4
    if installed(engine):
        assert "yes" not in engine_says(engine, bad)
        assert engine_says(engine, [good]) == ["yes"]


def _renamed(content: bytes, name: bytes) -> bytes:
    """Everything of that name gets another one of its length."""
    return content.replace(name, name[:-2] + bytes([name[-2] ^ 1]) + name[-1:])


@pytest.mark.parametrize("engine", NATIVE)
def test_files_that_lack_what_every_engine_needs_are_refused_beforehand(tmp_path: Path, engine: str) -> None:
    """And only because the engines do: each of these rules is held against them."""
    content = write_tiny(tmp_path / "good.gguf").read_bytes()
    lacking = {
        "merges": _renamed(content, b"tokenizer.ggml.merges"),
        "epsilon": _renamed(content, b"llama.attention.layer_norm_rms_epsilon"),
        "norm": _renamed(content, b"output_norm.weight"),
        "layer": content.replace(b"blk.1.", b"blk.9."),
        "heads": _renamed(content, b"llama.attention.head_count"),
    }
    files = []
    for name, changed in lacking.items():
        (tmp_path / f"{name}.gguf").write_bytes(changed)
        files.append(tmp_path / f"{name}.gguf")
    assert [verdict(read_header(file)).best for file in files] == [None] * len(files)
    if installed(engine):
        assert [answer[:2] for answer in engine_says(engine, files)] == ["no"] * len(files)


@pytest.mark.parametrize("engine", NATIVE)
def test_no_flipped_header_that_passes_ends_an_engine(tmp_path: Path, engine: str) -> None:
    """A third of such files abort gpt4all; every one of these is refused from its header."""
    good = write_tiny(tmp_path / "good.gguf")
    content, length, rng = good.read_bytes(), read_header(good).info_end_offset, random.Random(9)
    passed = [good]
    for number in range(300):
        flipped = bytearray(content)
        flipped[rng.randrange(length)] ^= 1 << rng.randrange(8)
        file = tmp_path / f"{number}.gguf"
        file.write_bytes(flipped)
        if verdict(read_header(file)).of(engine).can:
            passed.append(file)
    if not installed(engine):
        assert passed == [good]
        return
    said = engine_says(engine, passed)
    assert said[0] == "yes"
    assert [file.name for file, answer in zip(passed, said, strict=True) if answer.startswith("died")] == []


def test_removed_and_new_quantizations_differ_by_engine(tmp_path: Path) -> None:
    def answers(kind: int, size: int) -> dict[str, bool]:
        tensors = (*TENSORS, Tensor("blk.0.x.weight", (256, 64), kind, bytes=size))
        header = read_header(replace(Gguf(), tensors=tensors).write(tmp_path / f"{kind}.gguf"))
        return {choice.engine: choice.can for choice in verdict(header).choices}

    assert answers(31, 256 * 64 // 32 * 18) == {"llamacpp": False, "gpt4all": True}
    assert answers(39, 256 * 64 // 32 * 17) == {"llamacpp": True, "gpt4all": False}


def test_the_choice_follows_its_order(tmp_path: Path) -> None:
    smollm = read_header(Gguf().write(tmp_path / "smollm.gguf"))
    assert (choose_engine(smollm).engine, choose_engine(smollm).needs_copy) == ("llamacpp", "")
    asked = choose_engine(smollm, asked="gpt4all")
    assert (asked.engine, asked.needs_copy) == ("gpt4all", "refact")
    assert choose_engine(smollm, prefer="gpt4all").needs_copy == "refact"
    assert choose_engine(smollm, asked="llamacpp", prefer="gpt4all").engine == "llamacpp"


def test_a_preferred_engine_that_cannot_is_passed_over_and_named(tmp_path: Path) -> None:
    header = read_header(replace(Gguf(), arch="gemma3").write(tmp_path / "g.gguf"))
    chosen = choose_engine(header, prefer="gpt4all")
    assert chosen.engine == "llamacpp"
    assert "gpt4all 2.8.2 does not know the architecture 'gemma3'" in chosen.reason


def test_an_asked_engine_that_cannot_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    header = read_header(replace(Gguf(), arch="gemma3").write(tmp_path / "g.gguf"))
    with pytest.raises(NoEngine, match="does not know the architecture 'gemma3'") as raised:
        choose_engine(header, asked="gpt4all")
    assert "llamacpp can run it" in raised.value.hint
    with pytest.raises(UsageError, match="there is no engine 'ollama'"):
        choose_engine(header, asked="ollama")


def test_a_broken_file_and_one_that_nothing_runs_give_all_reasons(tmp_path: Path) -> None:
    content = Gguf().bytes()
    (tmp_path / "cut.gguf").write_bytes(content[:-5])
    with pytest.raises(NoEngine, match=r"cut\.gguf: the file is cut short: 5 of"):
        choose_engine(read_header(tmp_path / "cut.gguf"), asked="llamacpp")
    header = read_header(replace(Gguf(), arch="nonsense").write(tmp_path / "n.gguf"))
    with pytest.raises(NoEngine, match=r"no engine can run n\.gguf") as raised:
        choose_engine(header)
    assert "llamacpp: " in raised.value.hint
    assert "gpt4all: " in raised.value.hint
