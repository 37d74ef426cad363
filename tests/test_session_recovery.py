"""What a process that died has left becomes a run; one that lives is left alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import REPO
from tests.test_session_store import DEAD, disown, finished, store, streaming
from workbench.session import owner, runload
from workbench.session.reader import read_recording
from workbench.session.store import SessionStore

__all__ = ["store"]


def test_a_dead_process_leaves_an_interrupted_run(store: SessionStore) -> None:
    session = store.new_session("x")
    journal = streaming(session)
    disown(journal, **DEAD)
    recording = journal.path.with_suffix(".jsonl").read_bytes()
    # The list knows before anything is written.
    assert store.runs(session)[0].status == "interrupted"
    assert store.recover() == [journal.run_id]
    assert store.recover() == []
    assert 'status = "interrupted"' in journal.path.read_text(encoding="utf-8")
    record = store.open_run(session, journal.run_id)
    assert (record.result.text, record.result.tokens_out, record.request) == ("a東", 2, journal.request)
    assert journal.path.with_suffix(".jsonl").read_bytes() == recording


def test_a_run_file_that_is_missing_or_empty_is_made_anew(store: SessionStore) -> None:
    session = store.new_session("x")
    journals = [streaming(session), finished(session, "all of it")]
    disown(journals[0], **DEAD)
    journals[0].path.unlink()
    journals[1].path.write_bytes(b"\0" * 512)
    assert sorted(store.recover()) == sorted(journal.run_id for journal in journals)
    by_id = {info.id: info.status for info in store.runs(session)}
    assert by_id == {journals[0].run_id: "interrupted", journals[1].run_id: "finished"}


def test_a_run_of_a_process_that_lives_is_shown_live_and_left_alone(store: SessionStore) -> None:
    session = store.new_session("x")
    command = [sys.executable, "-m", "tests.crash.writer", str(session.dir)]
    with subprocess.Popen(command, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
        run_id = process.stdout.readline().split()[0].decode()
        process.send_signal(19)  # SIGSTOP: alive, and writes nothing more
        info = next(info for info in store.runs(session) if info.id == run_id)
        assert info.status == "running"
        assert run_id not in store.recover()
        process.kill()
        process.wait()
        assert run_id in store.recover()


@pytest.mark.parametrize(
    ("claims", "life"),
    [
        ({}, "alive"),
        (DEAD, "dead"),
        ({"start": 1}, "dead"),
        ({"boot": "other"}, "dead"),
        ({"host": "othr"}, "unknown"),
        ({"pid": "x"}, "unknown"),
    ],
)
def test_who_lives_is_told_by_process_start_and_boot(store: SessionStore, claims: dict[str, object], life: str) -> None:
    journal = streaming(store.new_session("x"))
    recording = journal.path.with_suffix(".jsonl")
    assert owner.life_of(None, recording) == "alive"  # the lock alone tells
    disown(journal, **claims)
    assert owner.life_of(read_recording(recording).owner, recording) == life


def test_a_run_of_another_machine_is_recovered_only_when_it_stopped_growing(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = store.new_session("x")
    journal = streaming(session)
    disown(journal, host="othr")
    assert store.recover() == []
    assert store.runs(session)[0].status == "running"
    monkeypatch.setattr(runload, "WATCH_SECONDS", 0.0)
    with journal.path.with_suffix(".jsonl").open("ab") as file:
        file.write(b'{"k":"o","n":2,"at":40,"t":[1],"s":["b"]}\n')
    assert store.recover() == []
    assert store.recover() == [journal.run_id]
    assert store.open_run(session, journal.run_id).result.text == "a東b"
