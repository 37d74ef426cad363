"""Does an engine keep its promises on this machine: a handful of short runs, each with a plain answer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

from workbench.display import counted
from workbench.engine import EngineProcess, LoadSpec
from workbench.error import EngineError
from workbench.event import EngineInfo, Failed, Finished, Piece
from workbench.param import Params

PROMPT = "Once upon a time, in a small town by the sea, there lived"
GREEDY = Params(temperature=0.0, repeat_penalty=1.0, max_tokens=24, seed=0, cold_cache=True)
SEEDED = Params(temperature=1.0, max_tokens=24, seed=11, cold_cache=True)
STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """One promise. ``passed`` None: the engine does not promise it. ``ms`` is the time it took."""

    name: str
    passed: bool | None
    detail: str
    ms: int = 0


@dataclass(frozen=True, slots=True)
class _Ran:
    text: str
    end: Finished | Failed | None

    @property
    def why(self) -> str:
        return self.end.message if isinstance(self.end, Failed) else ""


async def self_test(spec: LoadSpec, *, on_info: Callable[[EngineInfo], None]) -> AsyncIterator[SelfCheck]:
    """The checks, one after the other; the first that ends the engine is the last. Never raises for its faults."""
    begun = time.monotonic()
    try:
        engine = await EngineProcess.launch(spec)
    except EngineError as error:
        yield SelfCheck("load", False, error.message, _since(begun))
        return
    try:
        on_info(engine.info)
        yield SelfCheck("load", True, f"{engine.info.rss_bytes / 1e6:.0f} MB", _since(begun))
        checks: tuple[tuple[str, Callable[[EngineProcess], Awaitable[tuple[bool | None, str]]]], ...] = (
            ("greedy run repeats", lambda engine: _repeats(engine, GREEDY)),
            ("seeded run repeats", _seeded),
            ("stop string", _stops),
            ("cancel", _cancels),
            ("token count", _counts),
        )
        for name, check in checks:
            begun = time.monotonic()
            passed, detail = await check(engine)
            yield SelfCheck(name, passed, detail, _since(begun))
            if not engine.alive:
                return
    finally:
        await engine.close()


async def _run(engine: EngineProcess, params: Params, prompt: str = PROMPT) -> _Ran:
    pieces, end = [], None
    async for event in engine.generate(prompt, params):
        if isinstance(event, Piece):
            pieces.append(event.text)
        elif isinstance(event, Finished | Failed):
            end = event
    return _Ran("".join(pieces), end)


async def _repeats(engine: EngineProcess, params: Params) -> tuple[bool, str]:
    first, second = await _run(engine, params), await _run(engine, params)
    for ran in (first, second):
        if not isinstance(ran.end, Finished):
            return False, ran.why
    assert isinstance(first.end, Finished)
    if first.text != second.text:
        return False, "two runs gave two texts"
    return True, f"twice the same {counted(first.end.tokens_out, 'token')}"


async def _seeded(engine: EngineProcess) -> tuple[bool | None, str]:
    if engine.info.capabilities.seed == "none":
        return None, "the engine takes no seed"
    return await _repeats(engine, SEEDED)


async def _stops(engine: EngineProcess) -> tuple[bool | None, str]:
    """A stop string from the middle of a known answer must end it there."""
    if engine.info.capabilities.stop_strings == "none":
        return None, "the engine has no stop strings"
    whole = (await _run(engine, GREEDY)).text
    stop = whole[len(whole) // 2 :][:3]
    if not stop.strip():
        return None, "the model's answer is too short to cut it"
    cut = await _run(engine, replace(GREEDY, stop=(stop,)))
    expected = whole[: whole.index(stop)]
    if cut.text != expected:
        return False, f"the answer did not end before {stop!r}"
    reason = cut.end.reason if cut.end is not None else ""
    return reason == "stop-string", f"ended before {stop!r}, reason {reason}"


async def _cancels(engine: EngineProcess) -> tuple[bool, str]:
    """A stop while the answer comes: soon, and the engine stays usable."""
    begun, end, asked = time.monotonic(), None, False
    async for event in engine.generate(PROMPT, replace(SEEDED, max_tokens=2000)):
        if isinstance(event, Piece) and not asked:
            asked, begun = True, time.monotonic()
            await engine.cancel()
        if isinstance(event, Finished | Failed):
            end = event
    took = time.monotonic() - begun
    if isinstance(end, Failed):
        return False, end.message
    if end is not None and end.status != "cancelled":
        return True, "the answer ended before the stop"
    if not engine.alive:
        return False, "the engine had to be ended"
    return took < STOP_SECONDS, f"stopped after {took * 1000:.0f} ms, the engine lives on"


async def _counts(engine: EngineProcess) -> tuple[bool | None, str]:
    if not engine.info.capabilities.tokenize:
        return None, "the engine does not count beforehand"
    count = await engine.count_tokens(PROMPT)
    return bool(count), f"{count} tokens in {len(PROMPT)} characters"


def _since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)
