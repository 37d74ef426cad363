"""Values from headers, command lines, forms and records, as the parameters' types; and back to plain data."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from workbench.error import UsageError
from workbench.param.table import PARAMS, SPECS, ParamSpec
from workbench.param.values import Bias, Params


def parse_param(name: str, value: object) -> Any:
    """``value`` (TOML value or command-line text) as the parameter's type.

    Raises UsageError naming the parameter, the range and a near match for an unknown name.
    """
    spec = SPECS.get(name)
    if spec is None:
        from difflib import get_close_matches

        near = get_close_matches(name, SPECS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Known: " + ", ".join(SPECS)
        raise UsageError(f"unknown parameter {name!r}", hint=hint)
    try:
        parsed = _convert(spec, value)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        raise UsageError(f"{name} takes {spec.words}, not {value!r}", hint=spec.help) from None
    for number in [bias for _token, bias in parsed] if name == "logit_bias" else [parsed]:
        if isinstance(number, float | int) and not isinstance(number, bool):
            low, high = spec.low, spec.high
            # NaN fails both comparisons the right way round only when written like this.
            if not ((low is None or number >= low) and (high is None or number <= high)):
                message = f"{name} must lie between {low:.15g} and {high:.15g}, not {number:.15g}"
                raise UsageError(message, hint=spec.help)
    return parsed


def _convert(spec: ParamSpec, value: object) -> Any:
    if spec.optional and value in (None, "", "none", "random"):
        return None
    if spec.name == "logit_bias":
        return _bias(value)
    if spec.name == "json_schema":
        return _schema(value)
    if spec.kind is tuple:
        return _texts(spec, value)
    if spec.kind is bool:
        return _BOOLS[str(value).lower()]
    if spec.kind is str:
        if not isinstance(value, str):
            raise TypeError
        if spec.choices:
            return spec.choices[spec.choices.index(value.strip().lower())] if value.strip() else spec.default
        return value if value.strip() else ""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if spec.kind is int:
        if isinstance(value, float) and not value.is_integer():
            raise ValueError
        return int(value)
    return float(value)


_BOOLS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _texts(spec: ParamSpec, value: object) -> tuple[str, ...]:
    if isinstance(value, str) and spec.name != "stop" and value.startswith("["):
        value = json.loads(value)
    if isinstance(value, str):
        value = [value] if value else []
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
        raise TypeError
    if not value and spec.default:
        raise ValueError
    return tuple(value)


def _schema(value: object) -> str:
    """JSON text; of a text that is valid as it stands."""
    if isinstance(value, str):
        if not value.strip():
            return ""
        if not isinstance(json.loads(value), dict):
            raise TypeError
        return value
    if not isinstance(value, Mapping):
        raise TypeError
    return json.dumps(value, ensure_ascii=False) if value else ""


def _bias(value: object) -> Bias:
    """From a table, pairs, their JSON text, or ``token:bias, …``. Keys of digits are ids, as in OpenAI's interface; the
    text "42" can be given as a pair.
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        value = json.loads(value)
    if isinstance(value, str):
        value = dict(part.strip().rsplit(":", 1) for part in value.split(",") if part.strip())
    if isinstance(value, Mapping):
        value = [(int(key) if str(key).isascii() and str(key).isdigit() else key, bias) for key, bias in value.items()]
    if not isinstance(value, list | tuple):
        raise TypeError
    pairs = []
    for token, bias in value:
        if isinstance(token, bool) or not isinstance(token, int | str) or token == "" or isinstance(bias, bool):
            raise TypeError
        pairs.append((token, float(bias)))
    return tuple(pairs)


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
        out[field.name] = [_plain(item) for item in value] if isinstance(value, tuple) else value
    return out


def _plain(item: Any) -> Any:
    return list(item) if isinstance(item, tuple) else item


def params_from_record(values: Mapping[str, object]) -> Params:
    """What a record holds, in whatever range it was; what is missing or of another kind takes the default."""
    known: dict[str, Any] = {}
    for spec in PARAMS:
        value = values.get(spec.name)
        if spec.kind is tuple and spec.name != "logit_bias":
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                known[spec.name] = tuple(value)
        elif spec.kind is bool:
            known[spec.name] = value is True
        elif isinstance(value, str) == (spec.kind is str) and value is not None:
            with contextlib.suppress(KeyError, TypeError, ValueError, OverflowError, RecursionError):
                known[spec.name] = _convert(spec, value)
    return Params(**known)
