"""What a server does with the parameters of a request, learnt by asking: once per address, model and version.

A server that rejects a field says so, or at least refuses the request: then what is likeliest to be the cause is
changed or left out, one thing after the other, until an answer comes. A value that is refused is not yet a field that
is: one from the middle of its range is tried first. A server that ignores a field does not say so, so it is caught in
the act: a parameter that leaves only the most probable token must give the greedy answer at any temperature. A dozen
requests of a few tokens, within a time limit; what they could not decide counts as honoured for fields that the
software is known to have or that belong to the standard, else as ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.engine.server_chunk import Delta, Usage
from workbench.engine.server_fault import HttpFault, error_text
from workbench.engine.server_identity import Asker, Identity
from workbench.engine.server_learnt import Learnt, keep, recall
from workbench.engine.server_params import TEMPLATED, Field, logprob_fields, off_values, request_names
from workbench.engine.server_stream import deltas
from workbench.param import SPECS

TOKENS = 8
STEPS = 9
ATTEMPTS = 30
PROMPT = "one two three one two three one two three one two"
# Where the first value is refused: some want a temperature up to 1, sixteen tokens at least, or no value for "off".
_GENTLER: Mapping[str, tuple[float, ...]] = {
    "temperature": (0.7,),
    "max_tokens": (16, 64),
    "top_p": (0.9,),
    "top_k": (40,),
    "min_p": (0.05,),
    "repeat_penalty": (1.1,),
}
# Of the standard, but missing in some servers.
_OPTIONAL = ("seed", "presence_penalty", "frequency_penalty")
# Each leaves one token; the second value where a server does not take the first.
_COLDEST: Mapping[str, tuple[float, ...]] = {"top_k": (1,), "top_p": (1e-6, 0.01), "min_p": (1, 0.99)}
_UNKNOWN = re.compile(
    r"unrecogni[sz]ed|unknown|unexpected|extra|not permitted|unsupported (?:parameter|argument|field)", re.IGNORECASE
)


def learn(asker: Asker, identity: Identity, report: Callable[[int, int], None], *, model: str) -> Learnt:
    """What is known of the server, asked for where it is not. Raises HttpFault when it answers no prompt at all."""
    if (known := recall(asker.target, identity, model)) is not None:
        return known
    learnt = _Probe(asker, identity, report, model).run()
    if learnt.whole:
        keep(learnt, asker.target, identity, model)
    return learnt


@dataclass
class _Said:
    """The end of one small request."""

    text: str = ""
    finish: str = ""
    usage: Usage = field(default_factory=Usage)
    logprobs: bool = False


class _Probe:
    def __init__(self, asker: Asker, identity: Identity, report: Callable[[int, int], None], model: str) -> None:
        self._asker = asker
        self._model = model
        self._names = request_names(identity.software)
        self._software = identity.software
        self._known = bool(identity.software)
        self._report = report
        self._step = 0
        self._learnt = Learnt(raw=asker.target.server.api == "auto" and identity.software not in TEMPLATED)
        self._values: dict[str, Any] = {**off_values(), "max_tokens": TOKENS, "temperature": 1.5}
        self._gentler = {name: list(values) for name, values in _GENTLER.items()}
        # /completions was given up for a reason that may have been another one; and how often it was so far.
        self._raw_unsure = False
        self._changes = 0

    def run(self) -> Learnt:
        first = self._first()
        self._learnt = replace(self._learnt, narrow=self._narrow(), usage=first.usage.tokens_out >= 0 and self._counts)
        try:
            return self._behaviour(first)
        except HttpFault as fault:
            if fault.kind not in ("timeout", "network", "disconnected") and not fault.transient:
                raise
            return replace(self._learnt, ignored=self._unsaid(()), whole=False)

    # --- what it takes

    def _first(self) -> _Said:
        """A request with everything, changed until it is answered."""
        for _ in range(ATTEMPTS):
            try:
                said = self._say(seed=1)
            except HttpFault as fault:
                if not self._give_way(fault):
                    raise
            else:
                return self._raw_again() or said
        raise HttpFault("refused", "every form of request is rejected", "Look at the server's own log.")

    def _give_way(self, fault: HttpFault) -> bool:
        """Change what the server complained of; False when it is something else, or nothing is left to change."""
        if fault.status in (404, 405, 410, 501):
            return self._to_chat(sure=True)
        if not is_rejection(fault):
            return False
        self._changes += 1
        said = json.dumps(fault.body) if fault.body is not None else fault.message
        if "max_completion_tokens" in said and self._learnt.tokens_field == "max_tokens":
            self._learnt = replace(self._learnt, tokens_field="max_completion_tokens")
            return True
        if self._counts and re.search(r"stream_options|include_usage", said):
            return self._without_counts()
        sent = self._sent()
        if named := [name for name, item in sent.items() if re.search(rf"\b{re.escape(item.name)}\b", said)]:
            unknown = _UNKNOWN.search(said) is not None
            self._drop([name for name in named if unknown or not self._soften(name)])
            return True
        # It did not say which: the likeliest first.
        return (
            self._to_chat(sure=False)
            or self._drop([name for name, item in sent.items() if not item.standard])
            or self._without_counts()
            or self._drop([name for name in _OPTIONAL if name in sent])
            or any(self._soften(name) for name in sent)
        )

    def _to_chat(self, *, sure: bool) -> bool:
        if not self._learnt.raw:
            return False
        self._learnt = replace(self._learnt, raw=False)
        self._raw_unsure, self._changes = not sure, 0
        return True

    def _raw_again(self) -> _Said | None:
        """What was changed since may have been the reason why /completions was refused, too."""
        if not self._raw_unsure or not self._changes:
            return None
        chat, self._learnt = self._learnt, replace(self._learnt, raw=True)
        said = self._dare(seed=1)
        if said is None:
            self._learnt = chat
        return said

    @property
    def _counts(self) -> bool:
        return self._learnt.usage

    def _without_counts(self) -> bool:
        had, self._learnt = self._learnt.usage, replace(self._learnt, usage=False)
        return had

    def _drop(self, names: Collection[str]) -> bool:
        self._learnt = replace(self._learnt, rejected=tuple(sorted({*self._learnt.rejected, *names})))
        return bool(names)

    def _soften(self, name: str) -> bool:
        """Another value for the next try; False when all were tried."""
        if not self._gentler.get(name):
            return False
        self._values[name] = self._gentler[name].pop(0)
        return True

    def _sent(self) -> Mapping[str, Field]:
        """What the small requests hold: constraints are off, and so not in them."""
        names = (name for name in self._names if SPECS[name].group != "constraints")
        return {name: self._names[name] for name in names if name not in self._learnt.rejected}

    def _narrow(self) -> tuple[str, ...]:
        """Parameters that are taken, but not their value for "off"."""
        off = off_values()
        return tuple(
            name
            for name in self._sent()
            if name in _COLDEST or name == "repeat_penalty"
            if self._values[name] != off[name]
        )

    # --- what it does with it

    def _behaviour(self, first: _Said) -> Learnt:
        again, other = self._dare(seed=1), self._dare(seed=2)
        greedy = self._dare(seed=3, temperature=0) or self._dare(seed=3, temperature=0.01)
        if "temperature" not in self._sent():
            greedy = None
        ignored, tried = set(), set(_COLDEST) | {"repeat_penalty", "repeat_last_n"}
        varied = len({said.text for said in (first, again, other) if said is not None}) > 1
        for name, values in _COLDEST.items():
            one = self._one_of(name, values, seed=2) if greedy and (varied or greedy.text != first.text) else None
            if one is None or greedy is None:
                ignored.update(self._undecided(name))
            elif one.text != greedy.text:
                ignored.add(name)
        ignored |= self._penalty(greedy)
        if "max_tokens" in self._sent() and first.usage.tokens_out > self._values["max_tokens"]:
            ignored.add("max_tokens")
        logprobs = self._dare(seed=1, logprobs=1)
        return replace(
            self._learnt,
            ignored=tuple(sorted({*ignored, *self._unsaid(tried)} & set(self._sent()))),
            seed="seed" in self._sent() and again is not None and again.text == first.text,
            logprobs=logprobs is not None and logprobs.logprobs,
        )

    def _penalty(self, greedy: _Said | None) -> set[str]:
        said = self._one_of("repeat_penalty", (8, 2), seed=3, temperature=0) if greedy else None
        if said is None or greedy is None:
            return self._undecided("repeat_penalty", "repeat_last_n")
        if said.text == greedy.text and (not self._known or _repeats(greedy.text)):
            return {"repeat_penalty", "repeat_last_n"}
        return set()

    def _one_of(self, name: str, values: Collection[float], **more: Any) -> _Said | None:
        if name not in self._sent():
            return None
        said = (self._dare(**{**more, name: value}) for value in values)
        return next((item for item in said if item is not None), None)

    def _undecided(self, *names: str) -> set[str]:
        return (
            set() if self._known else {name for name in names if name in self._names and not self._names[name].standard}
        )

    def _unsaid(self, tried: Collection[str]) -> tuple[str, ...]:
        """What an unknown server got and gave no sign of."""
        return tuple(sorted(self._undecided(*(name for name in self._sent() if name not in tried))))

    # --- asking

    def _dare(self, **values: Any) -> _Said | None:
        """As ``_say``; None when the server does not take these values, which decides nothing about the field."""
        try:
            return self._say(**values)
        except HttpFault as fault:
            if not is_rejection(fault) and fault.status != 500:
                raise
            return None

    def _say(self, **values: Any) -> _Said:
        """A few tokens. ``values`` are our parameters; the samplers not among them are off."""
        self._step = min(self._step + 1, STEPS)
        self._report(self._step, STEPS + 1)
        body = self._learnt.fields({**self._values, **values}, self._software)
        body |= {"model": self._model, "stream": True}
        raw = self._learnt.raw
        body |= logprob_fields(int(values.get("logprobs", 0)), raw=raw)
        body |= {"prompt": PROMPT} if raw else {"messages": [{"role": "user", "content": PROMPT}]}
        path = self._asker.target.path("/completions" if raw else "/chat/completions")
        return self._asker.patiently(lambda: self._heard(path, body))

    def _heard(self, path: str, body: dict[str, Any]) -> _Said:
        said = _Said()
        with self._asker.exchange() as exchange:
            for delta in deltas(exchange, path, body):
                _note(said, delta)
                if (said.finish and said.usage.tokens_out >= 0) or len(said.text) > 4000:
                    break
        return said


def is_rejection(fault: HttpFault) -> bool:
    """Whether the server answered that it does not take this request; in the stream it has no status."""
    in_stream = fault.kind == "refused" and not fault.status and fault.body is not None
    return in_stream or fault.status in (400, 404, 405, 409, 413, 415, 422, 501)


def _note(said: _Said, delta: Delta) -> None:
    if delta.error is not None:
        raise HttpFault("refused", f"the server failed: {error_text(delta.error)}", body=delta.error)
    said.text += delta.reasoning + delta.text
    said.finish = delta.finish or said.finish
    said.usage = delta.usage if delta.usage.tokens_out >= 0 else said.usage
    said.logprobs = said.logprobs or bool(delta.scores)


def _repeats(text: str) -> bool:
    """Whether an answer repeats words, its prompt's among them, so that a penalty would have changed it."""
    words = text.split()
    return len(set(words)) < len(words) or bool(set(words) & set(PROMPT.split()))
