"""The compatible copy: made once, whole, beside an untouched original, and it really loads."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.gguf_bytes import Gguf
from tests.gguf_truth import engine_says
from tests.tiny_model import write_tiny
from workbench.engine.compat import compatible_copy
from workbench.engine.gguf import read_header
from workbench.engine.select import installed, verdict
from workbench.error import ModelError, StorageError


def test_a_name_of_the_same_length_is_patched_in_place(tmp_path: Path) -> None:
    source = Gguf().write(tmp_path / "a.gguf")
    before = source.read_bytes()
    copy = compatible_copy(source, read_header(source), tmp_path / "cache" / "models")
    after = copy.read_bytes()
    assert source.read_bytes() == before
    assert after == before.replace(b"smollm", b"refact")
    assert read_header(copy).tokenizer_pre == "refact"
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


@pytest.mark.parametrize("pre", ["gpt-2", "a-much-longer-name-than-before-of-all-things"])
def test_another_length_moves_the_header_and_keeps_the_weights(tmp_path: Path, pre: str) -> None:
    source = Gguf().with_(tokenizer__ggml__pre="deepseek-r1-qwen").write(tmp_path / "a.gguf")
    old = read_header(source)
    copy = compatible_copy(source, old, tmp_path / "cache", pre=pre)
    new = read_header(copy)
    assert (new.tokenizer_pre, new.problem, new.tensor_bytes) == (pre, "", old.tensor_bytes)
    assert copy.read_bytes()[new.data_offset :] == source.read_bytes()[old.data_offset :]
    assert new.data_offset % 32 == 0


def test_the_copy_is_made_once_and_again_for_another_file(tmp_path: Path) -> None:
    source, cache = Gguf().write(tmp_path / "a.gguf"), tmp_path / "cache"
    first = compatible_copy(source, read_header(source), cache)
    stamp = first.stat().st_mtime_ns
    assert compatible_copy(source, read_header(source), cache) == first
    assert first.stat().st_mtime_ns == stamp
    Gguf().with_(general__name="Another Model!").write(source)
    assert compatible_copy(source, read_header(source), cache) != first


def test_a_damaged_copy_is_made_again(tmp_path: Path) -> None:
    source, cache = Gguf().write(tmp_path / "a.gguf"), tmp_path / "cache"
    copy = compatible_copy(source, read_header(source), cache)
    good = copy.read_bytes()
    copy.write_bytes(good[:100])
    assert compatible_copy(source, read_header(source), cache).read_bytes() == good


def test_what_a_killed_process_left_is_swept_later(tmp_path: Path) -> None:
    source, cache = Gguf().write(tmp_path / "a.gguf"), tmp_path / "cache"
    cache.mkdir()
    for name, age in ((".copy-old", 7200), (".copy-new", 10)):
        (cache / name).write_text("half")
        os.utime(cache / name, (time.time() - age,) * 2)
    copy = compatible_copy(source, read_header(source), cache)
    assert sorted(path.name for path in cache.iterdir()) == [".copy-new", copy.name]


def test_many_at_once_make_one_whole_copy(tmp_path: Path) -> None:
    source, cache = write_tiny(tmp_path / "a.gguf", pre="smollm"), tmp_path / "cache"
    hashes: list[str] = []

    def make() -> None:
        hashes.append(hashlib.sha256(compatible_copy(source, read_header(source), cache).read_bytes()).hexdigest())

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hashes) == 6
    assert len(set(hashes)) == 1
    assert len(list(cache.iterdir())) == 1


def test_no_equivalent_is_an_error(tmp_path: Path) -> None:
    source = Gguf().with_(tokenizer__ggml__pre="tekken").write(tmp_path / "a.gguf")
    with pytest.raises(ModelError, match="no equivalent pre-tokenizer"):
        compatible_copy(source, read_header(source), tmp_path / "cache")


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_full_disk_is_said_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Gguf().write(tmp_path / "a.gguf")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10, 9, 1))
    with pytest.raises(StorageError, match="1 bytes are free") as raised:
        compatible_copy(source, read_header(source), tmp_path / "cache")
    assert "llamacpp" in raised.value.hint
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    source = Gguf().write(tmp_path / "a.gguf")
    (tmp_path / "cache").write_text("a file, no folder")
    with pytest.raises(StorageError, match="cannot be used"):
        compatible_copy(source, read_header(source), tmp_path / "cache")


def test_the_copy_loads_where_the_original_does_not(tmp_path: Path) -> None:
    source = write_tiny(tmp_path / "a.gguf", pre="smollm")
    longer = write_tiny(tmp_path / "b.gguf", pre="deepseek-r1-qwen")
    copies = [compatible_copy(path, read_header(path), tmp_path / "cache") for path in (source, longer)]
    assert [verdict(read_header(copy)).of("gpt4all").needs_copy for copy in copies] == ["", ""]
    if installed("gpt4all"):
        assert engine_says("gpt4all", copies) == ["yes", "yes"]
        assert "yes" not in engine_says("gpt4all", [source, longer])
