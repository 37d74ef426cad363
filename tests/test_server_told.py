"""What is said of servers whose software nobody knows, and of lists and errors that are unlike others'."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clitool import cli
from tests.contract.suite import failed, text
from tests.serverlab import DONE, STOP, HostileServer, Reply, answer_json, chunk, status, stream
from tests.test_server_hostile import ask
from tests.test_server_record import configure
from workbench.error import ExitCode
from workbench.workspace import init_workspace

HI = stream(chunk("Hi."), STOP, DONE)
ONLY = {"object": "error", "message": "Only top_p > 0 is \x1b[2Jallowed", "code": 40001}


@pytest.fixture
def space(tmp_path: Path) -> Path:
    init_workspace(tmp_path / "space")
    return tmp_path / "space"


@pytest.mark.parametrize(
    ("listed", "where"),
    [
        ({"data": [{"id": "m"}]}, "m on server (a model at http://127.0.0.1"),
        ({"data": [{"id": "m", "owned_by": "vllm"}]}, "m on server (a model of vllm at http://127.0.0.1"),
    ],
)
def test_a_run_names_the_server_s_software_only_where_it_is_known(
    space: Path, listed: dict[str, object], where: str
) -> None:
    with HostileServer(HI, models=answer_json(listed)) as server:
        configure(server.url)
        done = cli("run", "-", "--model", "box/m", "--format", "json", cwd=space, stdin=b"hello")
    assert done.returncode == ExitCode.OK, done.stderr
    assert where in done.stderr.decode()
    # The workbench's own version is none of the server's.
    assert json.loads(done.stdout)["engine"]["version"] == ""


@pytest.mark.parametrize("number", [400, 403, 404, 422])
def test_a_named_model_needs_no_list(space: Path, number: int) -> None:
    with HostileServer(HI, models=status(number, b'{"error":{"message":"no such thing"}}')) as server:
        configure(server.url)
        done = cli("run", "-", "--model", "box/m", cwd=space, stdin=b"hello")
        unnamed = cli("run", "-", "--model", "server:box", cwd=space, stdin=b"hello")
    assert (done.returncode, done.stdout.strip()) == (ExitCode.OK, b"Hi."), done.stderr
    assert unnamed.returncode != ExitCode.OK
    assert b"box/MODEL" in unnamed.stderr or b"403" in unnamed.stderr


@pytest.mark.parametrize(
    "reply",
    [
        answer_json(ONLY),
        answer_json({"detail": "Only top_p > 0 is allowed"}),
        stream(b"data: " + json.dumps(ONLY).encode() + b"\n\n"),
        stream(chunk("one"), b"data: " + json.dumps(ONLY).encode() + b"\n\n", STOP),
    ],
    ids=["whole", "detail", "stream", "late"],
)
async def test_an_error_in_an_answer_of_status_200_is_told(reply: Reply) -> None:
    with HostileServer(reply) as server:
        events = await ask(server)
    assert "the server failed: Only top_p > 0 is" in failed(events).message
    assert "\x1b" not in failed(events).message
    assert "--param top_p=" in failed(events).hint
    assert text(events) in ("", "one")


def test_the_engine_server_stands_for_all_servers(space: Path) -> None:
    refused = cli("engines", "--engine", "server", cwd=space)
    assert refused.returncode == ExitCode.USAGE
    assert b"no server is configured" in refused.stderr
    assert b"[[server]]" in refused.stderr
    with HostileServer(HI) as server:
        configure(server.url)
        done = cli("engines", "--engine", "server", "--format", "json", cwd=space)
        (record,) = json.loads(done.stdout)["engines"]
        assert (record["name"], record["model"], record["note"]) == ("server:box", "m", "")
        assert "not installed" not in json.dumps(record)
        assert len(server.asked) > 2
