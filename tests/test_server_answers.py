"""What a server may answer with but plain text, and that nothing of it is lost or silently empty."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.contract.suite import GREEDY, finished, text
from tests.serverlab import DONE, STOP, Asked, HostileServer, Reply, both, chunk, stream
from tests.test_app import opened, space, wait_for
from tests.test_server_hostile import ask, notes
from tests.test_server_record import configure
from workbench.event import Thought

__all__ = ["space"]

CALL = {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "get_\x1bweather", "arguments": ""}}]}
MORE = {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": "Oslo"}'}}]}
PARTS = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}, {"type": "image_url", "image_url": {}}]
REFUSAL = (chunk(delta={"content": None, "refusal": "I can"}), chunk(delta={"refusal": "not."}))
THINKING = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]


def end(reason: str) -> bytes:
    return chunk(finish_reason=reason)


@pytest.mark.parametrize(
    ("parts", "said", "reason", "noted"),
    [
        ((chunk(delta={"content": PARTS}), STOP), "one two", "stop", ""),
        ((*REFUSAL, STOP), "I cannot.", "stop", "refusal"),
        ((chunk(delta=CALL), chunk(delta=MORE), end("tool_calls")), "", "tool-calls", "called tools"),
        ((chunk(delta=CALL), STOP), "", "tool-calls", "get_␛weather"),
        ((chunk(delta={"function_call": {"name": "f"}}), end("function_call")), "", "tool-calls", ": f"),
        ((chunk("one"), end("content_filter")), "one", "content-filter", "content filter"),
        ((chunk("one"), end("weary")), "one", "stop", "a reason of its own: weary"),
    ],
    ids=["parts", "refusal", "tools", "tools, stop", "function", "filter", "other"],
)  # fmt: skip
async def test_every_kind_of_answer_is_shown_or_named(
    parts: tuple[bytes, ...], said: str, reason: str, noted: str
) -> None:
    with HostileServer(stream(*parts, DONE)) as server:
        events = await ask(server)
    assert (text(events), finished(events).reason) == (said, reason)
    assert noted in notes(events)


async def test_reasoning_may_come_as_parts_and_in_halves() -> None:
    halves = [chunk(delta={"reasoning": half}) for half in ("a\ud83d", "\ude00b")]
    with HostileServer(stream(chunk(delta={"content": THINKING}), *halves, chunk("yes"), STOP, DONE)) as server:
        events = await ask(server)
    assert "".join(event.text for event in events if isinstance(event, Thought)) == "hma😀b"
    assert text(events) == "yes"
    assert 0 < finished(events).t_ms >= finished(events).ms_first


LONG = "This is a long sentence of forty characters and more, fifteen tokens."


async def test_an_answer_in_single_characters_is_not_cut() -> None:
    usage = chunk(usage={"completion_tokens": 15, "prompt_tokens": 3})
    assert len(LONG) > GREEDY.max_tokens
    with HostileServer(stream(*map(chunk, LONG), STOP, usage, DONE)) as server:
        events = await ask(server)
    assert text(events) == LONG
    assert (finished(events).reason, finished(events).tokens_out) == ("stop", 15)


async def test_a_server_that_counts_is_stopped_at_its_own_count() -> None:
    parts = [chunk("word ", usage={"completion_tokens": 2 * number}) for number in range(1, 200)]
    with HostileServer(stream(*parts)) as server:
        events = await ask(server)
    assert finished(events).reason == "length"
    assert text(events).count("word") == GREEDY.max_tokens // 2 + 1


# --- in the app


def thinking(gate: threading.Event) -> Reply:
    """Reasons, and answers when the gate is opened."""

    def wait(_connection: Any, _asked: Asked) -> None:
        gate.wait(30)

    def answer(connection: Any, _asked: Asked) -> None:
        connection.sendall(chunk("The answer.") + STOP + DONE)

    return both(stream(chunk(delta={"reasoning_content": "Let me see [b]x"})), wait, answer)


async def test_the_app_says_that_the_model_thinks_and_keeps_the_reasoning_apart(space: Path) -> None:
    gate = threading.Event()
    with HostileServer(thinking(gate)) as server:
        configure(server.url)
        async with opened(space) as (app, pilot):
            app.main.running.model, app.main.running.engine = "box/m", "server"
            app.do("run")
            await wait_for(pilot, lambda: app.main.status.state.phase == "thinking")
            assert app.main.output.text == ""
            assert "thinking" in app.main.output.placeholder
            gate.set()
            await wait_for(pilot, lambda: not app.main.running.busy and app.main.output.text == "The answer.")
            app.do("sessions")
            await pilot.press("enter")
            record = app.main.running.shown
            assert record is not None
            assert record.result.reasoning == "Let me see [b]x"


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ((chunk(delta=CALL), end("tool_calls")), "called a tool"),
        ((chunk(delta={"reasoning": "hm"}), end("length")), "took all of max_tokens"),
        ((end("content_filter"),), "filter"),
        ((STOP,), "ended at once"),
    ],
)
async def test_an_empty_answer_says_why_it_is(space: Path, parts: tuple[bytes, ...], why: str) -> None:
    with HostileServer(stream(*parts, DONE)) as server:
        configure(server.url)
        async with opened(space) as (app, pilot):
            app.main.running.model, app.main.running.engine = "box/m", "server"
            app.do("run")
            await wait_for(pilot, lambda: "The answer was empty" in app.main.output.placeholder)
            assert why in app.main.output.placeholder
            assert app.main.output.text == ""
