"""Verify, remove, rename and move model files: whole answers, nothing outside the folders, nothing that is in use."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clitool import cli
from tests.gguf_bytes import Gguf, write_split
from tests.tiny_model import cut, write_tiny
from workbench.engine import EngineProcess, LoadSpec, shelf_edit
from workbench.engine.compat import compatible_copy
from workbench.engine.download import FetchCancelled, FetchProgress
from workbench.engine.gguf import read_header
from workbench.engine.quarantine import forgive, note_crash, note_success, quarantined
from workbench.engine.shelf import cached_sha256, entry_of
from workbench.engine.shelf_edit import files_of, in_use, move_model, remove_model, rename_model
from workbench.engine.verify import SOURCES, verify_model
from workbench.error import ModelError, StorageError, UsageError


def nothing(_progress: FetchProgress) -> None:
    """For work whose progress does not matter."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def test_a_sound_file_is_whole_and_a_rotten_bit_is_found(folder: Path) -> None:
    path = Gguf().write(folder / "a.gguf")
    steps: list[FetchProgress] = []
    first = verify_model(entry_of(path), on_progress=steps.append)
    assert (first.ok, first.against) == (True, "nothing")
    assert first.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (steps[-1].phase, steps[-1].done) == ("verify", path.stat().st_size)
    assert verify_model(entry_of(path), on_progress=nothing).against == "earlier"
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[-9] ^= 4
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    rotten = verify_model(entry_of(path), on_progress=nothing)
    assert not rotten.ok
    assert first.sha256 in rotten.problem
    assert "get the file again" in rotten.sentence


def test_a_file_is_held_against_the_hash_it_was_fetched_by(folder: Path) -> None:
    path = Gguf().write(folder / "a.gguf")
    SOURCES.put(str(path.resolve()), {"sha256": "0" * 64, "url": "https://models.example/a.gguf"})
    answer = verify_model(entry_of(path), on_progress=nothing)
    assert (answer.ok, answer.against) == (False, "source")
    given = verify_model(entry_of(path), on_progress=nothing, sha256=answer.sha256.upper())
    assert (given.ok, given.against) == (True, "given")


def test_verifying_can_be_stopped(folder: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(FetchCancelled):
        verify_model(entry_of(Gguf().write(folder / "a.gguf")), on_progress=nothing, cancel=stop)


def test_two_crashes_in_a_row_keep_a_file_from_its_engine_until_verified(folder: Path) -> None:
    path = write_tiny(folder / "a.gguf", pre="smollm")
    copy = compatible_copy(path, read_header(path), folder / "cache")
    note_crash("gpt4all", copy, -11, "GGML_ASSERT(no)")
    assert quarantined(path) == {}
    note_crash("gpt4all", copy, -9, "killed from outside")
    note_crash("gpt4all", copy, 0, "")
    assert quarantined(path) == {}
    note_success("gpt4all", copy)
    note_crash("gpt4all", copy, -11, "GGML_ASSERT(no)")
    assert quarantined(path) == {}
    note_crash("gpt4all", copy, -6, "GGML_ASSERT(yes)")
    assert "GGML_ASSERT(yes)" in quarantined(path)["gpt4all"]
    assert quarantined(write_tiny(folder / "b.gguf")) == {}
    answer = verify_model(entry_of(path), on_progress=nothing)
    assert answer.forgiven
    assert "quarantine is lifted" in answer.sentence
    assert quarantined(path) == {}
    assert not forgive(path)


def test_the_command_verifies_all_and_says_no_with_its_exit_code(folder: Path, tmp_path: Path) -> None:
    cut(Gguf().write(folder / "good.gguf"), folder / "short.gguf", keep=0.9)
    said = cli("models", "verify", "--models", str(folder), cwd=tmp_path)
    lines = said.stdout.decode().splitlines()
    assert said.returncode == 1
    assert [line[:3] for line in lines] == ["ok ", "BAD"]
    assert "cut short" in lines[1]
    alone = cli("models", "verify", "good", "--models", str(folder), "--format", "json", cwd=tmp_path)
    assert alone.returncode == 0
    assert json.loads(alone.stdout)[0]["ok"] is True
    wrong = cli("models", "verify", "good", "--sha256", "ab", "--models", str(folder), cwd=tmp_path)
    assert wrong.returncode == 1
    assert cli("models", "verify", "--sha256", "ab", "--models", str(folder), cwd=tmp_path).returncode == 2


def test_removing_takes_the_file_its_copies_and_what_was_known(folder: Path, tmp_path: Path) -> None:
    path = write_tiny(folder / "a.gguf", pre="smollm")
    copy = compatible_copy(path, read_header(path), tmp_path / "cache")
    cached_sha256(path)
    size = path.stat().st_size + copy.stat().st_size
    removed = remove_model(path, [folder], copies=tmp_path / "cache")
    assert (removed.bytes, removed.paths) == (size, (path, copy))
    assert list(folder.iterdir()) == []
    with pytest.raises(ModelError, match="there is no file"):
        remove_model(path, [folder])


def test_nothing_outside_the_model_folders_is_touched(folder: Path, tmp_path: Path) -> None:
    outside = Gguf().write(tmp_path / "elsewhere" / "a.gguf")
    for call in (
        lambda: remove_model(outside, [folder]),
        lambda: rename_model(outside, "b", [folder]),
        lambda: remove_model(folder / ".." / "elsewhere" / "a.gguf", [folder]),
    ):
        with pytest.raises(UsageError, match="not in a model folder"):
            call()
    link = folder / "link.gguf"
    link.symlink_to(outside)
    assert remove_model(link, [folder]).bytes == 0
    assert outside.exists()
    assert not link.is_symlink()


def test_a_split_model_is_verified_with_all_its_parts(folder: Path, tmp_path: Path) -> None:
    first, second = write_split(folder, count=2)
    words = ("models", "verify", "--models", str(folder))
    said = cli(*words, cwd=tmp_path)
    assert (said.returncode, len(said.stdout.splitlines())) == (0, 1)
    part = verify_model(entry_of(second), on_progress=nothing)
    assert (part.ok, part.against) == (True, "earlier")
    SOURCES.put(str(second), {"sha256": "0" * 64})
    rotten = verify_model(entry_of(first), on_progress=nothing)
    assert rotten.problem.startswith(f"{second.name}: the content differs")
    second.unlink()
    alone = cli(*words, cwd=tmp_path)
    assert (alone.returncode, b"the others are not beside it" in alone.stdout) == (1, True)


def test_a_whole_file_that_is_no_model_is_whole(folder: Path) -> None:
    adapter = Gguf().with_(general__type="adapter").write(folder / "a.gguf")
    assert verify_model(entry_of(adapter), on_progress=nothing).ok
    cut(adapter, adapter, keep=0.9)
    assert not verify_model(entry_of(adapter), on_progress=nothing).ok


def test_all_parts_of_a_split_model_go_together(folder: Path, tmp_path: Path) -> None:
    parts = [Gguf().write(folder / f"big-0000{number}-of-00003.gguf") for number in (1, 2, 3)]
    other = Gguf().write(folder / "big-00001-of-00002.gguf")
    assert files_of(parts[1]) == tuple(parts)
    with pytest.raises(UsageError, match="split"):
        rename_model(parts[0], "small", [folder])
    assert move_model(parts[0], tmp_path / "new", [folder], on_progress=nothing) == tmp_path / "new" / parts[0].name
    assert sorted(item.name for item in folder.iterdir()) == [other.name]
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_renaming_keeps_what_is_known_and_never_overwrites(folder: Path) -> None:
    path, other = Gguf().write(folder / "a.gguf"), Gguf(arch="qwen2").write(folder / "b.gguf")
    known = cached_sha256(path)
    SOURCES.put(str(path.resolve()), {"sha256": known, "url": ""})
    with pytest.raises(UsageError, match="already"):
        rename_model(path, "b", [folder])
    for name in ("", "x/y", ".hidden", "a\0b"):
        with pytest.raises(UsageError):
            rename_model(path, name, [folder])
    renamed = rename_model(path, "c", [folder])
    assert (renamed.name, other.exists()) == ("c.gguf", True)
    assert verify_model(entry_of(renamed), on_progress=nothing).against == "source"


def test_a_move_to_another_disk_copies_checks_and_then_removes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Gguf().write(folder / "a.gguf")
    data = path.read_bytes()

    def other_disk(*_paths: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr("workbench.engine.shelf_edit.os.rename", other_disk)
    steps: list[FetchProgress] = []
    moved = move_model(path, tmp_path / "disk", [folder], on_progress=steps.append)
    assert (moved.read_bytes(), path.exists()) == (data, False)
    assert steps[-1].done == steps[-1].total
    stop = threading.Event()
    stop.set()
    with pytest.raises(FetchCancelled):
        move_model(moved, folder, [tmp_path / "disk"], on_progress=nothing, cancel=stop)
    assert (moved.exists(), list(folder.iterdir())) == (True, [])
    monkeypatch.setattr(shelf_edit, "SPARE", 1 << 60)
    with pytest.raises(StorageError, match="are free in"):
        move_model(moved, folder, [tmp_path / "disk"], on_progress=nothing)


@pytest.mark.parametrize("engine_name", ["llamacpp", "gpt4all"])
async def test_a_loaded_file_stays_where_it_is_and_one_that_vanishes_hurts_nobody(
    engine_name: str, folder: Path
) -> None:
    path = write_tiny(folder / "a.gguf")
    engine = await EngineProcess.launch(LoadSpec(engine_name, str(path), n_ctx=64))
    try:
        assert in_use(path)
        changes: list[Callable[[], object]] = [
            lambda: remove_model(path, [folder]),
            lambda: rename_model(path, "b", [folder]),
            lambda: move_model(path, folder / "far", [folder], on_progress=nothing),
        ]
        for change in changes:
            with pytest.raises(ModelError, match="loaded by an engine"):
                change()
        assert [item.name for item in folder.iterdir()] == ["a.gguf"]
        path.unlink()
        from tests.contract.suite import collect, finished

        assert finished(await collect(engine, "hello")).tokens_out > 0
    finally:
        await engine.close()
    assert not in_use(write_tiny(path))


def test_rm_asks_and_without_a_terminal_wants_a_yes(folder: Path, tmp_path: Path) -> None:
    path = Gguf().write(folder / "a.gguf")
    refused = cli("models", "rm", "a", "--models", str(folder), cwd=tmp_path)
    assert (refused.returncode, path.exists()) == (2, True)
    assert b"--yes" in refused.stderr
    done = cli("models", "rm", "a", "--yes", "--models", str(folder), cwd=tmp_path)
    assert (done.returncode, done.stdout.decode().split()) == (0, [str(path)])
    assert b"freed" in done.stderr


def test_rename_and_move_by_command(folder: Path, tmp_path: Path) -> None:
    Gguf().write(folder / "a.gguf")
    said = cli("models", "rename", "a", "b", "--models", str(folder), cwd=tmp_path)
    assert said.stdout.decode().strip() == str(folder / "b.gguf")
    said = cli("models", "move", "b", str(tmp_path / "far"), "--models", str(folder), cwd=tmp_path)
    assert said.stdout.decode().strip() == str(tmp_path / "far" / "b.gguf")
    assert b"no model folder" in said.stderr
    assert b"far was made" in said.stderr


def test_a_mistyped_folder_is_not_made(folder: Path, tmp_path: Path) -> None:
    path = Gguf().write(folder / "a.gguf")
    said = cli("models", "move", "a", str(tmp_path / "no" / "such"), "--models", str(folder), cwd=tmp_path)
    assert (said.returncode, path.exists(), (tmp_path / "no").exists()) == (2, True, False)
    assert f"there is no folder {tmp_path / 'no'}".encode() in said.stderr
    nobody = cli("models", "move", "a", "~nobody-at-all/x", "--models", str(folder), cwd=tmp_path)
    assert nobody.returncode == 2


def test_files_of_one_name_are_told_apart_in_the_list(folder: Path, tmp_path: Path) -> None:
    Gguf().write(folder / "one" / "a.gguf")
    Gguf().write(folder / "two" / "a.gguf")
    said = cli("models", "list", "--models", str(folder), cwd=tmp_path).stdout.decode()
    assert f"a in {folder / 'one'} " in said
    assert f"a in {folder / 'two'} " in said


@pytest.mark.parametrize("words", [("models", "inspect"), ("bench",), ("models", "verify")])
def test_a_servers_model_is_no_file_and_that_is_said(isolated_home: Path, tmp_path: Path, words: tuple[str]) -> None:
    settings = isolated_home / "config" / "prompt-workbench" / "config.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('[[server]]\nname = "box"\nurl = "http://127.0.0.1:9/v1"\n', encoding="utf-8")
    said = cli(*words, "box/lab", cwd=tmp_path)
    assert said.returncode == 4
    assert b"box/lab is a model of the server box, there is no file of it here" in said.stderr
    assert b"there is no file bax/lab" in cli(*words, "bax/lab", cwd=tmp_path).stderr
