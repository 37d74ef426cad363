"""Our parameters as fields of a request, from the one table of parameters.

The standard has few; llama.cpp's server takes all under our own names, others some. What a server is not known to have
is not sent, and where leaving it out would give an answer of another kind the run is refused. Stop strings are watched
by the workbench and not sent: a stream does not tell a stop string from the model's own end.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.param import PARAMS, SPECS, Params

Software = str  # one of ``llama.cpp vllm ollama lmstudio``, or "" for any other


@dataclass(frozen=True)
class Field:
    """The name in a request, and whether OpenAI's own interface has it."""

    name: str
    standard: bool = False


_STANDARD = ("temperature", "top_p", "max_tokens", "seed", "presence_penalty", "frequency_penalty", "logit_bias")
_COMMON = ("top_k", "min_p", "repeat_penalty", "repeat_last_n")
# Of the workbench, or of the server's start.
_OWN = ("stop", "n_ctx", "n_threads", "cold_cache", "cache_type", "logprobs")
_RENAMED: Mapping[Software, Mapping[str, str]] = {"vllm": {"repeat_penalty": "repetition_penalty"}}
_MORE: Mapping[Software, Collection[str]] = {"vllm": ("ignore_eos",)}
_WITHOUT: Mapping[Software, Collection[str]] = {"vllm": ("repeat_last_n",), "ollama": (*_COMMON, "logit_bias")}
# Those whose /completions put the prompt into the chat template all the same: it is no raw prompt there.
TEMPLATED = ("ollama",)


def request_names(software: Software) -> Mapping[str, Field]:
    """Our name to the request's, for what this software is known or likely to have."""
    if software == "llama.cpp":
        return {spec.name: Field(spec.name, spec.name in _STANDARD) for spec in PARAMS if spec.name not in _OWN}
    names = [*_STANDARD, *_COMMON, "json_schema", *_MORE.get(software, ())]
    renamed, without = {"json_schema": "response_format", **_RENAMED.get(software, {})}, _WITHOUT.get(software, ())
    return {
        name: Field(renamed.get(name, name), name in _STANDARD)
        for name in names
        if name in SPECS and name not in without
    }


def off_values() -> dict[str, Any]:
    """Every sampler without effect."""
    return {spec.name: spec.off for spec in PARAMS if spec.group in ("common", "repetition", "samplers")}


def request_fields(values: Mapping[str, Any], software: Software, *, rejected: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a request for our values; constraints only when they are set."""
    body: dict[str, Any] = {}
    for name, item in request_names(software).items():
        value = values.get(name)
        idle = SPECS[name].group == "constraints" and value == SPECS[name].off
        if value is not None and name not in rejected and not idle:
            body[item.name] = _encoded(name, value, software)
    return body


def logprob_fields(count: int, *, raw: bool) -> dict[str, Any]:
    """Ask for each token's probability and ``count`` alternatives; nothing for 0."""
    if not count:
        return {}
    return {"logprobs": count} if raw else {"logprobs": True, "top_logprobs": count}


def impossible(params: Params, software: Software, *, rejected: Collection[str]) -> str:
    """The first parameter that is set, that this server does not have, and that cannot be left out; or ""."""
    names = request_names(software)
    for spec in PARAMS:
        if spec.must and getattr(params, spec.name) != spec.off and (spec.name not in names or spec.name in rejected):
            return spec.name
    if software != "llama.cpp" and any(isinstance(token, str) for token, _ in params.logit_bias):
        # Only llama.cpp looks texts up in its vocabulary.
        return "logit_bias"
    return ""


def _encoded(name: str, value: Any, software: Software) -> Any:
    if name == "top_k" and value == 0 and software == "vllm":
        return -1
    if name == "json_schema":
        schema = json.loads(value)
        if software == "llama.cpp":
            return schema
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    if name == "logit_bias":
        return (
            [list(pair) for pair in value] if software == "llama.cpp" else {str(token): bias for token, bias in value}
        )
    return list(value) if isinstance(value, tuple) else value
