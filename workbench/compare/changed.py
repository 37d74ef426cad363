"""What went differently into two runs, and what came out differently in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.param import params_to_dict
from workbench.record import RunRequest, RunResult

_MISSING = "-"


@dataclass(frozen=True, slots=True)
class Change:
    """One input, as people call it; a value that one run has not is ``-``."""

    name: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Delta:
    """One measure of both outputs."""

    name: str
    left: float
    right: float

    @property
    def difference(self) -> float:
        return self.right - self.left


def changed_inputs(left: RunRequest, right: RunRequest) -> list[Change]:
    """Every input that differs: template, variables, prompt, model, parameters, engine; equal ones are left out."""
    return [Change(name, _shown(one), _shown(other)) for name, one, other in _inputs(left, right) if one != other]


def _inputs(a: RunRequest, b: RunRequest) -> Iterator[tuple[str, Any, Any]]:
    yield "template", a.template.path, b.template.path
    if a.template.path == b.template.path:
        yield "template.source", a.template.sha256[:12], b.template.sha256[:12]
    yield from _tables("variables", a.variables, b.variables)
    yield "prompt", a.prompt.plain, b.prompt.plain
    if a.prompt.plain == b.prompt.plain:
        yield "prompt.model_text", a.prompt.model_text, b.prompt.model_text
    yield "model", a.model.file, b.model.file
    if a.model.file == b.model.file:
        yield "model.fingerprint", a.model.fingerprint, b.model.fingerprint
    yield from _tables("params", params_to_dict(a.params), params_to_dict(b.params))
    yield "engine", a.engine, b.engine
    if a.engine == b.engine:
        for name in ("engine_version", "device", "threads", "n_ctx", "n_batch", "cache"):
            yield f"engine.{name.removeprefix('engine_')}", getattr(a, name), getattr(b, name)


def _tables(name: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for key in dict.fromkeys([*a, *b]):
        yield f"{name}.{key}", a.get(key, _MISSING), b.get(key, _MISSING)


def _shown(value: Any) -> str:
    if value is None:
        return _MISSING
    return ", ".join(map(repr, value)) if isinstance(value, list | tuple) else str(value)


def deltas(left: RunResult, right: RunResult) -> list[Delta]:
    """Times in ms, tokens in the engine's unit; measures that neither run has are left out."""
    pairs = [
        ("tokens_out", left.tokens_out, right.tokens_out),
        ("tokens_per_s", _rate(left), _rate(right)),
        ("ms_first", left.ms_first, right.ms_first),
        ("ms_total", left.ms_total, right.ms_total),
    ]
    return [Delta(name, a, b) for name, a, b in pairs if a or b]


def _rate(result: RunResult) -> float:
    seconds = (result.ms_total - result.ms_first) / 1000
    return round((result.tokens_out - 1) / seconds, 2) if result.tokens_out > 1 and seconds > 0 else 0.0
