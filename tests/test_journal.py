"""The flight recorder: order of writing, batches, threads, and a disk that fails."""

from __future__ import annotations

import errno
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faultdisk import FaultDisk
from tests.runtool import intact, pieces, request, result, started
from workbench.error import StorageError
from workbench.event import Chatter, Piece, Progress
from workbench.session import journal as journal_module
from workbench.session.blob import blob_reader
from workbench.session.journal import RunJournal
from workbench.session.reader import read_recording
from workbench.session.runload import Watch, load_run

TEXTS = ["In ", "東京", " it ", "rains 👩‍💻", ".\n"]
ERRNOS = [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EDQUOT]


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds; the test's own time limit ends it."""
    ready = threading.Event()
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "the condition never came"
        ready.wait(0.005)


def lines(journal: RunJournal) -> list[bytes]:
    return journal.path.with_suffix(".jsonl").read_bytes().splitlines(keepends=True)


def test_request_and_both_files_are_there_before_anything_runs(tmp_path: Path) -> None:
    disk = FaultDisk()
    journal = RunJournal.create(tmp_path / "s", request(), disk=disk)
    record = load_run(journal.path, Watch())
    assert record.live
    assert record.request == journal.request
    assert json.loads(lines(journal)[0])["k"] == "run"
    # First the recording with its name, then the run file; each made durable before the next step.
    order = [call for call in disk.calls if call != "mkdir"]
    assert order[-9:] == [
        *("open", "write", "fsync", "sync_dir"),
        *("open", "write", "fsync", "replace", "sync_dir"),
    ]
    journal.abandon()


def test_a_run_reads_back_exactly(tmp_path: Path) -> None:
    journal = RunJournal.create(tmp_path, request())
    journal.write(Progress(1, "load", 10, 100))
    journal.write(started())
    for piece in pieces(TEXTS):
        journal.write(piece)
    journal.write(Chatter(60, "ggml: hm\x1b[2J"))
    journal.mark("cancel", 61)
    ended = result("".join(TEXTS))
    journal.finish(ended)
    assert not journal.problem
    record = load_run(journal.path, Watch())
    assert (record.result, record.request, record.edited) == (ended, journal.request, False)
    assert record.request.params.seed == 9
    view = read_recording(journal.path.with_suffix(".jsonl"))
    assert intact(view)
    assert view.pieces == pieces(TEXTS)
    assert view.chatter == [(60, "ggml: hm\x1b[2J")]
    assert view.marks == [(61, "cancel")]
    assert all(line.isascii() and len(line) < 65536 for line in lines(journal))


def test_flushed_is_in_the_file_and_unflushed_follows_by_itself(tmp_path: Path) -> None:
    journal = RunJournal.create(tmp_path, request())
    first, second = pieces(["shown", "not yet"])
    journal.write(first)
    journal.flush()
    assert b'"shown"' in lines(journal)[-1]
    journal.write(second)
    wait_for(lambda: b'"not yet"' in lines(journal)[-1])
    journal.abandon()


def test_durable_within_a_quarter_second_and_never_in_the_streaming_thread(tmp_path: Path) -> None:
    threads: list[str] = []

    class Watching(FaultDisk):
        def fdatasync(self, fd: int) -> None:
            threads.append(threading.current_thread().name)
            super().fdatasync(fd)

    journal = RunJournal.create(tmp_path, request(), disk=Watching())
    for piece in pieces(["a"] * 100):
        journal.write(piece)
        journal.flush()
    wait_for(lambda: bool(threads))
    journal.abandon()
    assert threading.current_thread().name not in threads


def test_a_batch_is_one_write_of_at_most_4_kb(tmp_path: Path) -> None:
    sizes: list[int] = []

    class Watching(FaultDisk):
        def write(self, fd: int, data: bytes) -> int:
            sizes.append(len(data))
            return super().write(fd, data)

    journal = RunJournal.create(tmp_path, request(), disk=Watching())
    del sizes[:]
    for piece in pieces(["word "] * 3000):
        journal.write(piece)
    journal.flush()
    assert len(sizes) > 5
    assert max(sizes) <= 4096 + 100
    journal.abandon()


def test_a_piece_longer_than_any_line_is_continued(tmp_path: Path) -> None:
    texts = ["a", "東" * 30_000, "\x00" * 9000, "👩" * 9000, "b"]
    journal = RunJournal.create(tmp_path, request())
    for piece in pieces(texts):
        journal.write(piece)
    journal.finish(result("".join(texts)))
    view = read_recording(journal.path.with_suffix(".jsonl"))
    assert intact(view)
    assert {piece.index for piece in view.pieces} == set(range(5))
    assert max(map(len, lines(journal))) < 65536


def test_a_request_longer_than_a_line_keeps_its_long_texts_apart(tmp_path: Path) -> None:
    folder = tmp_path / "sessions" / "2026-11" / "x"
    wanted = request(variables={str(index): f"{index}" * 20_000 for index in range(8)})
    journal = RunJournal.create(folder, wanted)
    assert len(lines(journal)[0]) < 65536
    journal.finish(result())
    assert load_run(journal.path, Watch()).request == wanted
    assert (tmp_path / "sessions" / "blobs").is_dir()
    journal.path.unlink()
    assert load_run(journal.path, Watch()).request == wanted
    assert blob_reader(tmp_path)("../../etc/passwd") is None


def test_finishing_twice_changes_nothing(tmp_path: Path) -> None:
    journal = RunJournal.create(tmp_path, request())
    journal.finish(result("one"))
    before = journal.path.read_bytes(), lines(journal)
    journal.finish(result("two"))
    journal.write(Piece(1, 0, "late"))
    journal.flush()
    journal.abandon()
    assert (journal.path.read_bytes(), lines(journal)) == before


def calls_of(tmp_path: Path) -> int:
    """How many system calls a creation makes."""
    disk = FaultDisk()
    RunJournal.create(tmp_path / "count" / "s", request(), disk=disk).abandon()
    return len(disk.calls)


@pytest.mark.parametrize("code", ERRNOS)
def test_a_disk_that_fails_at_any_step_of_the_beginning_leaves_nothing(tmp_path: Path, code: int) -> None:
    for at in range(calls_of(tmp_path)):
        folder = tmp_path / f"{code}-{at}"
        disk = FaultDisk(at=at, code=code)
        with pytest.raises(StorageError) as caught:
            RunJournal.create(folder / "s", request(), disk=disk)
        assert caught.value.hint
        assert [path for path in folder.rglob("*") if path.is_file()] == []
        assert disk.opened == disk.closed


@pytest.fixture
def quick_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "RETRY_SECONDS", 0.02)


@pytest.mark.usefixtures("quick_retry")
@pytest.mark.parametrize("code", ERRNOS)
def test_a_run_in_memory_is_saved_once_the_disk_is_back(tmp_path: Path, code: int) -> None:
    disk = FaultDisk({"open": code})
    journal = RunJournal.create(tmp_path, request(), disk=disk, strict=False)
    assert journal.problem.startswith("not saved: ")
    for piece in pieces(TEXTS):
        journal.write(piece)
        journal.flush()
    ended = result("".join(TEXTS))
    journal.finish(ended)
    assert journal.problem
    disk.faults.clear()
    wait_for(lambda: not journal.problem)
    assert load_run(journal.path, Watch()).result == ended
    assert intact(read_recording(journal.path.with_suffix(".jsonl")))


@pytest.mark.usefixtures("quick_retry")
@pytest.mark.parametrize("code", ERRNOS)
@pytest.mark.parametrize("call", ["write", "fdatasync", "ftruncate"])
def test_a_disk_that_fails_while_streaming_gets_the_whole_text_later(tmp_path: Path, call: str, code: int) -> None:
    disk = FaultDisk()
    journal = RunJournal.create(tmp_path, request(), disk=disk)
    parts = pieces(TEXTS * 20)
    for piece in parts[:30]:
        journal.write(piece)
        journal.flush()
    disk.faults = {"write": code, "fdatasync": code, "fsync": code} | {call: code}
    for piece in parts[30:70]:
        journal.write(piece)
        journal.flush()
    wait_for(lambda: journal.problem.startswith("not saved: "))
    disk.faults.clear()
    wait_for(lambda: not journal.problem)
    for piece in parts[70:]:
        journal.write(piece)
    ended = result("".join(TEXTS * 20))
    journal.finish(ended)
    wait_for(lambda: not journal.problem)
    view = read_recording(journal.path.with_suffix(".jsonl"))
    assert view.text == ended.text
    assert not view.missing
    assert load_run(journal.path, Watch()).result == ended


@pytest.mark.usefixtures("quick_retry")
@pytest.mark.parametrize("space", [0, 1, 50, 3000])
def test_a_full_disk_keeps_whole_records_and_nothing_is_lost_when_room_comes(tmp_path: Path, space: int) -> None:
    disk = FaultDisk()
    journal = RunJournal.create(tmp_path, request(), disk=disk)
    disk.space = space
    parts = pieces(["word 東 "] * 2000)
    for piece in parts:
        journal.write(piece)
        journal.flush()
    assert journal.problem == "not saved: disk full"
    # The file holds whole records only, with no torn end.
    for line in lines(journal):
        assert json.loads(line)
    ended = result("word 東 " * 2000)
    journal.finish(ended)
    assert journal.problem == "not saved: disk full"
    assert load_run(journal.path, Watch()).live
    disk.space = None
    wait_for(lambda: not journal.problem)
    assert intact(read_recording(journal.path.with_suffix(".jsonl")))
    assert load_run(journal.path, Watch()).result == ended


@pytest.mark.parametrize("code", ERRNOS)
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace", "sync_dir"])
def test_a_disk_that_fails_at_the_end_offers_another_place(tmp_path: Path, call: str, code: int) -> None:
    disk = FaultDisk()
    journal = RunJournal.create(tmp_path / "one", request(), disk=disk)
    for piece in pieces(TEXTS):
        journal.write(piece)
    disk.faults = {call: code}
    ended = result("".join(TEXTS))
    journal.finish(ended)
    assert journal.problem.startswith("not saved: ")
    saved = journal.save_elsewhere(tmp_path / "two")
    assert not journal.problem
    assert load_run(saved, Watch()).result == ended
    assert intact(read_recording(saved.with_suffix(".jsonl")))
    assert disk.opened == disk.closed


def test_no_thread_outlives_its_run(tmp_path: Path) -> None:
    journal = RunJournal.create(tmp_path, request())
    journal.write(pieces(["a"])[0])
    journal.finish(result("a"))
    wait_for(lambda: not any(thread.name == f"journal-{journal.run_id}" for thread in threading.enumerate()))
