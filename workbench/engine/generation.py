"""One generation seen from the parent: turns the child's messages into events and watches that they keep
coming.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from workbench.engine.protocol import Message
from workbench.event import (
    Chatter,
    EngineInfo,
    Event,
    Failed,
    Finished,
    FinishReason,
    Piece,
    Progress,
    Repro,
    Started,
    Thought,
    TokenScore,
)
from workbench.param import SPECS, Params, params_from, params_to_dict

CHATTER_LINES = 200
# Of an adapter's refusal; the end's reason where it is not simply "error".
_KINDS: Mapping[str, FinishReason] = {
    "context": "error",
    "refused": "error",
    "network": "error",
    "protocol": "error",
    "disconnected": "disconnected",
    "timeout": "timeout",
}
_PONG, _SILENCE = "pong", "silence"


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds. Every sign of progress starts the clock anew.

    ``stuck``: how long an engine may answer pings without getting on. ``stop``: until a cancel becomes a
    kill.
    """

    load: float = 30.0
    load_per_gb: float = 60.0
    silence: float = 30.0
    pong: float = 10.0
    stuck: float = 900.0
    stop: float = 1.0


class Generation:
    """``receive``, ``log_line`` and ``lost`` are fed by the wire; ``events`` is drained by the run."""

    def __init__(self, number: int, info: EngineInfo, begun: float, *, first: bool) -> None:
        self.number = number
        self.cancelled = False
        self.over = asyncio.Event()
        self.slowest_batch = 0.0
        self._info = info
        self._begun = begun
        self._first = first
        self._queue: asyncio.Queue[Event | str] = asyncio.Queue()
        self._params = Params()
        self._not_sent: tuple[str, ...] = ()
        self._digest = hashlib.sha256()
        self._pieces = 0
        self._tokens = 0
        self._tokens_in = 0
        self._cached = 0
        self._first_ms = 0
        self._last_ms = 0
        self._batch_at = 0.0
        self._chatter = 0

    def order(self, prompt: str, params: Params, messages: Sequence[Mapping[str, str]] = ()) -> Message:
        order = {"k": "gen", "id": self.number, "prompt": prompt, "params": params_to_dict(params)}
        return {**order, "messages": list(messages)} if messages else order

    async def ended(self, timeout: float) -> bool:
        try:
            async with asyncio.timeout(timeout):
                await self.over.wait()
        except TimeoutError:
            return False
        return True

    async def events(self, ping: Callable[[], None], patience: Patience) -> AsyncIterator[Event]:
        """All events, the last being Finished or Failed.

        An engine that is silent but answers pings is slow, for a long while; one that does not is dead.
        """
        heard = time.monotonic()
        warned = False
        while True:
            event = await self._next(patience.silence)
            if event is _SILENCE:
                ping()
                event = await self._next(patience.pong)
            if event is _PONG and time.monotonic() - heard < patience.stuck:
                if not warned:
                    warned = True
                    yield Chatter(self._now(), f"{self._info.name} is slow: it answers, but makes no progress")
                continue
            if isinstance(event, str):
                self.over.set()
                hint = "It was ended; run again to load it anew."
                yield self.failed("timeout", "timeout", f"the engine {self._info.name} does not get on", hint)
                return
            heard = time.monotonic()
            yield event
            if isinstance(event, Finished | Failed):
                return

    async def _next(self, timeout: float) -> Event | str:
        try:
            async with asyncio.timeout(timeout):
                return await self._queue.get()
        except TimeoutError:
            return _SILENCE

    def failed(self, reason: FinishReason, kind: str, message: str, hint: str = "") -> Failed:
        return Failed(t_ms=self._now(), reason=reason, message=message, hint=hint, kind=kind)

    # --- from the wire

    def receive(self, message: Message) -> None:
        """A message of the child; one that makes no sense is dropped like any garbage."""
        if self.over.is_set():
            return
        try:
            event = self._event(message)
        except (KeyError, TypeError, ValueError, OverflowError):
            return
        except Exception as error:  # noqa: BLE001 a UsageError of foreign parameters, or the like: say it, do not die
            event = self.failed("error", "protocol", f"the engine sent nonsense: {error}")
        if event is not None:
            self._put(event)

    def log_line(self, line: str) -> None:
        self._chatter += 1
        if self._chatter <= CHATTER_LINES and not self.over.is_set():
            self._put(Chatter(self._now(), line))

    def lost(self, code: int | None, text: str, hint: str, stderr: str) -> None:
        """The child is gone."""
        if self.over.is_set():
            return
        if self.cancelled:
            self._put(self._finished("cancelled", "killed", self._tokens_in, self._tokens, self._cached))
        else:
            event = self.failed("crash", "crash", text, hint)
            self._put(replace(event, exit=code, stderr=stderr))

    def _put(self, event: Event | str) -> None:
        if isinstance(event, Finished | Failed):
            self.over.set()
        self._queue.put_nowait(event)

    def _event(self, message: Message) -> Event | None:
        kind = message["k"]
        if kind == "pong":
            self._put(_PONG)
            return None
        if message.get("id") != self.number:
            return None
        match kind:
            case "started":
                return self._started(message)
            case "prefill":
                return self._progress(message)
            case "tok":
                return self._piece(message)
            case "thought":
                return self._thought(message)
            case "note":
                return Chatter(self._time(message), str(message["s"]))
            case "done":
                return self._done(message)
            case "error":
                name = message["kind"] if message["kind"] in _KINDS else "refused"
                return self.failed(_KINDS[name], name, str(message["message"]), str(message.get("hint", "")))
        return None

    def _started(self, message: Message) -> Started:
        self._params = params_from(message["params"])
        self._batch_at = time.monotonic()
        self._not_sent = tuple(str(name) for name in message.get("not_sent", ()))
        cache: Literal["cold", "warm"] = "warm" if message["cache"] == "warm" else "cold"
        return Started(self._time(message), self._info, self._params, cache, self._not_sent)

    def _progress(self, message: Message) -> Progress:
        now = time.monotonic()
        self.slowest_batch = max(self.slowest_batch, now - self._batch_at)
        self._batch_at = now
        done, self._tokens_in, self._cached = (
            int(message["done"]),
            int(message["total"]),
            int(message["cached"]),
        )
        return Progress(self._time(message), "prompt", done, self._tokens_in, self._cached)

    def _thought(self, message: Message) -> Thought:
        self._last_ms = self._time(message)
        self._first_ms = self._first_ms or self._last_ms
        return Thought(self._last_ms, str(message["s"]))

    def _piece(self, message: Message) -> Event:
        index, text, tokens = message["n"], message["s"], int(message["c"])
        if index != self._pieces or not isinstance(text, str):
            return self.failed("error", "protocol", f"piece {self._pieces} of the answer was lost on its way")
        self._digest.update(text.encode("utf-8", "surrogatepass"))
        self._pieces += 1
        self._tokens += tokens
        self._last_ms = self._time(message)
        # Reasoning comes first, and its tokens count as well.
        self._first_ms = self._first_ms or self._last_ms
        scores = message.get("p")
        return Piece(self._last_ms, index, text, tokens, _scores(scores) if scores else ())

    def _done(self, message: Message) -> Event:
        if message["sha256"] != self._digest.hexdigest():
            return self.failed("error", "protocol", "the answer that arrived differs from the one that was sent")
        reason: Any = message["reason"]
        tokens_in, tokens_out = int(message["tokens_in"]), int(message["tokens_out"])
        status = "cancelled" if reason == "cancel" else "finished"
        end = self._finished(status, reason, tokens_in, tokens_out, int(message["tokens_cached"]))
        return replace(end, unit="chunk") if message.get("unit") == "chunk" else end

    def _finished(self, status: str, reason: FinishReason, tokens_in: int, tokens_out: int, cached: int) -> Finished:
        return Finished(
            t_ms=self._now(),
            status="cancelled" if status == "cancelled" else "finished",
            reason=reason,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            sha256=self._digest.hexdigest(),
            tokens_cached=cached,
            ms_load=self._info.ms_load if self._first else 0,
            ms_first=self._first_ms,
            ms_decode=max(0, self._last_ms - self._first_ms),
            repro=self._repro(cached),
        )

    def _repro(self, cached: int) -> Repro:
        """Exact needs a cold prompt cache; what a warm one held changes the last digits of the sums."""
        seeded = self._params.seed is not None and self._info.capabilities.seed != "none"
        # What was not sent cannot have made the run greedy.
        effect = {name: SPECS[name].off for name in self._not_sent if name in SPECS}
        if not (replace(self._params, **effect).greedy or seeded):
            return "none"
        # What else a server computes at the same time, and on what, is unknown.
        return "likely" if cached or self._info.endpoint else "exact"

    def _now(self) -> int:
        return round((time.monotonic() - self._begun) * 1000)

    def _time(self, message: Message) -> int:
        """When the child sent it (the clock is the system's), but never in the future."""
        now = time.monotonic()
        return max(0, round((min(now, float(message["t"])) - self._begun) * 1000))


def _scores(rows: Any) -> tuple[TokenScore, ...]:
    return tuple(
        TokenScore(str(text), float(logprob), tuple((str(other), float(value)) for other, value in top))
        for text, logprob, top in rows
    )
