"""Whether an output is JSON, and whether it fits a schema.

A schema may come from a stranger as well: its patterns are bounded in time like any other, and nothing it points to is
fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from workbench.compare.check_text import compiled, found
from workbench.error import UsageError

if TYPE_CHECKING:
    from workbench.compare.check_spec import CheckSpec, Subject

TEXT_CHARS = 1_000_000
_MISSING = object()


def check_json(spec: CheckSpec, subject: Subject) -> tuple[float, str]:
    value, why = json_value(subject.text, extract=bool(spec.options.get("extract")))
    return (0.0, why) if value is _MISSING else (1.0, f"JSON: {_kind(value)}")


def check_schema(spec: CheckSpec, subject: Subject) -> tuple[float, str]:
    """1 when it fits, else 0; the first few faults are named."""
    value, why = json_value(subject.text, extract=bool(spec.options.get("extract")))
    if value is _MISSING:
        return 0.0, why
    faults = schema_faults(schema_of(spec.value), value)
    return (0.0, "; ".join(faults)) if faults else (1.0, "fits the schema")


def json_value(text: str, *, extract: bool) -> tuple[Any, str]:
    """The value of the whole text, or with ``extract`` of the first object or array in it; else why there is none."""
    if len(text) > TEXT_CHARS:
        return _MISSING, f"longer than {TEXT_CHARS} characters"
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    try:
        return decoder.decode(text.strip()), ""
    except (ValueError, RecursionError) as error:
        why = str(error)
    if extract:
        starts = [at for at, character in enumerate(text) if character in "{["]
        for at in starts[:200]:
            try:
                return decoder.raw_decode(text, at)[0], ""
            except (ValueError, RecursionError):
                continue
    return _MISSING, f"no JSON: {why}"


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def schema_of(value: Any) -> Any:
    """A schema given as a table or as JSON. Raises UsageError."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the schema is no JSON: {error}") from error


def schema_fault(schema: Any) -> str:
    """What is wrong with a schema; empty when nothing is."""
    from jsonschema import Draft202012Validator, SchemaError

    if not isinstance(schema, Mapping | bool):
        return "a schema is a table"
    if _names_patterns(schema):
        return "patternProperties cannot be used, its patterns have no time limit"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return error.message[:200]
    return ""


def schema_faults(schema: Any, value: Any, *, limit: int = 3) -> list[str]:
    """Up to ``limit`` faults of ``value`` with their places. Raises UsageError for a schema that cannot be used."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    if problem := schema_fault(schema):
        raise UsageError(f"the schema is wrong: {problem}")
    own = {"pattern": _pattern, "uniqueItems": _unique}
    made: Any = extend(Draft202012Validator, own)  # type: ignore[no-untyped-call]
    # An empty registry: the default one would fetch what a schema points to.
    validator = made(schema, registry=Registry())
    faults = []
    try:
        for error in validator.iter_errors(value):
            place = "/".join(map(str, error.absolute_path))
            faults.append(f"{place}: {error.message[:120]}" if place else error.message[:120])
            if len(faults) == limit:
                break
    except (Unresolvable, RecursionError) as error:
        raise UsageError(f"the schema cannot be used: {error}", hint="It must stand alone.") from error
    return faults


def _pattern(_validator: Any, wanted: str, instance: Any, _schema: Any) -> Iterator[Any]:
    """The library's own has no time limit."""
    from jsonschema import ValidationError

    if isinstance(instance, str) and found(compiled(wanted), instance) is None:
        yield ValidationError(f"{instance[:60]!r} does not match {wanted!r}")


def _unique(_validator: Any, wanted: bool, instance: Any, _schema: Any) -> Iterator[Any]:
    """The library's own takes quadratic time."""
    from jsonschema import ValidationError

    if wanted and isinstance(instance, list) and len({_canonical(item) for item in instance}) < len(instance):
        yield ValidationError("two items are the same")


def _canonical(value: Any) -> str:
    """One text for equal values; 1 and 1.0 are one number."""

    def plain(item: Any) -> Any:
        if isinstance(item, float) and item.is_integer():
            return int(item)
        if isinstance(item, list):
            return [plain(inner) for inner in item]
        return {key: plain(inner) for key, inner in item.items()} if isinstance(item, dict) else item

    return json.dumps(plain(value), sort_keys=True)


def _names_patterns(schema: Any) -> bool:
    if isinstance(schema, Mapping):
        return "patternProperties" in schema or any(map(_names_patterns, schema.values()))
    return isinstance(schema, list) and any(map(_names_patterns, schema))
