"""The command that plays: into a pipe, on a terminal, and stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.clitool import cli, command, environment
from tests.runtool import pieces, request, result, started
from workbench.event import Piece
from workbench.service import open_workbench
from workbench.session.info import Session
from workbench.session.journal import RunJournal
from workbench.workspace import init_workspace


def saved(space: Path, *runs: tuple[list[str], str, int]) -> tuple[Session, list[str]]:
    """Runs on disk: pieces, group and pane of each."""
    store = open_workbench(space).store
    session = store.new_session("played")
    ids = []
    for texts, group, pane in runs:
        journal = RunJournal.create(session.dir, request(group=group, pane=pane, parent="", changed=()))
        journal.write(started())
        for piece in pieces(texts):
            journal.write(piece)
        journal.finish(result("".join(texts)))
        ids.append(journal.request.id)
    return session, ids


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return init_workspace(tmp_path / "space").root


def test_a_run_plays_exactly_into_a_pipe_and_writes_nothing(space: Path) -> None:
    texts = ["In ", "東京\x1b[31m", " it rains\r\n"]
    session, (run_id,) = saved(space, (texts, "", 0))
    before = {path: path.read_bytes() for path in session.dir.rglob("*") if path.is_file()}
    for options in (["--speed", "8"], ["--instant"], ["--from", "15"]):
        done = cli("sessions", "play", run_id, *options, cwd=space)
        assert (done.returncode, done.stdout.decode()) == (0, "".join(texts)), done.stderr
    assert {path: path.read_bytes() for path in session.dir.rglob("*") if path.is_file()} == before


def test_a_group_plays_as_labelled_stretches_in_the_order_of_time(space: Path) -> None:
    group = "01KBGROUP"
    _, ids = saved(space, (["a1 ", "a2"], group, 0), (["b1 ", "b2"], group, 1))
    # However late the machine is: pieces that are due together still come in their order.
    played = cli("sessions", "play", group, "--idle", "0.01", "--speed", "64", cwd=space).stdout.decode().splitlines()
    assert [line for line in played if not line.startswith("==")] == ["a1 ", "b1 ", "a2", "b2"]
    heads = [line for line in played if line.startswith("==")]
    assert [ids[0] in line for line in heads] == [True, False, True, False]
    whole = cli("sessions", "play", "played", "--instant", cwd=space)
    assert whole.stdout.decode().count("==") == 2


def test_a_run_without_its_recording_says_that_the_pace_is_estimated(space: Path) -> None:
    session, (run_id,) = saved(space, (["one ", "two"], "", 0))
    (session.dir / "runs" / f"{run_id}.jsonl").unlink()
    done = cli("sessions", "play", run_id, "--instant", cwd=space)
    assert done.stdout == b"one two"
    assert b"estimated" in done.stderr


def test_ctrl_c_ends_playing_cleanly(space: Path) -> None:
    store = open_workbench(space).store
    session = store.new_session("long")
    journal = RunJournal.create(session.dir, request())
    journal.write(Piece(0, 0, "begin"))
    journal.write(Piece(60_000, 1, " end"))
    journal.finish(result("begin end", ms_total=60_000))
    words = command("sessions", "play", journal.request.id, "--idle", "0")
    with subprocess.Popen(words, cwd=space, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(5) == b"begin"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b""), err
    assert b"Traceback" not in err


@pytest.mark.parametrize("options", [["--speed", "100"], ["--speed", "x"], ["--idle", "-1"], ["--from", "nan"]])
def test_numbers_out_of_range_are_refused(space: Path, options: list[str]) -> None:
    _, (run_id,) = saved(space, (["x"], "", 0))
    assert cli("sessions", "play", run_id, *options, cwd=space).returncode == 2


@pytest.mark.pty
def test_on_a_terminal_labels_are_coloured_and_texts_made_safe(space: Path) -> None:
    _, ids = saved(space, (["a\x1b]0;title\x07", "b"], "01KBGROUP", 0), (["c"], "01KBGROUP", 1))
    for extra, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        main, terminal = os.openpty()
        words = command("sessions", "play", "01KBGROUP", "--speed", "64")
        with subprocess.Popen(words, cwd=space, stdout=terminal, env=environment() | extra) as process:
            os.close(terminal)
            seen = bytearray()
            # The terminal's end is an error on Linux, and an empty read elsewhere.
            with contextlib.suppress(OSError):
                while data := os.read(main, 65536):
                    seen += data
            assert process.wait(30) == 0
        os.close(main)
        assert (b"\x1b[1;36m== 1: " in seen) == coloured
        assert b"\x1b]0" not in seen
        assert ids[1].encode() in seen
