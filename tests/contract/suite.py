"""What every engine must do, and the tools to ask for it. The tests take a ``Case``: one engine with its models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from workbench.engine import EngineProcess, LoadSpec
from workbench.event import Event, Failed, Finished, Piece, Repro, Started
from workbench.param import Params

GREEDY = Params(temperature=0, repeat_penalty=1, max_tokens=40)


@dataclass(frozen=True)
class Case:
    """An engine under test.

    ``plain`` answers ``prompt``; ``wide`` has a large context and answers at length; ``small`` has a context of
    256 tokens, of which ``nearly_full`` units take most. ``repro`` is what it promises of a greedy or seeded run with a
    cold cache.
    """

    name: str
    plain: LoadSpec
    wide: LoadSpec
    small: LoadSpec
    prompt: str = "hello world"
    unit: str = "a "
    nearly_full: int = 80
    repro: Repro = "exact"
    broken: Path = field(default_factory=Path)

    def __str__(self) -> str:
        return self.name


async def collect(engine: EngineProcess, prompt: str, params: Params = GREEDY) -> list[Event]:
    return [event async for event in engine.generate(prompt, params)]


async def stop_when(
    engine: EngineProcess, prompt: str, params: Params, due: Callable[[list[Event]], bool]
) -> list[Event]:
    """Cancel as soon as ``due`` says so, and go on to the end."""
    events: list[Event] = []
    asked = False
    async for event in engine.generate(prompt, params):
        events.append(event)
        if not asked and due(events):
            asked = True
            await engine.cancel()
    assert asked, f"the moment never came: {events[-1]}"
    return events


def pieces(events: list[Event]) -> list[Piece]:
    return [event for event in events if isinstance(event, Piece)]


def text(events: list[Event]) -> str:
    return "".join(piece.text for piece in pieces(events))


def started(events: list[Event]) -> Started:
    (event,) = [event for event in events if isinstance(event, Started)]
    return event


def finished(events: list[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished), last
    return last


def failed(events: list[Event]) -> Failed:
    last = events[-1]
    assert isinstance(last, Failed), last
    return last
