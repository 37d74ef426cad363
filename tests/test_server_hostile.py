"""A server that lies, stalls, floods or vanishes: always one end with a reason, and the text so far is kept."""

from __future__ import annotations

import gzip
import json
import socket
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.suite import GREEDY, collect, failed, finished, pieces, text
from tests.serverlab import (
    DONE,
    KEY,
    KEY_ENV,
    STOP,
    Asked,
    HostileServer,
    Reply,
    answer_json,
    both,
    chunk,
    load_spec,
    status,
    stream,
    target,
)
from workbench.engine import EngineProcess, Patience
from workbench.engine.adapter import Job, Output, Refused
from workbench.engine.generation import Generation
from workbench.engine.loading import describe
from workbench.engine.server import Server
from workbench.engine.server_fault import HttpFault
from workbench.engine.server_http import Exchange
from workbench.engine.server_secret import Secrets
from workbench.engine.server_stream import SseParser, deltas, read_event
from workbench.error import EngineError
from workbench.event import Chatter, Event, Thought, TokenScore
from workbench.param import Params

CHAT = [{"role": "user", "content": "hello"}]
SAID = chunk("one ") + chunk("two")
HALVES = [chunk("a\ud83d"), chunk("\ude00b")]
BITS = [b"data: ", b"a", b"\n", b"\r", b"\n\n", b":", b"event: x", b"\xff", "東".encode()]
WORDS = ["choices", "delta", "content", "text", "usage", "error", "finish_reason", "prompt_progress", "timings"]
JSON_VALUES = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=8,
)
EVENTS = b"Content-Type: text/event-stream\r\n"


async def ask(server: HostileServer, **settings: object) -> list[Event]:
    """One chat with the server, without the child in which the adapter else lives: that is what is fast."""
    spec = load_spec(server.url, "m", api="chat", **settings)
    job = Job("", 0, 0, 0, script=spec.script)
    adapter = Server()
    info = describe("server", adapter.load(job, lambda done, total: None), {}, 0, 1)
    generation = Generation(1, info, time.monotonic(), first=True)
    output = Output(generation.receive, 1)
    try:
        outcome = adapter.chat(CHAT, GREEDY, output)
        generation.receive({"k": "done", "id": 1, "sha256": output.sha256, **vars(outcome)})
    except Refused as end:
        generation.receive({"k": "error", "id": 1, "kind": end.kind, "message": end.message, "hint": end.hint})
    return [event async for event in generation.events(lambda: None, Patience())]


def notes(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Chatter))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((SAID, STOP, DONE), "one two"),
        ((SAID, STOP), "one two"),
        ((SAID, DONE), "one two"),
        ((SAID.replace(b"\n", b"\r\n"), STOP, DONE[:-2]), "one two"),
        ((b": ping\n\n", b"retry: 5\nid: 1\n", SAID, b":\n\n", b"event: ping\ndata: {}\n\n", STOP, DONE), "one two"),
        (tuple(bytes([byte]) for byte in chunk("東京 🗼") + STOP), "東京 🗼"),
        ((HALVES[0], STOP), "a\ufffd"),
        ((*HALVES, STOP), "a😀b"),
    ],
)
async def test_odd_but_complete_streams_are_read(parts: tuple[bytes, ...], said: str) -> None:
    with HostileServer(stream(*parts)) as server:
        events = await ask(server)
    assert finished(events).reason == "stop"
    assert text(events) == said
    assert finished(events).unit == "chunk"


@pytest.mark.parametrize(
    "reply",
    [
        stream(SAID),
        stream(SAID, head=EVENTS + b"Content-Length: 100000\r\n"),
        stream(b"%x\r\n" % len(SAID), SAID, b"\r\nffff\r\ndata: {", head=EVENTS + b"Transfer-Encoding: chunked\r\n"),
        stream(SAID, chunk("three")[:-9]),
    ],
    ids=["closed", "short", "cut chunk", "cut event"],
)
async def test_a_stream_without_its_end_is_disconnected_and_keeps_its_text(reply: Reply) -> None:
    with HostileServer(reply) as server:
        events = await ask(server)
        assert len(server.prompts) == 1
    end = failed(events)
    assert (end.kind, end.reason) == ("disconnected", "disconnected")
    assert text(events) == "one two"
    assert end.hint


async def test_a_stalled_stream_times_out_and_keeps_its_text() -> None:
    with HostileServer() as server:
        server.replies = [both(stream(SAID), server.until_closed)]
        events = await ask(server, timeout=1)
    end = failed(events)
    assert (end.kind, end.reason) == ("timeout", "timeout")
    assert text(events) == "one two"


async def test_a_stop_closes_the_connection_at_once() -> None:
    with HostileServer() as server:
        server.replies = [both(stream(SAID), server.until_closed)]
        engine = await EngineProcess.launch(load_spec(server.url, "m", api="chat"))
        try:
            generating = engine.generate("hello", GREEDY, messages=CHAT)
            events = []
            async for event in generating:
                events.append(event)
                if len(pieces(events)) == 2:
                    await engine.cancel()
            assert (finished(events).status, finished(events).reason) == ("cancelled", "cancel")
            assert text(events) == "one two"
            assert server.closed.wait(5)
            assert engine.alive
        finally:
            await engine.close()


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((chunk("x") * 5000,), "length"),
        ((b"data: " + b"x" * (2 << 20),), "protocol"),
        ((b": " + b"x" * 1000 + b"\n",) * 34000, "protocol"),
    ],
    ids=["endless answer", "endless line", "endless comments"],
)
async def test_a_flood_is_cut_off(parts: tuple[bytes, ...], reason: str) -> None:
    with HostileServer(stream(*parts)) as server:
        events = await ask(server)
    if reason == "length":
        assert finished(events).reason == "length"
        # Less than a token may be in a chunk.
        assert len(pieces(events)) <= 8 * (GREEDY.max_tokens + 1)
    else:
        assert failed(events).kind == reason
        assert "MB" in failed(events).message


async def test_what_makes_no_sense_is_left_out_and_said() -> None:
    parts = (b"data: {oops\n\n", chunk("a"), b"data: 7\n\n", b"data: " + b"[" * 90000 + b"\n\n", chunk("b\u0000"), STOP)
    bad = b'data: {"choices":[{"delta":{"content":"\xff\xfe\xf0\x9f"}}]}\n\n'
    wrong = b'data: {"choices":[{"delta":{"content":7},"finish_reason":[]}],"usage":{"completion_tokens":-5}}\n\n'
    with HostileServer(stream(*parts[:-1], bad, wrong, STOP, DONE)) as server:
        events = await ask(server)
    assert text(events) == "ab\0\ufffd\ufffd\ufffd"
    assert "3 events of the stream made no sense" in notes(events)
    assert "3 characters of the stream were no UTF-8" in notes(events)


async def test_an_error_within_the_stream_ends_it_with_the_server_s_words() -> None:
    for event in (
        b'event: error\ndata: {"message":"out of \\u001b[2Jmemory"}\n\n',
        b'data: {"error":{"message":"out of memory"}}\n\n',
    ):
        with HostileServer(stream(SAID, event, STOP)) as server:
            events = await ask(server)
        assert failed(events).reason == "error"
        assert "out of" in failed(events).message
        assert "\x1b" not in failed(events).message
        assert text(events) == "one two"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (status(302, head=b"Location: http://else.example/v1?key=1\r\n"), "redirects to http://else.example/v1"),
        (stream(gzip.compress(SAID), head=EVENTS + b"Content-Encoding: gzip\r\n"), "compressed"),
        (stream(b"<html>", head=b"Content-Type: text/html\r\n"), "text/html"),
        (lambda connection, asked: connection.sendall(b"SSH-2.0-OpenSSH\r\n"), "does not speak HTTP"),
        (stream(head=b"X: y\r\n" * 200), "does not speak HTTP"),
        (status(400, b'{"error":{"message":"bad \\u001b[31m' + b"x" * 3000 + b'"}}'), "says 400: bad"),
        (status(418, b"<html>" * 3), "says 418"),
    ],
    ids=["redirect", "gzip", "html", "ssh", "headers", "400", "418"],
)
async def test_a_wrong_answer_is_named_and_not_asked_for_again(reply: Reply, said: str) -> None:
    with HostileServer(reply) as server:
        events = await ask(server)
        assert len(server.prompts) == 1
    assert said in failed(events).message
    assert len(failed(events).message) < 500
    assert "\x1b" not in failed(events).message
    assert text(events) == ""


async def test_an_answer_that_is_no_stream_is_taken_whole() -> None:
    whole = {
        "choices": [{"message": {"content": "one two"}, "finish_reason": "length"}],
        "usage": {"completion_tokens": 2, "prompt_tokens": 7},
    }
    with HostileServer(answer_json(whole)) as server:
        events = await ask(server)
    end = finished(events)
    assert (text(events), end.reason, end.tokens_in, end.tokens_out, end.unit) == ("one two", "length", 7, 2, "token")


@pytest.mark.parametrize("raw", [False, True])
async def test_probabilities_come_in_both_forms(raw: bool) -> None:
    chat = {"content": [{"token": "hi", "logprob": -0.5, "top_logprobs": [{"token": "hi", "logprob": -0.5}]}]}
    old = {"tokens": ["hi"], "token_logprobs": [-0.5], "top_logprobs": [{"ho": -2.0, "hi": -0.5}]}
    said = stream(
        chunk("hi", logprobs=old if raw else chat, finish_reason="stop", usage={"completion_tokens": 1}), DONE
    )
    with HostileServer(said, probe=said) as server:
        engine = await EngineProcess.launch(load_spec(server.url, "m"))
        try:
            params = replace(GREEDY, logprobs=2)
            events = [event async for event in engine.generate("x", params, messages=() if raw else CHAT)]
        finally:
            await engine.close()
        sent = server.prompts[-1].body
    assert engine.info.capabilities.logprobs
    assert [sent.get("logprobs"), sent.get("top_logprobs")] == ([2, None] if raw else [True, 2])
    (piece,) = pieces(events)
    top = (("hi", -0.5), ("ho", -2.0)) if raw else (("hi", -0.5),)
    assert piece.scores == (TokenScore("hi", -0.5, top),)


async def test_what_cannot_be_left_out_is_refused() -> None:
    with HostileServer() as server:
        engine = await EngineProcess.launch(load_spec(server.url, "m", api="chat"))
        try:
            for more in ({"grammar": 'root ::= "a"'}, {"ignore_eos": True}, {"logit_bias": (("the", -5.0),)}):
                changed: Params = replace(GREEDY, **more)
                events = [event async for event in engine.generate("x", changed, messages=CHAT)]
                assert f"cannot use {next(iter(more))}" in failed(events).message
        finally:
            await engine.close()
        assert server.prompts == []


async def test_constraints_are_sent_as_the_interface_has_them() -> None:
    with HostileServer(stream(SAID, STOP, DONE)) as server:
        engine = await EngineProcess.launch(load_spec(server.url, "m", api="chat"))
        try:
            bound = replace(GREEDY, json_schema='{"type": "object"}', logit_bias=((5, -100.0),))
            events = [event async for event in engine.generate("x", bound, messages=CHAT)]
        finally:
            await engine.close()
        sent = server.prompts[-1].body
    assert text(events) == "one two"
    assert "did not use json_schema" in notes(events)
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert sent["logit_bias"] == {"5": -100.0}


async def test_reasoning_is_kept_apart_from_the_answer() -> None:
    thought = [chunk(delta={"reasoning_content": part}) for part in ("first\nsec", "ond")]
    late = chunk(delta={"reasoning": "third"})
    with HostileServer(stream(*thought, chunk("<think>no</think>"), late, STOP, DONE)) as server:
        events = await ask(server)
    assert text(events) == "<think>no</think>"
    assert "".join(event.text for event in events if isinstance(event, Thought)) == "first\nsecondthird"


@pytest.mark.parametrize("number", [429, 500, 503])
async def test_a_busy_server_is_asked_again_before_the_first_token_only(number: int) -> None:
    busy = status(number, b'{"error":{"message":"later"}}', head=b"Retry-After: 0\r\n")
    with HostileServer(busy, busy, stream(SAID, STOP, DONE)) as server:
        events = await ask(server)
        assert len(server.prompts) == 3
    assert text(events) == "one two"
    assert f"says {number}: later; trying again in 0 s (2 of 2)" in notes(events)
    with HostileServer(busy) as server:
        assert f"says {number}" in failed(await ask(server)).message
        assert len(server.prompts) == 3
    with HostileServer(status(number, head=b"Retry-After: 3600\r\n")) as server:
        assert failed(await ask(server)).hint
        assert len(server.prompts) == 1


async def test_keys_come_from_the_environment_and_show_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    echo = json.dumps({"error": {"message": f"wrong key {KEY}"}}).encode()
    with HostileServer(status(401, echo)) as server:
        events = await ask(server, key_env=KEY_ENV, headers=(("X-Team", KEY_ENV),))
        headers = server.prompts[0].headers
    assert (headers["authorization"], headers["x-team"]) == (f"Bearer {KEY}", KEY)
    assert headers["accept-encoding"] == "identity"
    assert "wrong key •••" in failed(events).message
    assert KEY_ENV in failed(events).hint
    assert KEY not in repr(events)
    monkeypatch.delenv(KEY_ENV)
    with pytest.raises(Refused) as caught:
        await ask(server, key_env=KEY_ENV)
    assert f"{KEY_ENV} is not set" in caught.value.message


def fault_of(server: HostileServer) -> HttpFault:
    """What one request ends in, as those see it that decide what to do next."""
    asked = target(server.url, "m", key_env=KEY_ENV)
    with Exchange(asked) as exchange:
        try:
            (delta,) = deltas(exchange, asked.path("/chat/completions"), {})
        except HttpFault as fault:
            return fault
    return HttpFault("refused", str(delta.error), body=delta.error)


SECRET = "gsk-LIVE/SECRET+0123456789"
PAGE = b"Content-Type: text/plain\r\n"
FAR = "x" * 275 + " "


@pytest.mark.parametrize(
    "reply",
    [
        status(401, json.dumps({"error": {"message": f"{FAR}bad key {SECRET}"}}).encode()),
        status(401, json.dumps({"error": {"message": "no", SECRET: [SECRET]}}).encode()),
        status(401, b'{"error": "' + SECRET.replace("/", "\\/").encode() + b'" and no JSON'),
        status(401, f"{FAR}bad key {SECRET}".encode()),
        status(401, b"\n" * (4096 - 15) + SECRET.encode()),
        status(302, head=f"Location: http://else.example/{'x' * 165}/{SECRET}\r\n".encode()),
        status(302, head=b"Location: http://else.example/gsk-LIVE%2FSECRET%2B0123456789\r\n"),
        status(200, head=f"Content-Encoding: {'x' * 30}{SECRET}\r\n".encode()),
        stream(b"event: error\ndata: " + FAR.encode() + SECRET.encode() + b"\n\n"),
        stream(f'data: {{"error": {{"message": "{FAR}", "code": "{SECRET}"}}}}\n\n'.encode()),
    ],
    ids=["message", "body", "escaped", "text", "cut text", "redirect", "quoted", "coding", "event", "chunk"],
)
async def test_no_part_of_a_key_shows_where_a_message_is_cut(reply: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, SECRET)
    with HostileServer(reply) as server:
        fault = fault_of(server)
        events = await ask(server, key_env=KEY_ENV)
    for said in (fault.message, fault.hint, repr(fault.body), repr(failed(events))):
        assert "gsk-" not in said
        assert "SECRET" not in said


def test_what_is_too_short_for_a_key_leaves_texts_readable() -> None:
    secrets = Secrets()
    secrets.add("x")
    secrets.add("none of yours")
    assert secrets.mask("exceed_context: none") == "exceed_context: •••"
    assert secrets.masked({"a": ["the non", 1, None]}) == {"a": ["the non", 1, None]}


async def test_a_server_that_is_not_there_or_has_no_such_model() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    with pytest.raises(EngineError) as caught:
        await EngineProcess.launch(load_spec(url))
    assert (caught.value.kind, "nothing listens" in caught.value.message) == ("load", True)
    assert "running" in caught.value.hint
    listed = {"data": [{"id": name, "owned_by": "library"} for name in ("qwen3:8b", "llama3")]}
    with HostileServer(models=answer_json(listed)) as server:
        with pytest.raises(EngineError) as caught:
            await EngineProcess.launch(load_spec(server.url, "qwen3:4b"))
        assert caught.value.hint == "Did you mean 'qwen3:8b'?"


async def test_context_errors_of_several_kinds_are_one_kind() -> None:
    bodies = (
        {
            "error": {
                "message": "This model's maximum context length is 4096 tokens.",
                "code": "context_length_exceeded",
            }
        },
        {"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 601, "n_ctx": 256}},
    )
    for body in bodies:
        with HostileServer(status(400, json.dumps(body).encode())) as server:
            end = failed(await ask(server))
        assert end.kind == "context"
        assert "4096" in end.message or "601 tokens, the context holds 256" in end.message


async def test_what_a_server_rejects_or_ignores_is_learnt_and_not_sent() -> None:
    """A server that rejects top_k by name, ignores min_p and the seed, and has no raw completions."""
    turn = iter(range(10_000))

    def picky(connection: socket.socket, asked: Asked) -> None:
        body = asked.body
        if asked.path.endswith("/v1/completions"):
            return status(404, b'{"error":"no such page"}')(connection, asked)
        if "top_k" in body:
            return status(400, b'{"error":{"message":"Unrecognized request argument supplied: top_k"}}')(
                connection, asked
            )
        if "max_tokens" in body:
            return status(400, b'{"error":{"message":"Use \'max_completion_tokens\' instead."}}')(connection, asked)
        plain = body.get("temperature") == 0 or body.get("top_p", 1) < 0.01
        said = "best" if plain else f"word{next(turn)}"
        return stream(chunk(said, finish_reason="stop"), DONE)(connection, asked)

    with HostileServer(picky, probe=picky) as server:
        engine = await EngineProcess.launch(load_spec(server.url, "m"))
        try:
            first = len(server.asked)
            info = engine.info
            refused = failed(await collect(engine, "raw", GREEDY))
            events = [event async for event in engine.generate("x", replace(GREEDY, min_p=0.5), messages=CHAT)]
            again = await EngineProcess.launch(load_spec(server.url, "m"))
            await again.close()
        finally:
            await engine.close()
        assert again.info.capabilities == info.capabilities
        # The list of models only: what was learnt is remembered.
        assert [asked.path for asked in server.asked[first + 1 :]] == ["/v1/models"]
        sent = server.prompts[-1].body
    assert 8 <= first <= 14
    assert not info.capabilities.raw_prompt
    assert info.capabilities.seed == "none"
    assert {"top_k", "min_p", "repeat_penalty", "n_ctx", "n_threads", "cold_cache"} <= set(
        info.capabilities.ignored_params
    )
    assert "top_p" not in info.capabilities.ignored_params
    assert 'mode = "chat"' in refused.hint
    assert "top_k" not in sent
    assert sent["max_completion_tokens"] == GREEDY.max_tokens
    assert "lab does not use" in notes(events)
    assert "min_p" in notes(events)
    assert finished(events).repro == "likely"


@given(st.lists(st.sampled_from(BITS)), st.data())
def test_events_do_not_depend_on_where_the_stream_is_split(words: list[bytes], draw: st.DataObject) -> None:
    data = b"".join(words)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=6)))
    whole, split = SseParser(), SseParser()
    expected = [*whole.feed(data), *whole.end()]
    parts = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert [*(event for part in parts for event in split.feed(part)), *split.end()] == expected
    assert split.replaced == whole.replaced


@given(st.binary(max_size=300) | JSON_VALUES.map(lambda value: b"data: " + json.dumps(value).encode()))
def test_no_event_is_too_odd_to_read(data: bytes) -> None:
    parser = SseParser()
    for event in [*parser.feed(data), *parser.end()]:
        delta = read_event(event)
        assert isinstance(delta.text, str)
        assert all(count >= -1 for count in (delta.usage.tokens_in, delta.usage.tokens_out, delta.usage.cached))


async def test_a_server_without_a_list_works() -> None:
    with HostileServer(stream(SAID, STOP, DONE), models=status(404)) as server:
        assert text(await ask(server)) == "one two"
