"""A run's parameters as the runtime's request, and what it really made of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from workbench.engine.adapter import Refused
from workbench.param import PARAMS, Params

# Under another name, handled by the adapter, or the engine's own and not a request's.
_OTHERS = ("stop", "logprobs", "grammar", "json_schema", "logit_bias", "n_ctx", "n_threads", "cold_cache", "cache_type")
_SENT = tuple(spec.name for spec in PARAMS if spec.name not in _OTHERS)


def request_body(prompt: str, params: Params, bias: Sequence[tuple[int, float]]) -> dict[str, Any]:
    """Every sampling value is sent: what is left out would be the runtime's default, and recorded nowhere."""
    body: dict[str, Any] = {name: getattr(params, name) for name in _SENT}
    body |= {
        "prompt": prompt,
        "dry_sequence_breakers": list(params.dry_sequence_breakers),
        "cache_prompt": not params.cold_cache,
        "stream": True,
        "return_progress": True,
        "timings_per_token": True,
    }
    if params.grammar:
        body["grammar"] = params.grammar
    if params.json_schema:
        body["json_schema"] = json.loads(params.json_schema)
    if bias:
        body["logit_bias"] = [list(pair) for pair in bias]
    if params.logprobs:
        body["n_probs"] = params.logprobs
    return body


def resolve_bias(
    params: Params, tokens: Callable[[str], list[int]], n_vocab: Callable[[], int], say: Callable[[str], None]
) -> list[tuple[int, float]]:
    """Token ids with their biases. Raises Refused for an id that the model does not have: the runtime would skip it."""
    found: list[tuple[int, float]] = []
    for token, bias in params.logit_bias:
        if isinstance(token, int):
            if not 0 <= token < n_vocab():
                message = f"logit_bias names the token {token}, the model has {n_vocab()}"
                raise Refused("refused", message, "Give an id from 0, or the token's text.")
            found.append((token, bias))
            continue
        ids = tokens(token)
        if len(ids) > 1:
            say(f"logit_bias: {token!r} is {len(ids)} tokens, each gets the bias {bias:g}")
        found.extend((number, bias) for number in ids)
    return found


def effective(params: Params, told: Mapping[str, Any]) -> tuple[Params, list[str]]:
    """``params`` with what the runtime tells of its own values, and a sentence for each that differs.

    It computes in single precision; a value that is the same there keeps the digits that were asked for.
    """
    changed: dict[str, Any] = {}
    for name in _SENT:
        asked, used = getattr(params, name), told.get(name)
        if isinstance(used, bool) or not isinstance(used, int | float):
            continue
        same = math.isclose(used, asked, rel_tol=1e-6, abs_tol=1e-9)
        if not same:
            changed[name] = type(asked)(used)
    sentences = [f"llamacpp used {name} {used}, not {getattr(params, name)}" for name, used in changed.items()]
    return replace(params, **changed), sentences
