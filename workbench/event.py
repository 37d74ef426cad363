"""The frozen events of a run. Engines emit them, the journal writes them, both faces consume them.

A run is: ``Started`` (once, when the engine has taken the request), any number of ``Progress``, ``Thought``, ``Piece``
and ``Chatter``, then exactly one of ``Finished`` and ``Failed``. All times are whole milliseconds since the run was
asked for, on a monotonic clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from workbench.param import Params

Phase = Literal["load", "prompt"]
Status = Literal["running", "finished", "cancelled", "error", "interrupted"]
FinishReason = Literal[
    "stop",
    "length",
    "stop-string",
    "content-filter",
    "tool-calls",
    "cancel",
    "timeout",
    "crash",
    "killed",
    "error",
    "disconnected",
    "",
]
Repro = Literal["exact", "likely", "none"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do. What it cannot is shown to people, and never sent silently."""

    seed: Literal["exact", "patched", "none"] = "none"
    stop_strings: Literal["native", "emulated", "none"] = "none"
    logprobs: bool = False
    grammar: bool = False
    tokenize: bool = False
    raw_prompt: bool = True
    prefill_cancel: bool = False
    parallel: int = 1
    ignored_params: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """A loaded engine, as it described itself. Sizes in tokens; ``rss_bytes`` after load."""

    name: str
    version: str
    device: str = "cpu"
    threads: int = 1
    n_ctx: int = 0
    n_batch: int = 0
    build: str = ""
    endpoint: str = ""
    chat_template: str = ""
    bos_token: str = ""
    eos_token: str = ""
    rss_bytes: int = 0
    ms_load: int = 0
    capabilities: Capabilities = field(default_factory=Capabilities)


@dataclass(frozen=True, slots=True)
class Started:
    """The engine took the request. ``params`` are the effective ones, echoed back by the engine; of those named in
    ``not_sent`` it was told nothing, so that its own values hold.
    """

    t_ms: int
    engine: EngineInfo
    params: Params
    cache: Literal["cold", "warm"] = "cold"
    not_sent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` units: percent or bytes while loading, tokens while reading the prompt. 0 is unknown."""

    t_ms: int
    phase: Phase
    done: int
    total: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A token as the model judged it: natural logarithms of probabilities, before sampling.

    ``top``: the likeliest tokens at this place, best first, as many as the run's ``logprobs``.
    """

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()

    @property
    def margin(self) -> float:
        """How much the likeliest token was ahead of the next, in natural logarithm; infinite when only one is known.
        Near zero, a last digit decides which is drawn.
        """
        return self.top[0][1] - self.top[1][1] if len(self.top) > 1 else math.inf


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of output text, exactly as decoded: whole code points. ``index`` counts pieces from 0.

    ``scores`` of its tokens, only when the run asked for ``logprobs``; a token whose text was held back comes with the
    piece after.
    """

    t_ms: int
    index: int
    text: str
    tokens: int = 1
    scores: tuple[TokenScore, ...] = ()


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of reasoning that a server keeps apart from the answer; no part of the output text."""

    t_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Chatter:
    """Something worth saying beside the answer: by us, or by native code on its stderr while this run went on."""

    t_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end, also of a cancelled run. ``sha256`` is of the UTF-8 bytes of all pieces joined."""

    t_ms: int
    status: Literal["finished", "cancelled"]
    reason: FinishReason
    tokens_in: int
    tokens_out: int
    sha256: str
    tokens_cached: int = 0
    ms_load: int = 0
    ms_first: int = 0
    ms_decode: int = 0
    unit: Literal["token", "chunk"] = "token"
    repro: Repro = "none"


@dataclass(frozen=True, slots=True)
class Failed:
    """The run ended by a fault; pieces already sent stay valid. ``hint`` says what to do next."""

    t_ms: int
    reason: FinishReason
    message: str
    hint: str = ""
    kind: str = "crash"
    exit: int | None = None
    stderr: str = ""


Event = Started | Progress | Thought | Piece | Chatter | Finished | Failed
EngineEvent = Event
