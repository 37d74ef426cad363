"""``workbench run`` with the scripted engine: bytes, events, signals, pipes, terminals."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clitool import cli, command, environment, golden
from workbench.error import ExitCode
from workbench.service import open_workbench
from workbench.workspace import init_workspace

PIECES = ["In ", "東京", " it ", "\x1b[31mrains\x07", " 👩‍💻", ".\n"]
TEXT = "".join(PIECES)
SLOW = {"pieces": ["tick "] * 2000, "delay_ms": 20}


@pytest.fixture
def space(tmp_path: Path) -> Path:
    init_workspace(tmp_path / "space")
    return tmp_path / "space"


def run(space: Path, *words: str, script: dict[str, Any] | None = None) -> subprocess.CompletedProcess[bytes]:
    return cli("run", "london", "--engine", "scripted", *words, cwd=space, script=script or {"pieces": PIECES})


def start(space: Path, *words: str) -> subprocess.Popen[bytes]:
    """A slow run that has printed its first piece."""
    process = subprocess.Popen(
        command("run", "london", "--engine", "scripted", *words),
        cwd=space,
        env=environment(SLOW),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.read(5) == b"tick "
    return process


def only_record(space: Path) -> Any:
    """The one run of this test, read back from disk."""
    store = open_workbench(space).store
    own = [info for info in store.list_sessions() if "-sample-" not in info.dir.name]
    (found,) = [store.open_run(info, run.id) for info in own for run in store.runs(info)]
    return found


def test_a_pipe_gets_the_exact_bytes_and_the_record_is_the_same(space: Path) -> None:
    done = run(space, "--set", "city=東京")
    assert done.returncode == ExitCode.OK
    golden("run-scripted.txt", done.stdout)
    assert done.stdout == TEXT.encode()
    record = only_record(space)
    assert record.result.text == TEXT
    assert record.result.sha256 == hashlib.sha256(done.stdout).hexdigest()
    assert record.request.variables["city"] == "東京"
    talk = done.stderr.decode()
    assert "scripted" in talk
    assert "saved as sessions/" in talk
    saved = talk.rpartition("saved as ")[2].strip()
    assert (space / saved).is_file()
    assert "\r" not in talk


def test_a_terminal_gets_visible_characters_only(space: Path) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command("run", "london", "--engine", "scripted", "--no-save", "--quiet"),
        cwd=space,
        env=environment({"pieces": ["a\x1b]52;c;aGk=\x07", "\x9b2J", "雨"]}),
        stdin=slave,
        stdout=slave,
        stderr=subprocess.DEVNULL,
    )
    os.close(slave)
    seen = b""
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
    os.close(master)
    assert process.wait(30) == ExitCode.OK
    assert seen.decode() == "a␛]52;c;aGk=␇<U+009B>2J雨\r\n"


def test_jsonl_is_one_event_a_line_with_stable_keys(space: Path) -> None:
    done = run(space, "--format", "jsonl", "--seed", "7", "--param", "max_tokens=60")
    events = [json.loads(line) for line in done.stdout.decode().splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds.count("started") == 1
    assert kinds[-1] == "finished"
    assert set(kinds) <= {"started", "progress", "piece", "chatter", "finished"}
    assert "".join(event["text"] for event in events if event["event"] == "piece") == TEXT
    (started,) = [event for event in events if event["event"] == "started"]
    assert started["params"]["seed"] == 7
    assert started["params"]["max_tokens"] == 60
    shapes = {event["event"]: sorted(event) for event in events}
    golden("run-jsonl-keys.json", json.dumps(shapes, indent=1, sort_keys=True).encode() + b"\n")
    assert (
        events[-1]["saved"] == next((space / "sessions").rglob(f"{started['run']}.toml")).relative_to(space).as_posix()
    )


def test_json_is_one_object_that_holds_the_whole_run(space: Path) -> None:
    done = run(space, "--format", "json", "--no-save", "--param", "stop=\n\n", "--param", "stop=END")
    record = json.loads(done.stdout)
    assert record["result"]["text"] == TEXT
    assert record["saved"] is None
    assert record["engine"]["name"] == "scripted"
    assert record["params"]["stop"] == ["\n\n", "END"]
    golden("run-json-keys.json", json.dumps(sorted(record)).encode() + b"\n")


def test_no_save_leaves_nothing(space: Path) -> None:
    before = sorted((space / "sessions").rglob("*"))
    done = run(space, "--no-save")
    assert done.returncode == ExitCode.OK
    assert b"not saved" in done.stderr
    assert sorted((space / "sessions").rglob("*")) == before


def test_runs_of_one_session_name_stand_together(space: Path) -> None:
    before = {info.dir for info in open_workbench(space).store.list_sessions()}
    run(space, "--session", "tone of voice")
    run(space, "--session", "tone of voice")
    store = open_workbench(space).store
    (info,) = [info for info in store.list_sessions() if info.dir not in before]
    assert info.title == "tone of voice"
    assert len(store.runs(info)) == 2


def test_quiet_says_nothing(space: Path) -> None:
    done = run(space, "--quiet")
    assert done.stderr == b""
    assert done.stdout == TEXT.encode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_came(space: Path, number: signal.Signals) -> None:
    process = start(space)
    process.send_signal(number)
    rest, err = process.communicate(timeout=30)
    assert process.returncode == ExitCode.CANCELLED
    assert "Traceback" not in err.decode()
    record = only_record(space)
    assert record.result.status == "cancelled"
    assert record.result.text.encode() == b"tick " + rest


def test_a_second_signal_kills(space: Path) -> None:
    process = start(space, "--no-save")
    # Stopped, so that both are waiting when it goes on: the second cannot come too late.
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=30)
    assert process.returncode in (-signal.SIGINT, -signal.SIGTERM)


def test_a_reader_that_goes_away_ends_the_run_quietly(space: Path) -> None:
    process = start(space)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(30) == ExitCode.OK
    assert "Broken" not in err
    assert "Traceback" not in err
    assert only_record(space).result.status == "cancelled"


def test_a_full_disk_under_stdout_is_a_message_and_the_record_is_whole(space: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command("run", "london", "--engine", "scripted"),
            cwd=space,
            env=environment({"pieces": PIECES}),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == ExitCode.STORAGE
    assert b"the output cannot be written: No space left on device" in done.stderr
    assert TEXT.startswith(only_record(space).result.text)
    assert only_record(space).result.status in ("cancelled", "finished")


def test_closed_streams_are_no_crash(space: Path) -> None:
    words = " ".join(f"'{word}'" for word in command("render", "london"))
    done = subprocess.run(["sh", "-c", f"{words} >&- 2>&-"], cwd=space, env=environment(), timeout=60, check=False)
    assert done.returncode == ExitCode.OK


def test_a_failing_engine_keeps_the_text_and_has_its_own_code(space: Path) -> None:
    done = run(space, script={"pieces": ["so far ", "so good"], "fail_at": 1})
    assert done.returncode == ExitCode.ENGINE
    assert done.stdout.startswith(b"so far ")
    assert b"the engine failed" in done.stderr
    assert only_record(space).result.status == "error"


def test_a_template_from_standard_input(space: Path) -> None:
    done = cli(
        *("run", "-", "--engine", "scripted", "--set", "x=y", "--format", "json"),
        cwd=space,
        stdin=b"Say {{ x }}",
        script={"pieces": ["ok"]},
    )
    record = json.loads(done.stdout)
    assert record["prompt"] == "Say y"
    assert record["template"]["path"] == "-"


def test_two_seeds_are_refused_and_one_said_twice_is_not(space: Path) -> None:
    differ = run(space, "--seed", "4", "--param", "seed=5", "--no-save")
    assert (differ.returncode, differ.stdout) == (ExitCode.USAGE, b"")
    assert b"--seed 4 and --param seed=5 differ" in differ.stderr
    assert run(space, "--seed", "4", "--param", "seed=4", "--no-save").returncode == ExitCode.OK


def test_a_folder_of_models_that_is_not_there_is_told(space: Path, tmp_path: Path) -> None:
    done = run(space, "--models", str(tmp_path / "gone"), "--no-save")
    assert (done.returncode, done.stdout) == (ExitCode.OK, TEXT.encode())
    assert f"--models {tmp_path / 'gone'}: there is no such folder".encode() in done.stderr


def test_what_an_engine_says_is_told_and_never_within_the_answer(space: Path) -> None:
    script = {"pieces": ["one ", "two"], "delay_ms": 200, "stderr": "careful\x1b[31m\nbe"}
    done = run(space, "--no-save", script=script)
    assert done.stdout == b"one two"
    lines = done.stderr.decode().splitlines()
    assert [line for line in lines if line.startswith("note: ")] == ["note: careful␛[31m", "note: be"]
    assert b"note" not in run(space, "--no-save", "--quiet", script=script).stderr
