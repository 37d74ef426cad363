"""Parameters for one engine: what it lacks is said or refused, and never sent to it in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workbench.error import UsageError
from workbench.param.table import PARAMS, SPECS, ParamSpec
from workbench.param.values import Params


def lacking(params: Params, engine: str) -> list[ParamSpec]:
    """What ``params`` sets to something with an effect that ``engine`` does not have."""
    return [
        spec
        for spec in PARAMS
        if engine not in spec.engines
        and getattr(params, spec.name) != spec.off
        and not (spec.only_with and getattr(params, spec.only_with) == SPECS[spec.only_with].off)
    ]


def unavailable(engine: str) -> list[str]:
    """The names of all that ``engine`` does not have."""
    return [spec.name for spec in PARAMS if engine not in spec.engines]


def fit_params(params: Params, engine: str) -> tuple[Params, tuple[str, ...]]:
    """The values that ``engine`` will really use, and a sentence for each that it does not have.

    Raises UsageError where leaving one out would give an answer of another kind (a grammar), or where two exclude each
    other.
    """
    if params.grammar and params.json_schema:
        raise UsageError("grammar and json_schema exclude each other", hint="Leave one of them empty.")
    sentences = []
    for spec in lacking(params, engine):
        having = " and ".join(name for name in spec.engines if name != "scripted")
        if spec.must:
            hint = f"Engines that have it: {having}. Choose one, or leave {spec.name} out."
            raise UsageError(f"the engine {engine} has no {spec.name}", hint=hint)
        sentences.append(f"{engine} has no {spec.name}: it is left out ({having} have it)")
    off = {name: SPECS[name].off for name in unavailable(engine)}
    return replace(params, **off), tuple(sentences)


# Settings that people know by name, as what they change; the rest keeps its neutral or default value.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "greedy": {"temperature": 0.0, "repeat_penalty": 1.0},
    "precise": {"temperature": 0.2, "top_k": 40, "top_p": 0.9, "min_p": 0.05, "repeat_penalty": 1.05},
    "balanced": {"temperature": 0.7, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "repeat_penalty": 1.1},
    "creative": {"temperature": 1.1, "top_k": 0, "top_p": 1.0, "min_p": 0.05, "repeat_penalty": 1.05},
    "llama.cpp": {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05, "repeat_penalty": 1.0},
    "gpt4all": {"temperature": 0.7, "top_k": 40, "top_p": 0.4, "min_p": 0.0, "repeat_penalty": 1.18},
    "neutral": {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0},
}
