"""What the record of a run on a server says of it: values that were not sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clitool import cli
from tests.runtool import request
from tests.serverlab import DONE, STOP, Asked, HostileServer, Reply, chunk, status, stream
from workbench.error import ExitCode
from workbench.session.blob import Packer
from workbench.session.runfile import request_to_dict
from workbench.session.runread import apply_started, request_from_dict
from workbench.textio import toml_loads
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
