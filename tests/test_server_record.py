"""What the record of a run on a server says of it: values that were not sent, and reasoning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clitool import cli
from tests.runtool import request
from tests.serverlab import DONE, STOP, Asked, HostileServer, Reply, chunk, status, stream
from workbench.error import ExitCode
from workbench.service import open_workbench
from workbench.session.blob import Packer
from workbench.session.index import Hit
from workbench.session.runfile import request_to_dict
from workbench.session.runread import apply_started, request_from_dict
from workbench.textio import toml_loads
from workbench.tui.browser.detail import run_text
from workbench.workspace import init_workspace, user_config_dir


@pytest.fixture
def space(tmp_path: Path) -> Path:
    init_workspace(tmp_path / "space")
    return tmp_path / "space"


def configure(url: str) -> None:
    path = user_config_dir() / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'[[server]]\nname = "box"\nurl = "{url}"\napi = "chat"\n', encoding="utf-8")


def fixed_temperature() -> Reply:
    """A server whose model has one temperature, and that takes no seed."""

    def reply(connection: Any, asked: Asked) -> None:
        for name in ("temperature", "seed"):
            if name in asked.body:
                said = {"error": {"message": f"Unsupported parameter: '{name}'"}}
                return status(400, json.dumps(said).encode())(connection, asked)
        return stream(chunk("Hi."), STOP, DONE)(connection, asked)

    return reply


def test_a_value_that_was_not_sent_is_not_recorded_as_used(space: Path) -> None:
    reply = fixed_temperature()
    words = ("run", "-", "--model", "box/m", "--param", "temperature=0", "--param", "seed=4", "--format", "json")
    with HostileServer(reply, probe=reply) as server:
        configure(server.url)
        done = cli(*words, cwd=space, stdin=b"hello")
        sent = server.prompts[-1].body
    assert done.returncode == ExitCode.OK, done.stderr
    assert "temperature" not in sent
    assert b"box does not use seed, temperature" in done.stderr
    told = json.loads(done.stdout)
    assert (told["params"]["temperature"], told["params"]["seed"], told["params"]["top_p"]) == (None, None, 0.95)
    path = space / told["saved"]
    params = toml_loads(path.read_text(encoding="utf-8"), file="run")["params"]
    assert {"temperature", "seed"} & set(params) == set()
    assert (params["not_sent"], params["seed_mode"]) == (["seed", "temperature"], "none")
    shown = cli("sessions", "show", told["run"], "--format", "json", cwd=space)
    assert json.loads(shown.stdout)["request"]["params"]["temperature"] is None
    exported = cli("sessions", "export", told["run"], "--format", "csv", cwd=space)
    assert exported.returncode == ExitCode.OK, exported.stderr


def test_what_was_not_sent_comes_back_from_the_file_and_is_missing_in_old_ones() -> None:
    asked = request()
    used = apply_started(asked, {"params": {"temperature": 0, "max_tokens": 5}, "not_sent": ["temperature", "new", 7]})
    assert used.not_sent == ("temperature",)
    again = request_from_dict(request_to_dict(used, Packer()), lambda _sha256: None)
    assert (again.not_sent, again.used_params["temperature"], again.used_params["max_tokens"]) == (
        ("temperature",),
        None,
        5,
    )
    old = request_from_dict(request_to_dict(asked, Packer()), lambda _sha256: None)
    assert old.not_sent == ()
    assert apply_started(asked, {"params": {}}).seed_mode == asked.seed_mode


REASONED = [chunk(delta={"reasoning_content": part}) for part in ("First \x1b[2J the\n", "```\nroute ", "東京.")]
THOUGHT = "First \x1b[2J the\n```\nroute 東京."


def reasoned(space: Path, *words: str) -> tuple[Any, Path]:
    """A run of a model that reasons, told as JSON; and its run file."""
    with HostileServer(stream(*REASONED, chunk("Hi."), STOP, DONE)) as server:
        configure(server.url)
        done = cli("run", "-", "--model", "box/m", "--format", "json", *words, cwd=space, stdin=b"hello")
    assert done.returncode == ExitCode.OK, done.stderr
    told = json.loads(done.stdout)
    return told, space / told["saved"]


def test_reasoning_is_in_the_record_beside_the_text(space: Path) -> None:
    told, path = reasoned(space)
    assert (told["result"]["text"], told["result"]["reasoning"]) == ("Hi.", THOUGHT)
    result = toml_loads(path.read_text(encoding="utf-8"), file="run")["result"]
    assert (result["text"], result["reasoning"]) == ("Hi.", THOUGHT)
    assert list(result)[-1] == "text"
    shown = cli("sessions", "show", told["run"], cwd=space)
    assert shown.stdout == b"Hi."
    assert "-- reasoning --\nFirst ␛[2J the\n```\nroute 東京.\n-- answer --".encode() in shown.stderr


def test_a_killed_run_keeps_the_reasoning_that_was_shown(space: Path) -> None:
    told, path = reasoned(space)
    recording = path.with_suffix(".jsonl")
    whole = recording.read_bytes()
    ended = b"".join(line for line in whole.splitlines(keepends=True) if b'"k":"end"' not in line)
    for lines, status_now in ((whole, "finished"), (ended, "interrupted")):
        path.unlink()
        recording.write_bytes(lines)
        shown = json.loads(cli("sessions", "show", told["run"], "--format", "json", cwd=space).stdout)
        assert (shown["result"]["status"], shown["result"]["reasoning"]) == (status_now, THOUGHT)
        assert shown["result"]["text"] == "Hi."


def test_reasoning_is_exported_and_comes_back(space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, _ = reasoned(space)
    for form, said in (
        ("markdown", "### Reasoning\n\n````\nFirst ␛[2J the\n```\nroute 東京.\n````\n"),
        ("html", "<h3>Reasoning</h3>\n<pre>\nFirst ␛[2J the\n```\nroute 東京.</pre>"),
        ("csv", "route 東京."),
        ("jsonl", "route 東京."),
    ):
        done = cli("sessions", "export", told["run"], "--format", form, cwd=space)
        assert said in done.stdout.decode(), form
    init_workspace(tmp_path / "other")
    (tmp_path / "out.json").write_bytes(cli("sessions", "export", told["run"], "--format", "json", cwd=space).stdout)
    assert cli("sessions", "import", str(tmp_path / "out.json"), cwd=tmp_path / "other").returncode == ExitCode.OK
    back = json.loads(cli("sessions", "show", told["run"], "--format", "json", cwd=tmp_path / "other").stdout)
    assert back["result"]["reasoning"] == THOUGHT
    monkeypatch.setenv("LAB_SECRET", "route 東京.")
    masked = cli("sessions", "export", told["run"], "--format", "json", cwd=space)
    assert "東京" not in masked.stdout.decode()


def test_the_command_says_where_the_reasoning_is_and_why_there_is_no_answer(space: Path) -> None:
    with HostileServer(stream(*REASONED, chunk(finish_reason="length"), DONE)) as server:
        configure(server.url)
        done = cli("run", "-", "--model", "box/m", cwd=space, stdin=b"hello")
        unsaved = cli("run", "-", "--model", "box/m", "--no-save", cwd=space, stdin=b"hello")
    assert done.stdout.strip() == b""
    assert b"the model reasoned in 28 characters: workbench sessions show 01" in done.stderr
    assert b"The answer was empty: the reasoning took all of max_tokens" in done.stderr
    assert b"--format json shows it" in unsaved.stderr


def test_the_browser_shows_the_reasoning_below_the_output(space: Path) -> None:
    told, path = reasoned(space)
    bench = open_workbench(space)
    session = next(item for item in bench.store.list_sessions() if item.dir == path.parent.parent)
    record = bench.store.open_run(session, told["run"])
    shown = run_text(session, record, Hit(session.dir, session.id, session.title, session.created))
    assert shown.endswith(f"-- output --\nHi.\n\n-- reasoning --\n{THOUGHT}")
