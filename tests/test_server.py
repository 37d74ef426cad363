"""Runs on servers as people start them: named, listed, recorded; against the real llama.cpp HTTP server."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.clitool import cli
from tests.contract.suite import pieces, text
from tests.serverlab import (
    DONE,
    KEY,
    KEY_ENV,
    STOP,
    HostileServer,
    answer_json,
    chunk,
    llamacpp_server,
    stream,
)
from tests.tiny_model import write_tiny
from workbench.config import Config, ServerConfig, load_config
from workbench.engine.server_models import list_server_models
from workbench.error import ConfigError, ExitCode, ModelError
from workbench.event import Event, Failed, Finished, Started
from workbench.service import RunHandle, RunSpec, Workbench, open_workbench
from workbench.service.again import plan_again
from workbench.template.document import parse_document
from workbench.workspace import init_workspace, user_config_dir, user_state_dir

GREEDY = {"temperature": 0, "repeat_penalty": 1, "max_tokens": 12}
CHAT = "{% system %}Be kind.{% endsystem %}{% user %}Hello.{% enduser %}"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("server") / "tiny.gguf", endless=True)


@pytest.fixture(scope="module")
def url(model: Path) -> Iterator[str]:
    with llamacpp_server(model, n_ctx=256) as address:
        yield address


def configure(*servers: str) -> None:
    path = user_config_dir() / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"[[server]]\n{server}\n" for server in servers), encoding="utf-8")


def entry(name: str, url: str, more: str = "") -> str:
    return f'name = "{name}"\nurl = "{url}"\n{more}'


@pytest_asyncio.fixture
async def bench(tmp_path: Path, url: str, model: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workbench]:
    """A workbench with the real server as "lab", and its model's file in a folder."""
    monkeypatch.setenv(KEY_ENV, KEY)
    key = f'key_env = "{KEY_ENV}"'
    configure(entry("lab", url, key), entry("talk", url, f'{key}\napi = "chat"'))
    init_workspace(tmp_path / "space")
    workbench = open_workbench(tmp_path / "space", model_dirs=[model.parent])
    yield workbench
    await workbench.close()


async def run(bench: Workbench, model: str, source: str = "hello world", **more: Any) -> tuple[RunHandle, list[Event]]:
    document = parse_document(source, path="templates/say.j2")
    handle = bench.start_run(RunSpec(document, **{"model": model, "params": GREEDY, **more}))
    return handle, [event async for event in handle.events()]


@pytest.mark.parametrize("source", ["hello world", CHAT])
async def test_the_same_prompt_gives_the_same_bytes_over_http_as_in_process(bench: Workbench, source: str) -> None:
    here, near = await run(bench, "tiny", source)
    there, far = await run(bench, "lab/lab", source)
    assert here.request is not None
    assert there.request is not None
    assert (here.request.engine, there.request.engine) == ("llamacpp", "server")
    assert here.request.prompt == there.request.prompt
    assert here.request.prompt.model_text
    assert text(near) == text(far) != ""
    bound = GREEDY | {"json_schema": '{"type": "boolean"}', "logprobs": 3}
    _, answered = await run(bench, "lab/lab", source, params=bound)
    assert text(answered) in ("true", "false")
    scores = [score for piece in pieces(answered) for score in piece.scores]
    assert len(scores) > 0
    assert all(len(score.top) == 3 and score.logprob <= 0 for score in scores)


async def test_messages_become_the_same_text_there_as_here(bench: Workbench) -> None:
    exact, told = [await run(bench, name, CHAT) for name in ("lab/lab", "talk/lab")]
    assert text(exact[1]) == text(told[1]) != ""
    ends = [events[-1] for _, events in (exact, told)]
    assert [(end.tokens_in, end.tokens_out, end.unit) for end in ends if isinstance(end, Finished)] == [
        (ends[0].tokens_in, 12, "token")  # type: ignore[union-attr]
    ] * 2
    assert told[0].request is not None
    assert told[0].request.prompt.model_text == ""


async def test_the_record_names_server_and_model_and_holds_no_secret(bench: Workbench, url: str) -> None:
    handle, events = await run(bench, "server:lab")
    assert isinstance(events[-1], Finished)
    assert handle.session is not None
    record = bench.store.open_run(handle.session, handle.run_id)
    assert (record.request.endpoint, record.request.device) == (url, "server")
    assert (record.request.model.file, record.request.engine) == ("lab", "server")
    assert record.result is not None
    assert (record.result.tokens_out, record.result.unit, record.result.repro) == (12, "token", "likely")
    (started,) = [event for event in events if isinstance(event, Started)]
    assert started.engine.build.startswith("llama.cpp")
    assert started.engine.capabilities.ignored_params == ("cache_type", "n_ctx", "n_threads")
    assert started.engine.capabilities.logprobs
    assert started.engine.capabilities.grammar
    files = [
        path
        for root in (bench.workspace.root, user_state_dir(), user_config_dir())
        for path in root.rglob("*")
        if path.is_file()
    ]
    assert any(path.parent.name == "servers" for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


async def test_a_run_is_repeated_on_the_server_that_it_used(bench: Workbench) -> None:
    handle, events = await run(bench, "talk/lab", CHAT)
    request = handle.request
    assert request is not None
    assert plan_again(bench, request, model="").messages == tuple(
        {"role": message.role, "content": message.content} for message in request.prompt.messages
    )
    with pytest.raises(ModelError) as caught:
        plan_again(bench, replace(request, endpoint="http://127.0.0.1:1/v1"), model="")
    assert "no server of the settings" in caught.value.message
    assert text(events)


async def test_a_model_is_found_by_every_name_it_has(bench: Workbench) -> None:
    for name, engine in (("lab/lab", ""), ("server:lab/lab", ""), ("lab", ""), ("lab", "server"), ("", "server")):
        handle, events = await run(bench, name, engine=engine)
        assert handle.request is not None
        assert handle.request.engine == "server", name
        assert isinstance(events[-1], Finished)
    # All of them one engine that stayed loaded, beside none of this machine's.
    assert len(bench.pool.idle) == 1
    for name, hint in (("lab/lob", "Did you mean 'lab'?"), ("server:lob", "Did you mean 'lab'?")):
        with pytest.raises(ModelError) as caught:
            await run(bench, name)
        assert caught.value.hint == hint
    with pytest.raises(ModelError) as caught:
        await run(bench, "nonesuch", engine="server")
    assert "no server has a model" in caught.value.message


async def test_a_server_with_a_template_of_its_own_gets_the_messages(tmp_path: Path) -> None:
    with HostileServer(stream(chunk("Hi."), STOP, DONE)) as server:
        configure(entry("box", server.url))
        init_workspace(tmp_path / "space")
        bench = open_workbench(tmp_path / "space")
        try:
            handle, events = await run(bench, "box/m", CHAT)
            sent = server.prompts[-1]
        finally:
            await bench.close()
    assert text(events) == "Hi."
    assert sent.path == "/v1/chat/completions"
    assert sent.body["model"] == "m"
    assert [message["role"] for message in sent.body["messages"]] == ["system", "user"]
    assert handle.request is not None
    assert handle.request.prompt.model_text == ""
    assert "Be kind." in handle.request.prompt.plain


async def test_what_came_of_a_broken_answer_is_in_the_record(tmp_path: Path) -> None:
    with HostileServer(stream(chunk("one "), chunk("two"))) as server:
        configure(entry("box", server.url, 'api = "chat"'))
        init_workspace(tmp_path / "space")
        bench = open_workbench(tmp_path / "space")
        try:
            handle, events = await run(bench, "box/m")
        finally:
            await bench.close()
    assert isinstance(events[-1], Failed)
    assert handle.session is not None
    result = bench.store.open_run(handle.session, handle.run_id).result
    assert result is not None
    assert (result.status, result.finish_reason, result.text) == ("error", "disconnected", "one two")


def test_models_of_all_servers_are_listed_within_the_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)
    evil = {"data": [{"id": "good"}, {"id": "\x1b[2J"}, {"id": 7}, {"id": "x" * 9999}, 5]}
    with HostileServer() as slow, HostileServer(models=answer_json(evil)) as odd:
        slow.models = slow.until_closed
        servers = [
            ServerConfig("slow", slow.url),
            ServerConfig("lab", url, KEY_ENV),
            ServerConfig("odd", odd.url.replace("/v1", "/v1?key=secret")),
            ServerConfig("shut", url),
        ]
        begun = time.monotonic()
        rows = list_server_models(Config(servers=tuple(servers)), seconds=1)
        assert time.monotonic() - begun < 5
    assert [(row.server, row.id) for row in rows] == [("slow", ""), ("lab", "lab"), ("odd", "good"), ("shut", "")]
    assert (rows[1].software, rows[1].n_ctx, rows[1].name) == ("llama.cpp", 256, "lab/lab")
    assert "secret" not in repr(rows)
    assert "time" in rows[0].problem
    assert "401" in rows[3].problem
    assert "key_env" in rows[3].hint


def test_the_command_runs_on_a_server(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)
    configure(entry("lab", url, f'key_env = "{KEY_ENV}"'))
    init_workspace(tmp_path / "space")
    words = ("run", "-", "--model", "lab/lab", "--no-save", "--param", "max_tokens=5", "--format", "json")
    done = cli(*words, cwd=tmp_path / "space", stdin=b"hello")
    assert (done.returncode, KEY.encode() in done.stdout + done.stderr) == (ExitCode.OK, False), done.stderr
    told = json.loads(done.stdout)
    assert (told["engine"]["name"], told["model"]["file"]) == ("server", "lab")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        configure(entry("lab", f"http://127.0.0.1:{taken.getsockname()[1]}/v1"))
    done = cli(*words, cwd=tmp_path / "space", stdin=b"hello")
    assert done.returncode == ExitCode.NETWORK
    assert b"Is the server running?" in done.stderr


def test_several_servers_stand_in_one_grid(tmp_path: Path) -> None:
    init_workspace(tmp_path / "space")
    (tmp_path / "space" / "templates" / "say.j2").write_text("Say {red|blue}.", encoding="utf-8")
    with HostileServer(stream(chunk("A."), STOP, DONE)) as a, HostileServer(stream(chunk("B."), STOP, DONE)) as b:
        configure(entry("a", a.url), entry("b", b.url))
        words = ("grid", "say", "--model", "a/m", "--model", "b/m", "--format", "jsonl")
        done = cli(*words, cwd=tmp_path / "space")
    assert done.returncode == ExitCode.OK, done.stderr
    assert (len(a.prompts), len(b.prompts)) == (2, 2)
    answers = [line.count(b'"A."') + 2 * line.count(b'"B."') for line in done.stdout.splitlines()]
    assert sorted(answers) == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('name = "a b"\nurl = "http://localhost/v1"', "name"),
        ('name = "a"', "url"),
        ('name = "a"\nurl = "file:///etc/passwd"', "http"),
        ('name = "a"\nurl = "http://me:sk-secret@localhost/"', "user"),
        ('name = "a"\nurl = "http://box.example/v1"', "encrypted"),
        ('name = "a"\nurl = "https://x/v1"\nkey_env = "sk-secret"', "key_env"),
        ('name = "a"\nurl = "https://x/v1"\nheaders = { X-Key = "sk-secret" }', "X-Key"),
        ('name = "a"\nurl = "https://x/v1"\nheaders = { Host = "X" }', "Host"),
        ('name = "a"\nurl = "https://x/v1"\nkey = "sk-secret"', "'key'"),
        ('name = "a"\nurl = "https://x/v1"\ntimeout = "5"', "timeout"),
        ('name = "a"\nurl = "https://x/v1"\napi = "best"', "api"),
        ('name = "a"\nurl = "https://x/v1"\n[[server]]\nname = "a"\nurl = "https://y"', "already"),
    ],
)
def test_wrong_servers_in_the_settings_are_named_without_repeating_secrets(text: str, named: str) -> None:
    configure(text)
    with pytest.raises(ConfigError) as caught:
        load_config(env={})
    assert named in caught.value.message
    assert "sk-secret" not in str(caught.value)


def test_a_workspace_cannot_bring_a_server(tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path / "space")
    marker = workspace.root / "workspace.toml"
    more = '\n[[config.server]]\nname = "x"\nurl = "https://evil.example"\n'
    marker.write_text(marker.read_text(encoding="utf-8") + more, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(workspace, env={})
    assert "'server' cannot be set by a workspace" in caught.value.message
