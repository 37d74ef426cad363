"""The header reader: what it learns from good files, and that bad ones only ever become a sentence."""

from __future__ import annotations

import os
import random
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gguf_bytes import TENSORS, Gguf, Tensor, text, value_of, write_split
from workbench.engine.gguf import read_header


def test_a_good_file_says_everything(tmp_path: Path) -> None:
    header = read_header(Gguf().write(tmp_path / "a.gguf"))
    assert (header.problem, header.kind, header.complete) == ("", "model", True)
    assert (header.arch, header.name, header.quant, header.version) == ("llama", "A Little Model", "Q4_0", 3)
    assert (header.n_ctx_train, header.n_vocab, header.n_layers, header.n_embd) == (256, 64, 2, 64)
    assert (header.n_heads, header.n_kv_heads, header.key_length) == ((4, 4), (2, 2), 16)
    assert (header.bos_token, header.eos_token) == ("<s>", "</s>")
    assert header.end_tokens == {2: "</s>", 3: "<|im_end|>"}
    assert (header.tokenizer_model, header.tokenizer_pre) == ("gpt2", "smollm")
    assert header.tensor_bytes == sum(tensor.bytes for tensor in TENSORS)
    assert header.chat_template == "{{ messages }}"


def test_per_layer_lists_and_windows_are_kept(tmp_path: Path) -> None:
    model = replace(Gguf(), arch="gemma3").with_(
        gemma3__attention__head_count_kv=[2, 0],
        gemma3__attention__sliding_window=512,
        gemma3__attention__key_length=256,
    )
    header = read_header(model.write(tmp_path / "a.gguf"))
    assert header.n_kv_heads == (2, 0)
    assert (header.sliding_window, header.sliding_pattern, header.key_length) == (512, (1, 1), 256)


def test_special_tokens_are_found_far_behind_many_chunks(tmp_path: Path) -> None:
    tokens = [f"token-{number}-{'x' * (number % 97)}" for number in range(40_000)]
    tokens[39_999], tokens[30_001] = "<last>", "y" * 300_000
    model = replace(Gguf(), tokens=tokens).with_(
        tokenizer__ggml__bos_token_id=39_999, tokenizer__ggml__eos_token_id=30_001
    )
    header = read_header(model.write(tmp_path / "a.gguf"))
    assert (header.problem, header.n_vocab, header.bos_token) == ("", 40_000, "<last>")
    assert header.eos_token == "y" * 300_000


def test_equal_and_empty_vocabulary_entries_are_seen(tmp_path: Path) -> None:
    double = read_header(replace(Gguf(), tokens=["a", "b", "a"]).write(tmp_path / "a.gguf"))
    empty = read_header(replace(Gguf(), tokens=["a", "", "b"]).write(tmp_path / "b.gguf"))
    assert (double.duplicate_tokens, double.empty_tokens) == (True, False)
    assert (empty.duplicate_tokens, empty.empty_tokens) == (False, True)


FOREIGN = {
    "empty": (b"", "empty"),
    "html": (b"<!DOCTYPE html><html><title>Not found", "web page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
    "ggml": (b"lmgg" + b"\0" * 60, "GGML"),
    "ggjt": (b"tjgg\3\0\0\0" + b"\0" * 60, "GGJT"),
    "safetensors": (struct.pack("<Q", 40) + b'{"__metadata__":{}}' + b" " * 60, "safetensors"),
    "safetensors LoRA": (
        struct.pack("<Q", 90)
        + b'{"__metadata__":{},"base_model.model.layers.0.self_attn.q_proj.lora_A.weight":{}}' * 2,
        "convert_lora_to_gguf.py",
    ),
    "pytorch": (b"PK\x03\x04" + b"\0" * 60, "PyTorch"),
    "pickle": (b"\x80\x02}q\0." + b"\0" * 60, "pickle"),
    "json": (b'{"error": "Entry not found"}', "JSON"),
    "zeros": (b"\0" * 4096, "zeros"),
    "other": (b"\x7fELF" + b"\1" * 60, "not a GGUF"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0) + b"\0" * 64, "big-endian"),
    "version 1": (b"GGUF" + struct.pack("<IQQ", 1, 0, 0) + b"\0" * 64, "version 1"),
    "stub": (b"GGUF\3\0\0\0", "ends after 8 bytes"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_gets_a_sentence(tmp_path: Path, name: str) -> None:
    content, expected = FOREIGN[name]
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    header = read_header(path)
    assert expected in header.problem
    assert header.kind in ("legacy", "foreign", "broken", "adapter")


ADAPTER = tuple(Tensor(f"blk.0.attn_q.weight.lora_{half}", (64, 8), bytes=64 * 8 * 4) for half in "ab")


def without(name: str) -> tuple[Tensor, ...]:
    return tuple(tensor for tensor in TENSORS if tensor.name != name)


def test_layers_that_only_help_drafting_may_be_left_out(tmp_path: Path) -> None:
    model = replace(Gguf(), arch="glm4").with_(glm4__block_count=3, glm4__nextn_predict_layers=1)
    assert read_header(model.write(tmp_path / "a.gguf")).problem == ""


def test_what_is_no_model_of_its_own_gets_a_sentence(tmp_path: Path) -> None:
    cases = {
        "LoRA adapter": Gguf().with_(general__type="adapter"),
        "projector": replace(Gguf(), arch="clip"),
        "embedding model": replace(Gguf(), arch="nomic-bert"),
        "vocabulary only": replace(Gguf(), tensors=()),
        "importance matrix": Gguf().with_(general__type="imatrix"),
        "part 2 of 3": Gguf().with_(split__no=1, split__count=3),
        "no architecture": Gguf().with_(general__architecture=None),
        "does not say llama.block_count": Gguf().with_(llama__block_count=None),
        "is a LoRA adapter, no": replace(Gguf(), tensors=ADAPTER),
        "(it says how to pool)": replace(Gguf(), arch="qwen3").with_(qwen3__pooling_type=3),
        "reranking model": replace(Gguf(), arch="qwen3").with_(qwen3__pooling_type=4),
        "it rates texts": replace(Gguf(), tensors=(*TENSORS, Tensor("cls.output.weight", (64, 2), bytes=512))),
        "a context of 1 token;": Gguf().with_(llama__context_length=1),
        "no merges": Gguf().with_(tokenizer__ggml__merges=None),
        "no attention heads": Gguf().with_(llama__attention__head_count=0),
        "does not say llama.attention.layer_norm_rms": Gguf().with_(llama__attention__layer_norm_rms_epsilon=None),
        "output_norm.weight is missing": replace(Gguf(), tensors=without("output_norm.weight")),
        "of its 2 layers the one numbered 1 is missing": replace(Gguf(), tensors=without("blk.1.attn_q.weight")),
    }
    for sentence, model in cases.items():
        assert sentence in read_header(model.write(tmp_path / "a.gguf")).problem, sentence


def test_a_split_model_counts_as_one(tmp_path: Path) -> None:
    first, *others = write_split(tmp_path)
    header, joined = read_header(first), read_header(Gguf().write(tmp_path / "joined.gguf"))
    for name in ("problem", "kind", "quant", "tensor_types", "tensor_bytes", "n_params", "n_tensors"):
        assert getattr(header, name) == getattr(joined, name), name
    assert (header.embedding_type, header.embedding_bytes) == (joined.embedding_type, joined.embedding_bytes)
    assert header.file_bytes == sum(path.stat().st_size for path in (first, *others))
    assert [read_header(path).kind for path in others] == ["split", "split"]


BAD_PARTS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "missing": ("big-00002-of-00003.gguf", lambda path: path.unlink()),
    "cut": ("part 2 of 3 (big-00002-of-00003.gguf): the file is cut short: 9 of",
            lambda path: path.write_bytes(path.read_bytes()[:-9])),
    "empty": ("part 2 of 3 (big-00002-of-00003.gguf): the file is empty", lambda path: path.write_bytes(b"")),
    "a web page": ("(big-00002-of-00003.gguf): this is a web page", lambda path: path.write_bytes(b"<!DOCTYPE html>")),
    "a whole model": ("this is a file of its own, not the part", lambda path: Gguf().write(path)),
    "another part": ("this is part 3 of 3",
                     lambda path: path.write_bytes(path.with_name("big-00003-of-00003.gguf").read_bytes())),
    "of another model": ("its parts hold 4 tensors and not 5", lambda path: replace(
        Gguf().with_(split__no=1, split__count=3), tensors=TENSORS[:1]).write(path)),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PARTS)
def test_a_bad_part_of_a_split_model_is_named(tmp_path: Path, name: str) -> None:
    sentence, spoil = BAD_PARTS[name]
    first, second, _third = write_split(tmp_path)
    spoil(second)
    assert sentence in read_header(first).problem


def test_the_first_part_must_be_named_as_the_runtime_wants_it(tmp_path: Path) -> None:
    first, *_ = write_split(tmp_path)
    assert "named like NAME-00001-of-00002.gguf" in read_header(first.rename(tmp_path / "renamed.gguf")).problem


def test_missing_unreadable_and_special_files_are_no_exceptions(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    for path in (tmp_path / "none.gguf", tmp_path, tmp_path / "pipe.gguf", Path("a\0b")):
        header = read_header(path)
        assert header.kind == "missing"
        assert header.problem


def test_a_cut_file_names_the_missing_bytes(tmp_path: Path) -> None:
    content = Gguf().bytes()
    path = tmp_path / "a.gguf"
    for missing in (1, 17, TENSORS[-1].bytes):
        path.write_bytes(content[:-missing])
        header = read_header(path)
        assert (header.missing_bytes, header.complete, header.kind) == (missing, False, "broken")
        assert f"{missing} of {len(content)} bytes" in header.problem


def malformed() -> Iterator[tuple[str, bytes]]:
    """139 broken files: cuts, counts, lengths, types, offsets and flips (T7)."""
    good, head = Gguf().bytes(), Gguf().header()
    for number in range(60):
        yield f"cut {number}", good[: 4 + (len(head) - 5) * number // 60]
    one_pair, key = good[:16] + struct.pack("<Q", 1), text("general.extra")
    absurd = (0xFFFFFFFF, 1 << 31, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
    for count in absurd:
        yield f"{count} tensors", replace(Gguf(), n_tensors=count).bytes()
        yield f"{count} pairs", replace(Gguf(), n_pairs=count).bytes()
        for inner in (0, 4, 8, 10):
            claim = struct.pack("<IIQ", 9, inner, count)
            yield (
                f"list of {count} of type {inner}",
                one_pair + key + claim + good[24:],
            )
        yield (
            f"text of {count}",
            one_pair + key + struct.pack("<IQ", 8, count) + good[24:],
        )
        yield f"key of {count}", good[:24] + struct.pack("<Q", count) + good[32:]
        yield f"extent {count}", replace(Gguf(), tensors=(Tensor("t", (count, count), 0),)).bytes()
        yield f"offset {count}", replace(Gguf(), tensors=(Tensor("t", (32,), 0, offset=count),)).bytes()
    for kind in (9, 11, 12, 13, 99, 1 << 31):
        value = struct.pack("<I", kind) + b"\0" * 24
        yield f"value type {kind}", good[:24] + key + value + good[24:]
    for version in (0, 1, 4, 99, 1 << 31):
        yield f"version {version}", replace(Gguf(), version=version).bytes()
    for alignment in (0, 3, 1 << 31):
        yield f"alignment {alignment}", Gguf().with_(general__alignment=alignment).bytes()
    for shape in ((), (0,), (33,), (1, 1, 1, 1, 1)):
        yield f"shape {shape}", replace(Gguf(), tensors=(Tensor("t", shape, 2),)).bytes()
    yield "same tensor twice", replace(Gguf(), tensors=(TENSORS[0], TENSORS[0])).bytes()
    yield "same key twice", good[:24] + text("general.name") + value_of(4, 1) + good[24:]
    rng = random.Random(7)
    for number in range(14):
        flipped = bytearray(good)
        flipped[rng.randrange(len(head))] ^= 1 << rng.randrange(8)
        yield f"flip {number}", bytes(flipped)


MALFORMED = list(malformed())


def test_every_malformed_file_becomes_a_sentence_in_little_time_and_memory(tmp_path: Path) -> None:
    assert len(MALFORMED) >= 139
    path = tmp_path / "a.gguf"
    silent = []
    tracemalloc.start()
    try:
        for name, content in MALFORMED:
            path.write_bytes(content)
            tracemalloc.reset_peak()
            started = time.process_time()
            header = read_header(path)
            spent = time.process_time() - started
            assert spent <= 0.05, name
            assert tracemalloc.get_traced_memory()[1] <= 16 << 20, name
            if not header.problem and not name.startswith(("flip", "shape ()")):
                silent.append(name)
    finally:
        tracemalloc.stop()
    assert silent == []


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_at_all_are_no_exception(tmp_path_factory: pytest.TempPathFactory, tail: bytes, whole: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "any.gguf"
    start = Gguf().bytes()[: len(tail) * 5] if whole else b"GGUF\3\0\0\0"
    path.write_bytes(start + tail)
    assert read_header(path).path == str(path)


def test_random_flips_are_no_exception(tmp_path: Path) -> None:
    good = Gguf().bytes()
    path, rng = tmp_path / "a.gguf", random.Random(11)
    for _ in range(300):
        flipped = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            flipped[rng.randrange(len(Gguf().header()))] = rng.randrange(256)
        path.write_bytes(flipped)
        assert read_header(path).file_bytes == len(good)


@pytest.mark.real_model
def test_the_default_model_is_read_fast_and_right(default_model: Path) -> None:
    started = time.process_time()
    header = read_header(default_model)
    assert time.process_time() - started < 0.5
    assert (header.arch, header.quant, header.n_vocab, header.n_ctx_train) == ("llama", "Q4_1", 49_152, 8192)
    assert (header.bos_token, header.eos_token, header.problem) == ("<|im_start|>", "<|im_end|>", "")
    assert header.data_offset + header.tensor_bytes == header.file_bytes
