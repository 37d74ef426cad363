"""What a server does with the parameters of a request, learnt by asking: once per address, model and version.

A server that rejects a field says so; one that ignores it does not, so it is caught in the act: a parameter that
leaves only the most probable token must give the greedy answer at any temperature. What was learnt is kept in the
state folder. A dozen requests of eight tokens, within a time limit; what they could not decide counts as honoured for
fields that the software is known to have, else as ignored.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from workbench.engine.server_chunk import Delta, Usage
from workbench.engine.server_fault import HttpFault, error_text
from workbench.engine.server_identity import Asker, Identity
from workbench.engine.server_params import TEMPLATED, Field, logprob_fields, off_values, request_fields, request_names
from workbench.engine.server_stream import deltas
from workbench.engine.server_target import Target
from workbench.error import StorageError
from workbench.param import SPECS
from workbench.textio import atomic_write, make_dirs
from workbench.workspace import user_state_dir

FORMAT = 1
KEEP_SECONDS = 7 * 24 * 3600.0
TOKENS = 8
STEPS = 9
PROMPT = "one two three one two three one two three one two"


@dataclass(frozen=True)
class Learnt:
    """``rejected`` and ``ignored`` hold our parameters' names; ``whole`` False: the time ran out, ask again."""

    rejected: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    raw: bool = True
    usage: bool = True
    logprobs: bool = False
    seed: bool = True
    tokens_field: str = "max_tokens"
    whole: bool = True


def learn(asker: Asker, identity: Identity, report: Callable[[int, int], None], *, model: str) -> Learnt:
    """What is known of the server, asked for where it is not. Raises HttpFault when it answers no prompt at all."""
    path = _file(asker.target, identity, model)
    if (known := _load(path)) is not None:
        return known
    learnt = _Probe(asker, identity, report, model).run()
    if learnt.whole:
        # Knowing it again next time is a convenience.
        with contextlib.suppress(StorageError):
            make_dirs(path.parent)
            atomic_write(path, json.dumps({"format": FORMAT, "at": time.time(), **asdict(learnt)}), durable=False)
    return learnt


def _file(target: Target, identity: Identity, model: str) -> Path:
    key = json.dumps([target.server.url, target.server.api, model, identity.software, identity.version])
    return user_state_dir() / "servers" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"


def _load(path: Path) -> Learnt | None:
    try:
        data = json.loads(path.read_bytes())
        if data.pop("format") != FORMAT or not 0 <= time.time() - data.pop("at") < KEEP_SECONDS:
            return None
        lists = {name: tuple(str(item) for item in data[name]) for name in ("rejected", "ignored")}
        known = {item.name: data[item.name] for item in fields(Learnt)}
        return Learnt(**{**known, **lists})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


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
        self._rejected: set[str] = set()

    def run(self) -> Learnt:
        first = self._first()
        self._learnt = replace(self._learnt, rejected=tuple(sorted(self._rejected)), usage=first.usage.tokens_out >= 0)
        try:
            return self._behaviour(first)
        except HttpFault as fault:
            if fault.kind not in ("timeout", "network", "disconnected") and not fault.transient:
                raise
            return replace(self._learnt, whole=False)

    def _first(self) -> _Said:
        """A request with everything, without what is rejected one by one."""
        for _ in range(20):
            try:
                return self._say(seed=1, temperature=1.5)
            except HttpFault as fault:
                if not self._give_way(fault):
                    raise
        raise HttpFault("refused", "every form of request is rejected")

    def _give_way(self, fault: HttpFault) -> bool:
        """Leave out what the server complained of; False when it is something else."""
        if self._learnt.raw and fault.status in (404, 405, 501) and not _about_model(fault):
            self._learnt = replace(self._learnt, raw=False)
            return True
        if fault.status not in (400, 422):
            return False
        said = json.dumps(fault.body) if fault.body is not None else fault.message
        if "max_completion_tokens" in said and self._learnt.tokens_field == "max_tokens":
            self._learnt = replace(self._learnt, tokens_field="max_completion_tokens")
            return True
        named = [name for name, item in self._sent().items() if re.search(rf"\b{re.escape(item.name)}\b", said)]
        extensions = [name for name, item in self._sent().items() if not item.standard]
        drop = named or extensions
        self._rejected.update(drop)
        return bool(drop)

    def _sent(self) -> Mapping[str, Field]:
        return {name: item for name, item in self._names.items() if name not in self._rejected}

    def _behaviour(self, first: _Said) -> Learnt:
        again = self._say(seed=1, temperature=1.5)
        other = self._say(seed=2, temperature=1.5)
        greedy = self._say(seed=3, temperature=0)
        ignored = set()
        varied = len({first.text, again.text, other.text}) > 1
        sampled = varied or greedy.text != first.text
        for name, value in (("top_k", 1), ("top_p", 1e-6), ("min_p", 1)):
            if name in self._sent() and sampled:
                if self._say(seed=2, temperature=1.5, **{name: value}).text != greedy.text:
                    ignored.add(name)
            elif name in self._sent() and not self._known and not self._names[name].standard:
                ignored.add(name)
        if "repeat_penalty" in self._sent():
            changed = self._say(seed=3, temperature=0, repeat_penalty=8).text != greedy.text
            if not changed and (not self._known or _repeats(greedy.text)):
                ignored.update(name for name in ("repeat_penalty", "repeat_last_n") if name in self._sent())
        if "max_tokens" in self._sent() and first.usage.tokens_out > TOKENS:
            ignored.add("max_tokens")
        if not self._known:
            tried = {"top_k", "top_p", "min_p", "repeat_penalty", "repeat_last_n", "json_schema"}
            ignored |= {name for name, item in self._sent().items() if not item.standard and name not in tried}
        learnt = replace(self._learnt, ignored=tuple(sorted(ignored)), seed=again.text == first.text)
        if "seed" in self._rejected or not learnt.seed:
            learnt = replace(learnt, seed=False)
        with contextlib.suppress(HttpFault):
            learnt = replace(learnt, logprobs=self._say(seed=1, temperature=1, logprobs=1).logprobs)
        return learnt

    def _say(self, **values: Any) -> _Said:
        """Eight tokens. ``values`` are our parameters, the others are off."""
        self._step = min(self._step + 1, STEPS)
        self._report(self._step, STEPS + 1)
        body: dict[str, Any] = {"model": self._model, "stream": True, "stream_options": {"include_usage": True}}
        wanted = {**off_values(), "max_tokens": TOKENS, **values}
        body |= request_fields(wanted, self._software, rejected=self._rejected)
        if "max_tokens" in body:
            body[self._learnt.tokens_field] = body.pop("max_tokens")
        raw = self._learnt.raw
        body |= logprob_fields(int(values.get("logprobs", 0)), raw=raw)
        body |= {"prompt": PROMPT} if raw else {"messages": [{"role": "user", "content": PROMPT}]}
        path = self._asker.target.path("/completions" if raw else "/chat/completions")
        said = _Said()
        with self._asker.exchange() as exchange:
            for delta in deltas(exchange, path, body):
                _note(said, delta)
                if (said.finish and said.usage.tokens_out >= 0) or len(said.text) > 4000:
                    break
        return said


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


def _about_model(fault: HttpFault) -> bool:
    return "model" in error_text(fault.body).lower()


def ignored_params(learnt: Learnt, software: str) -> tuple[str, ...]:
    """Our parameters without effect on this server, rejected ones and those that are the server's own included."""
    own = {"n_ctx", "n_threads"} | (set() if software == "llama.cpp" else {"cold_cache"})
    sent = set(request_names(software))
    other = set(SPECS) - sent - {"stop", "cold_cache", "n_ctx", "n_threads", "logprobs"}
    own |= set() if learnt.logprobs else {"logprobs"}
    return tuple(sorted(own | set(learnt.rejected) | set(learnt.ignored) | other))
