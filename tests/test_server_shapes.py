"""Servers of several makers, each in its own way strict: a run works all the same, and what was not sent is told."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.suite import GREEDY, failed, finished, started, text
from tests.serverlab import DONE, STOP, Asked, HostileServer, Reply, answer_json, chunk, load_spec, status, stream
from workbench.engine import EngineProcess
from workbench.error import EngineError
from workbench.event import EngineInfo, Event
from workbench.param import Params

CHAT = [{"role": "user", "content": "hello"}]
Refusal = Callable[[dict[str, Any], bool], tuple[int, object] | None]


def strict(refusal: Refusal, *, count: bool = True) -> Reply:
    """A server that answers as ``refusal`` says for a body and whether it came to /completions, else two words."""

    def reply(connection: socket.socket, asked: Asked) -> None:
        raw = asked.path.endswith("/v1/completions")
        if (wrong := refusal(asked.body, raw)) is not None:
            return status(wrong[0], json.dumps(wrong[1]).encode())(connection, asked)
        said = chunk("one ") + chunk("two")
        if raw:
            said = b'data: {"choices":[{"text":"one two"}]}\n\n'
        counts = (chunk(usage={"completion_tokens": 2, "prompt_tokens": 5}),) if count else ()
        return stream(said, STOP, *counts, DONE)(connection, asked)

    return reply


async def use(server: HostileServer, params: Params = GREEDY, *, chat: bool = True) -> tuple[EngineInfo, list[Event]]:
    engine = await EngineProcess.launch(load_spec(server.url, "m"))
    try:
        generating = engine.generate("x", params, messages=CHAT if chat else ())
        return engine.info, [event async for event in generating]
    finally:
        await engine.close()


def chat_only(code: int) -> Refusal:
    said = "This is a chat model and not supported in the v1/completions endpoint. Did you mean v1/chat/completions?"
    return lambda _body, raw: (code, {"error": {"message": said, "code": None}}) if raw else None


def no_stream_options(body: dict[str, Any], _raw: bool) -> tuple[int, object] | None:
    detail = [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]
    return (422, {"detail": detail}) if "stream_options" in body else None


def no_words(body: dict[str, Any], _raw: bool) -> tuple[int, object] | None:
    """The same without saying what it is."""
    return (422, {"message": "invalid request"}) if "stream_options" in body or "top_k" in body else None


def positive(body: dict[str, Any], _raw: bool) -> tuple[int, object] | None:
    for name, low, high in (("temperature", 0, 100), ("top_k", 0, 10**9), ("top_p", 0, 1)):
        if name in body and not low < body[name] < high:
            return 422, {"error": f"Input validation error: `{name}` must be > {low} and < {high}"}
    return None


def sixteen(body: dict[str, Any], _raw: bool) -> tuple[int, object] | None:
    short = body.get("max_tokens", 16) < 16
    return (400, {"error": {"message": "max_tokens must be at least 16", "param": "max_tokens"}}) if short else None


def up_to_one(body: dict[str, Any], _raw: bool) -> tuple[int, object] | None:
    hot = body.get("temperature", 0) > 1
    return (400, {"error": {"message": "temperature: range: 0..1"}}) if hot else None


def fixed(body: dict[str, Any], _raw: bool) -> tuple[int, object] | None:
    said = "Unsupported value: 'temperature' does not support this value. Only the default (1) value is supported."
    return (400, {"error": {"message": said}}) if body.get("temperature", 1) != 1 else None


def no_sampling(body: dict[str, Any], _raw: bool) -> tuple[int, object] | None:
    return (400, {"error": {"message": "Unknown parameter: 'top_k'."}}) if "top_k" in body else None


WARM = Params(temperature=0.2, max_tokens=20)


@pytest.mark.parametrize(
    ("refusal", "sent", "not_sent"),
    [
        (chat_only(404), {"temperature": 0.2, "top_k": 40, "stream_options": {"include_usage": True}}, ()),
        (chat_only(400), {"temperature": 0.2, "top_k": 40}, ()),
        (no_stream_options, {"temperature": 0.2, "top_k": 40, "stream_options": None}, ()),
        (no_words, {"temperature": 0.2, "top_k": None}, ("min_p", "repeat_last_n", "repeat_penalty", "top_k")),
        (positive, {"temperature": 0.2, "top_k": 40, "top_p": 0.95}, ()),
        (sixteen, {"temperature": 0.2, "max_tokens": 20}, ()),
        (up_to_one, {"temperature": 0.2}, ()),
        (fixed, {"temperature": None}, ("temperature",)),
        (no_sampling, {"top_k": None, "min_p": 0.05}, ("top_k",)),
    ],
    ids=["chat 404", "chat 400", "counts", "wordless", "positive", "sixteen", "up to one", "fixed", "no top_k"],
)
async def test_a_strict_server_is_used_with_what_it_takes(
    refusal: Refusal, sent: dict[str, Any], not_sent: tuple[str, ...]
) -> None:
    reply = strict(refusal)
    with HostileServer(reply, probe=reply) as server:
        _, events = await use(server, WARM)
        body = server.prompts[-1].body
    assert text(events) == "one two"
    assert finished(events).tokens_out == 2
    assert {name: body.get(name) for name in sent} == sent
    begun = started(events)
    assert set(begun.not_sent) == set(not_sent)
    assert not set(not_sent) & set(body)


@pytest.mark.parametrize("refusal", [no_stream_options, no_words, positive, sixteen, up_to_one])
async def test_a_server_that_refuses_a_field_keeps_its_raw_prompts(refusal: Refusal) -> None:
    reply = strict(refusal)
    with HostileServer(reply, probe=reply) as server:
        info, events = await use(server, WARM, chat=False)
        assert server.prompts[-1].path == "/v1/completions"
    assert info.capabilities.raw_prompt
    assert text(events) == "one two"


async def test_a_value_that_means_off_is_left_out_where_a_server_does_not_take_it() -> None:
    reply = strict(positive)
    with HostileServer(reply, probe=reply) as server:
        _, events = await use(server, Params(temperature=0.5, top_k=0, top_p=1, max_tokens=20))
        body = server.prompts[-1].body
        _, refused = await use(server, Params(temperature=0, top_k=0, max_tokens=20))
    assert finished(events).reason == "stop"
    assert {"top_k", "top_p"} & set(body) == set()
    assert body["temperature"] == 0.5
    assert "`temperature` must be > 0" in failed(refused).message
    assert "--param temperature=" in failed(refused).hint


async def test_a_seed_or_temperature_that_is_not_sent_makes_no_run_repeatable() -> None:
    reply = strict(fixed)
    with HostileServer(reply, probe=reply) as server:
        _, events = await use(server, Params(temperature=0, seed=None, top_k=40, max_tokens=20))
    begun, end = started(events), finished(events)
    assert (begun.not_sent, end.repro) == (("temperature",), "likely")

    def unseeded(body: dict[str, Any], raw: bool) -> tuple[int, object] | None:
        return (400, {"error": {"message": "Unknown parameter: 'seed'"}}) if "seed" in body else fixed(body, raw)

    reply = strict(unseeded)
    with HostileServer(reply, probe=reply) as server:
        _, events = await use(server, Params(temperature=0, seed=5, top_k=40, max_tokens=20))
    begun, end = started(events), finished(events)
    assert (begun.params.seed, begun.not_sent, end.repro) == (None, ("seed", "temperature"), "none")


async def test_a_model_that_is_listed_is_not_its_own_near_match() -> None:
    missing = status(404, b'{"error":{"message":"The model `m` does not exist or you do not have access to it."}}')
    listed = answer_json({"data": [{"id": "m"}, {"id": "mm"}]})
    with HostileServer(models=listed, probe=missing) as server, pytest.raises(EngineError) as caught:
        await use(server)
    assert "does not exist" in caught.value.message
    assert "Did you mean" not in caught.value.hint
    assert caught.value.hint
