"""What is known of a server's request fields, for one address, model and version; kept in the state folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from workbench.engine.server_identity import Identity
from workbench.engine.server_params import request_fields, request_names
from workbench.engine.server_target import Target
from workbench.error import StorageError
from workbench.param import PARAMS, SPECS, Params
from workbench.textio import atomic_write, make_dirs
from workbench.workspace import user_state_dir

FORMAT = 2
KEEP_SECONDS = 7 * 24 * 3600.0
# Of the run or of the workbench, not of the request.
_ELSEWHERE = ("stop", "n_ctx", "n_threads", "cold_cache", "cache_type", "logprobs")


@dataclass(frozen=True)
class Learnt:
    """``rejected``, ``ignored`` and ``narrow`` hold our parameters' names: not sent, without effect, and not sent while
    they are off, as the server takes every value but that. ``usage``: counts are asked for. ``whole`` False: the time
    ran out, ask again.
    """

    rejected: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    narrow: tuple[str, ...] = ()
    raw: bool = True
    usage: bool = True
    logprobs: bool = False
    seed: bool = True
    tokens_field: str = "max_tokens"
    whole: bool = True

    def fields(self, values: Mapping[str, Any], software: str) -> dict[str, Any]:
        """Our values as this server takes them."""
        idle = {name for name in self.narrow if values.get(name) == SPECS[name].off}
        body = request_fields(values, software, rejected={*self.rejected, *idle})
        if "max_tokens" in body:
            body[self.tokens_field] = body.pop("max_tokens")
        if self.usage:
            body["stream_options"] = {"include_usage": True}
        return body

    def withheld(self, params: Params, software: str) -> tuple[str, ...]:
        """The parameters of which the server is not told: rejected ones, and set ones that it does not have."""
        names = request_names(software)
        lacking = {
            spec.name
            for spec in PARAMS
            if spec.name not in names and spec.name not in _ELSEWHERE
            if getattr(params, spec.name) != spec.off
            if not spec.only_with or getattr(params, spec.only_with) != SPECS[spec.only_with].off
        }
        return tuple(sorted({*self.rejected, *lacking}))


def ignored_params(learnt: Learnt, software: str) -> tuple[str, ...]:
    """Our parameters without effect on this server, rejected ones and those that are the server's own included."""
    own = {"n_ctx", "n_threads"} | (set() if software == "llama.cpp" else {"cold_cache"})
    sent = set(request_names(software))
    other = set(SPECS) - sent - {"stop", "cold_cache", "n_ctx", "n_threads", "logprobs"}
    own |= set() if learnt.logprobs else {"logprobs"}
    return tuple(sorted(own | set(learnt.rejected) | set(learnt.ignored) | other))


def recall(target: Target, identity: Identity, model: str) -> Learnt | None:
    """What was learnt of late; None: ask."""
    try:
        data = json.loads(_file(target, identity, model).read_bytes())
        if data.pop("format") != FORMAT or not 0 <= time.time() - data.pop("at") < KEEP_SECONDS:
            return None
        lists = {name: tuple(str(item) for item in data[name]) for name in ("rejected", "ignored", "narrow")}
        known = {item.name: data[item.name] for item in fields(Learnt)}
        return Learnt(**{**known, **lists})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep(learnt: Learnt, target: Target, identity: Identity, model: str) -> None:
    """For next time; knowing it again is a convenience, so that a full disk is no fault."""
    path = _file(target, identity, model)
    with contextlib.suppress(StorageError):
        make_dirs(path.parent)
        atomic_write(path, json.dumps({"format": FORMAT, "at": time.time(), **asdict(learnt)}), durable=False)


def _file(target: Target, identity: Identity, model: str) -> Path:
    key = json.dumps([target.server.url, target.server.api, model, identity.software, identity.version])
    return user_state_dir() / "servers" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
