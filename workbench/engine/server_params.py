"""Our parameters as fields of a request.

The standard has few; what llama.cpp, vLLM and others added is sent to servers that have it. Stop strings are watched
by the workbench and not sent: a stream does not tell a stop string from the model's own end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.param import Params, params_to_dict


@dataclass(frozen=True)
class Field:
    """The name in a request, and whether OpenAI's own interface has it."""

    name: str
    standard: bool = False


_STANDARD = ("temperature", "top_p", "max_tokens", "seed", "presence_penalty", "frequency_penalty")
_COMMON = ("top_k", "min_p", "repeat_penalty", "repeat_last_n")
# Servers that take llama.cpp's names for all its samplers.
_LLAMACPP = (
    *("typical_p", "top_n_sigma", "xtc_probability", "xtc_threshold", "dry_multiplier", "dry_base"),
    *("dry_allowed_length", "dry_penalty_last_n", "mirostat", "mirostat_tau", "mirostat_eta"),
)
_RENAMED: Mapping[str, Mapping[str, str]] = {"vllm": {"repeat_penalty": "repetition_penalty"}}
_WITHOUT: Mapping[str, Collection[str]] = {"vllm": ("repeat_last_n",), "ollama": _COMMON}


# Those whose /completions put the prompt into the chat template all the same: it is no raw prompt there.
TEMPLATED = ("ollama",)


def sent_value(name: str, value: Any, software: str) -> Any:
    """The value as this software writes it."""
    return -1 if software == "vllm" and name == "top_k" and value == 0 else value


def request_names(software: str) -> Mapping[str, Field]:
    """Our name to the request's, for what is worth sending to this software ("" is unknown)."""
    known = set(Params.__dataclass_fields__)
    names = [*_COMMON, *(_LLAMACPP if software == "llama.cpp" else ())]
    renamed, without = _RENAMED.get(software, {}), _WITHOUT.get(software, ())
    table = {name: Field(name, standard=True) for name in _STANDARD if name in known}
    table |= {name: Field(renamed.get(name, name)) for name in names if name in known and name not in without}
    return table


def off_values() -> dict[str, Any]:
    """Every sampler without effect."""
    return {
        "top_p": 1,
        "top_k": 0,
        "min_p": 0,
        "repeat_penalty": 1,
        "repeat_last_n": 64,
        "presence_penalty": 0,
        "frequency_penalty": 0,
    }


def request_fields(params: Params, software: str, *, rejected: Collection[str], tokens_field: str) -> dict[str, Any]:
    """The sampling part of a request; every value is sent that the server does not reject."""
    names = request_names(software)
    values = params_to_dict(params)
    sent = {item.name: values[name] for name, item in names.items() if name in values and name not in rejected}
    body = {name: sent_value(name, value, software) for name, value in sent.items()}
    if "max_tokens" in body:
        body[tokens_field] = body.pop("max_tokens")
    if software == "llama.cpp":
        body |= {"cache_prompt": not params.cold_cache, "return_progress": True, "timings_per_token": True}
    return body
