"""What an engine's adapter offers, inside the child, and what it gets to report with.

An adapter loads one model and generates for one prompt at a time, on the child's main thread. It reports
through ``Output``, which counts, hashes and sends; ``Output.stopped`` is set by the child's reader thread and
must be looked at between any two tokens and between any two batches of the prompt.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from workbench.param import Params, params_to_dict

# A token's text, its log-probability, and the likeliest tokens at its place with theirs.
Score = tuple[str, float, list[tuple[str, float]]]


class Refused(Exception):
    """The engine cannot do this, or no further; not a crash.

    ``kind`` is one of ``load context refused``, of a server also ``network disconnected timeout protocol``.
    """

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Job:
    """The load order as the child gets it. ``facts`` come from the file's header, read by the parent."""

    path: str
    n_ctx: int
    n_threads: int
    n_batch: int
    script: str = ""
    scratch: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    cache_type: str = "f16"


@dataclass
class Outcome:
    """How a generation ended. ``tokens_out`` in ``unit``, "token" or "chunk"; ``reason`` is one of the words of
    ``workbench.event.FinishReason``.
    """

    reason: str
    tokens_in: int
    tokens_out: int
    tokens_cached: int = 0
    unit: str = "token"


class Output:
    """The way out of a running generation."""

    def __init__(self, send: Callable[[dict[str, Any]], None], number: int) -> None:
        self._send = send
        self._number = number
        self._stop = threading.Event()
        self._on_stop: Callable[[], None] = lambda: None
        self._digest = hashlib.sha256()
        self.pieces = 0

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def stop(self) -> None:
        self._stop.set()
        self._on_stop()

    def on_stop(self, action: Callable[[], None]) -> None:
        """Have ``action`` called as soon as the run is stopped, on the reader thread; at once when it already is.

        It may be called twice.
        """
        self._on_stop = action
        if self.stopped:
            action()

    def wait(self, seconds: float) -> bool:
        """Sleep; True as soon as the run is stopped."""
        return self._stop.wait(seconds)

    def started(self, params: Params, *, cache: str, not_sent: Sequence[str] = ()) -> None:
        """The effective parameters, before anything is computed; ``not_sent`` names those that are left out."""
        self._say("started", params=params_to_dict(params), cache=cache, not_sent=list(not_sent))

    def prefill(self, done: int, total: int, cached: int = 0) -> None:
        self._say("prefill", done=done, total=total, cached=cached)

    def piece(self, text: str, tokens: int, scores: Sequence[Score] = ()) -> None:
        """Whole code points only; ``tokens`` may be 0 for text that was held back. ``scores`` of the tokens since the
        last piece, when the run asked for them.
        """
        if not text:
            return
        self._digest.update(text.encode("utf-8", "surrogatepass"))
        if scores:
            self._say("tok", n=self.pieces, s=text, c=tokens, p=scores)
        else:
            self._say("tok", n=self.pieces, s=text, c=tokens)
        self.pieces += 1

    def thought(self, text: str) -> None:
        """Reasoning that is kept apart from the answer."""
        if text:
            self._say("thought", s=text)

    def note(self, text: str) -> None:
        """A sentence for the person, beside the answer."""
        self._say("note", s=text)

    def _say(self, kind: str, **values: Any) -> None:
        self._send({"k": kind, "id": self._number, "t": time.monotonic(), **values})


class Adapter(Protocol):
    """One engine with one model."""

    def load(self, job: Job, report: Callable[[int, int], None]) -> dict[str, Any]:
        """Load and describe: fields of ``EngineInfo`` with ``capabilities`` as a dict. Raises Refused."""

    def generate(self, prompt: str, params: Params, output: Output) -> Outcome:
        """Run to an end. Raises Refused before the first piece."""

    def count_tokens(self, text: str) -> int | None:
        """Tokens of ``text``, None when the engine cannot tell."""


@runtime_checkable
class ChatAdapter(Adapter, Protocol):
    """An engine that takes messages as well: a server whose chat template nobody knows."""

    def chat(self, messages: Sequence[Mapping[str, str]], params: Params, output: Output) -> Outcome:
        """As ``generate``, for messages with ``role`` and ``content``."""
