"""The sampling parameters: one table declares name, type, range, default, engines and help; all else derives from it.

Names follow llama.cpp. Engines always receive the full, explicit set, so that two engines compare: gpt4all's own
defaults (top_p 0.4, repeat_penalty 1.18) differ from llama.cpp's.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from workbench.error import UsageError


@dataclass(frozen=True, slots=True)
class Params:
    """All sampling values of a run. ``seed`` None draws one; ``n_ctx`` and ``n_threads`` 0 mean automatic."""

    temperature: float = 0.7
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.1
    repeat_last_n: int = 64
    max_tokens: int = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()
    n_ctx: int = 0
    n_threads: int = 0
    cold_cache: bool = False

    @property
    def greedy(self) -> bool:
        """True when the most probable token is always taken."""
        return self.temperature == 0 or self.top_k == 1


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """One row of the table. ``low`` and ``high`` are inclusive bounds; None is open."""

    name: str
    kind: type
    help: str
    low: float | None = None
    high: float | None = None
    optional: bool = False
    engines: tuple[str, ...] = ("llamacpp", "gpt4all", "scripted", "server")


PARAMS: tuple[ParamSpec, ...] = (
    ParamSpec("temperature", float, "randomness; 0 always takes the most probable token", 0, 5),
    ParamSpec("top_k", int, "sample among the k most probable tokens; 0 is off", 0, 1_000_000),
    ParamSpec("top_p", float, "sample among the fewest tokens whose probabilities reach this sum; 1 is off", 0, 1),
    ParamSpec("min_p", float, "drop tokens less probable than this share of the best; 0 is off", 0, 1),
    ParamSpec("repeat_penalty", float, "above 1 makes repeats less likely; 1 is off", 0.01, 10),
    ParamSpec("repeat_last_n", int, "how many last tokens the repeat penalty looks at; 0 is off", 0, 1_000_000),
    ParamSpec("max_tokens", int, "longest answer, in tokens", 1, 1_000_000),
    ParamSpec("seed", int, "start of the random numbers; empty draws a new one each run", 0, 2**32 - 2, optional=True),
    ParamSpec("stop", tuple, "strings that end the answer; the string itself is not part of it"),
    ParamSpec("n_ctx", int, "context length in tokens; 0 chooses one that fits", 0, 10_000_000),
    ParamSpec("n_threads", int, "processor threads; 0 chooses", 0, 512),
    ParamSpec("cold_cache", bool, "read the whole prompt anew, as exact repetition needs"),
)
SPECS: Mapping[str, ParamSpec] = {spec.name: spec for spec in PARAMS}


def parse_param(name: str, value: object) -> Any:
    """``value`` (TOML value or command-line text) as the parameter's type.

    Raises UsageError naming the parameter, the range and a near match for an unknown name.
    """
    spec = SPECS.get(name)
    if spec is None:
        near = difflib.get_close_matches(name, SPECS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Known: " + ", ".join(SPECS)
        raise UsageError(f"unknown parameter {name!r}", hint=hint)
    try:
        parsed = _convert(spec, value)
    except (TypeError, ValueError, OverflowError):
        words: dict[Any, str] = {tuple: "text or a list of texts", bool: "true or false"}
        wanted = words.get(spec.kind, f"a number ({spec.kind.__name__})")
        raise UsageError(f"{name} takes {wanted}, not {value!r}", hint=spec.help) from None
    if isinstance(parsed, float | int) and not isinstance(parsed, bool):
        low, high = spec.low, spec.high
        # NaN fails both comparisons the right way round only when written like this.
        if not ((low is None or parsed >= low) and (high is None or parsed <= high)):
            raise UsageError(f"{name} must lie between {low:g} and {high:g}, not {value}", hint=spec.help)
    return parsed


def _convert(spec: ParamSpec, value: object) -> object:
    if spec.optional and value in (None, "", "none", "random"):
        return None
    if spec.kind is tuple:
        if isinstance(value, str):
            return (value,) if value else ()
        if isinstance(value, list | tuple) and all(isinstance(item, str) and item for item in value):
            return tuple(value)
        raise TypeError
    if spec.kind is bool:
        text = str(value).lower()
        if text in ("true", "yes", "on", "1"):
            return True
        if text in ("false", "no", "off", "0"):
            return False
        raise ValueError
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if spec.kind is int:
        if isinstance(value, float) and not value.is_integer():
            raise ValueError
        return int(value)
    return float(value)


def params_from(values: Mapping[str, object], base: Params | None = None) -> Params:
    """``base`` (default: the table's defaults) with ``values`` checked and set over it. Raises UsageError."""
    parsed = {name: parse_param(name, value) for name, value in values.items()}
    return replace(base or Params(), **parsed)


def params_to_dict(params: Params) -> dict[str, Any]:
    """Plain values for TOML and JSON; an unset seed is left out, tuples become lists."""
    out: dict[str, Any] = {}
    for field in fields(params):
        value = getattr(params, field.name)
        if value is None:
            continue
        out[field.name] = list(value) if isinstance(value, tuple) else value
    return out
