"""The shelf lists whatever lies in the folders, finds models by any name people use, and remembers hashes."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.gguf_bytes import Gguf
from workbench.engine import shelf
from workbench.engine.gguf import GgufHeader, read_header
from workbench.engine.shelf import cached_sha256, find_model, fingerprint, list_models, remember_sha256
from workbench.error import ModelError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good models, a truncated one, and foreign files, some levels deep."""
    models = tmp_path / "models"
    Gguf().write(models / "deep" / "er" / "Alpha-1B.Q4_0.gguf")
    Gguf().with_(general__name="Beta Chat").write(models / "beta.gguf")
    content = Gguf().bytes()
    (models / "cut.gguf").write_bytes(content[:-9])
    (models / "old.bin").write_bytes(b"tjgg\3\0\0\0" + b"\0" * 40)
    (models / "weights.safetensors").write_bytes(b"\x20\0\0\0\0\0\0\0{}" + b" " * 60)
    (models / "readme.txt").write_text("no model")
    (models / ".hidden.gguf").write_bytes(content)
    (models / ".fetch-x").mkdir()
    (models / ".fetch-x" / "part.gguf").write_bytes(content)
    return models


def test_every_file_is_listed_with_its_engine_or_its_reason(folder: Path) -> None:
    entries = {entry.path.name: entry for entry in list_models([folder, folder, folder / "absent"])}
    assert list(entries) == [
        "Alpha-1B.Q4_0.gguf", "beta.gguf", "cut.gguf", "old.bin", "weights.safetensors",
    ]  # fmt: skip
    assert [entry.engine for entry in entries.values()] == ["llamacpp", "llamacpp", "", "", ""]
    assert "9 of" in entries["cut.gguf"].problem
    assert "GGJT" in entries["old.bin"].problem
    assert entries["beta.gguf"].problem == ""
    assert entries["beta.gguf"].estimate.total > 40 << 20


def test_a_file_that_no_engine_runs_is_listed_with_both_reasons(tmp_path: Path) -> None:
    replace(Gguf(), arch="nonsense").write(tmp_path / "n.gguf")
    (entry,) = list_models([tmp_path])
    assert entry.engine == ""
    assert "llamacpp: " in entry.problem
    assert "gpt4all: " in entry.problem


def test_links_are_listed_once_and_loops_end(folder: Path) -> None:
    (folder / "zz-link.gguf").symlink_to(folder / "beta.gguf")
    (folder / "dangling.gguf").symlink_to(folder / "gone.gguf")
    (folder / "deep" / "loop").symlink_to(folder)
    names = [entry.path.name for entry in list_models([folder])]
    assert names.count("beta.gguf") == 1
    assert "zz-link.gguf" not in names
    assert "dangling.gguf" in names


def test_a_link_to_itself_is_one_bad_row_and_no_more(folder: Path) -> None:
    (folder / "round.gguf").symlink_to("round.gguf")
    (folder / "there.gguf").symlink_to("back.gguf")
    (folder / "back.gguf").symlink_to("there.gguf")
    entries = {entry.path.name: entry for entry in list_models([folder])}
    assert entries["beta.gguf"].engine
    assert [entries[name].problem for name in ("round.gguf", "there.gguf", "back.gguf")] == [
        "this is a link that leads to itself; remove it"
    ] * 3
    assert find_model("round", [folder]).problem
    assert find_model("beta", [folder]).problem == ""
    assert cached_sha256(folder / "round.gguf") is None


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3000, "~nobody-at-all/x.gguf", "a\0b"])
def test_a_name_that_no_file_can_have_is_just_not_found(folder: Path, name: str) -> None:
    with pytest.raises(ModelError, match="there is no"):
        find_model(name, [folder])


def test_a_replaced_file_is_read_anew(folder: Path) -> None:
    path = folder / "beta.gguf"
    assert find_model("beta", [folder]).header.name == "Beta Chat"
    temporary = Gguf().with_(general__name="Gamma One").write(folder / "new")
    os.replace(temporary, path)
    assert find_model("beta", [folder]).header.name == "Gamma One"


@pytest.mark.parametrize("name", ["beta", "beta.gguf", "BETA", "Beta Chat", "beta chat"])
def test_a_model_is_found_by_the_names_people_use(folder: Path, name: str) -> None:
    assert find_model(name, [folder]).path == folder / "beta.gguf"


def test_a_path_is_taken_as_it_is(folder: Path) -> None:
    path = folder / "deep" / "er" / "Alpha-1B.Q4_0.gguf"
    assert find_model(str(path), []).path == path
    with pytest.raises(ModelError, match="there is no file"):
        find_model(str(folder / "none.gguf"), [folder])


def test_no_name_means_the_first_model_that_runs(folder: Path) -> None:
    assert find_model("", [folder]).id == "Alpha-1B.Q4_0"


def test_no_model_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model yet") as raised:
        find_model("", [tmp_path])
    assert raised.value.hint == "Get one with: workbench models get smollm2-135m"
    with pytest.raises(ModelError) as raised:
        find_model("gemma3-270m", [tmp_path])
    assert "workbench models get gemma3-270m" in raised.value.hint


def test_a_near_name_is_offered(folder: Path) -> None:
    with pytest.raises(ModelError, match="there is no model 'bett'") as raised:
        find_model("bett", [folder])
    assert "Did you mean beta" in raised.value.hint


def test_two_different_files_of_one_name_are_not_guessed(folder: Path) -> None:
    Gguf().with_(general__name="Other").write(folder / "deep" / "beta.gguf")
    with pytest.raises(ModelError, match="several models are called 'beta'") as raised:
        find_model("beta", [folder])
    assert str(folder / "deep" / "beta.gguf") in raised.value.hint


def test_a_fingerprint_follows_the_content_not_the_place(tmp_path: Path) -> None:
    one, two, other = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    content = bytes(range(256)) * 20_000
    one.write_bytes(content)
    two.write_bytes(content)
    os.utime(two, (1, 1))
    other.write_bytes(content[:-1] + b"!")
    assert fingerprint(one) == fingerprint(two) != fingerprint(other)
    assert fingerprint(tmp_path / "none") == ""


def test_a_hash_is_remembered_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"one")
    assert cached_sha256(path, at_most=2) is None
    assert cached_sha256(path) == hashlib.sha256(b"one").hexdigest()
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("the file was read again"))
        assert cached_sha256(path, at_most=0) == hashlib.sha256(b"one").hexdigest()
    path.write_bytes(b"three")
    assert cached_sha256(path) == hashlib.sha256(b"three").hexdigest()
    remember_sha256(path, "0" * 64)
    assert cached_sha256(path) == "0" * 64
    assert cached_sha256(tmp_path / "none") is None


def test_a_broken_hash_store_is_started_anew(isolated_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"one")
    store = isolated_home / "state" / "prompt-workbench" / "model-sha256.json"
    store.parent.mkdir(parents=True, exist_ok=True)
    store.write_text("{ not json")
    assert cached_sha256(path) == hashlib.sha256(b"one").hexdigest()
    assert "one" not in store.read_text()
    assert str(path) in store.read_text()


def test_a_run_reads_no_header_but_its_models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noting(path: str) -> GgufHeader:
        read.append(Path(path).name)
        return read_header(path)

    monkeypatch.setattr(shelf, "read_header", noting)
    assert find_model("beta", [folder]).path == folder / "beta.gguf"
    assert read == ["beta.gguf"]


def test_of_the_same_file_twice_the_earlier_folder_counts(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(folder / "beta.gguf", other)
    assert find_model("beta", [other, folder]).path == other / "beta.gguf"
    assert find_model("beta", [folder, other]).path == folder / "beta.gguf"
