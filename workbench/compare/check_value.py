"""What is wrong with the value of a check, found before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

from workbench.error import UsageError
from workbench.event import FinishReason

if TYPE_CHECKING:
    from workbench.compare.check_spec import CheckSpec

_FINISH = tuple(name for name in get_args(FinishReason) if name)
Fault = tuple[str, str]


def fault(spec: CheckSpec) -> Fault | None:
    """Message and hint; None when the value can be used."""
    try:
        match spec.kind:
            case "contains" | "icontains" | "regex" | "equals" | "starts" | "ends" | "one-of" | "script" | "language":
                return _texts(spec)
            case "finish":
                return _texts(spec) or _among(spec.value, _FINISH, "end")
            case "words" | "chars" | "tokens":
                from workbench.compare.check_range import parse_range

                parse_range(spec.value)
            case "json":
                return None if spec.value is True else ("it takes no value", "Write json = true.")
            case "no-repeat":
                return _sequence(spec.value)
            case "json-schema":
                return _schema(spec.value)
            case "python":
                return _function(spec.value)
            case "judge":
                return _texts(spec)
    except UsageError as error:
        return error.message, error.hint
    return None


def _texts(spec: CheckSpec) -> Fault | None:
    items = spec.value if isinstance(spec.value, list | tuple) else [spec.value]
    if not items or not all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in items):
        return "it needs a text, or a list of texts", f'For example: {spec.kind} = "London"'
    if spec.kind in ("contains", "icontains", "regex", "starts", "ends", "judge") and "" in items:
        return "an empty text is in every output", ""
    if spec.kind == "regex":
        from workbench.compare.check_text import compiled

        for item in items:
            compiled(str(item))
    if spec.kind == "script":
        from workbench.compare.check_script import SCRIPTS

        return _among(spec.value, SCRIPTS, "script")
    if spec.kind == "language":
        from workbench.compare.check_script import LANGUAGES

        problem = _among(spec.value, LANGUAGES, "language")
        hint = "Known: " + ", ".join(LANGUAGES) + ". Languages in Latin script are not told apart: use script or judge."
        return (problem[0], hint) if problem else None
    return None


def _among(value: Any, known: Iterable[str], what: str) -> Fault | None:
    names = list(known)
    for item in value if isinstance(value, list | tuple) else [value]:
        if item not in names:
            near = get_close_matches(str(item).title() if what == "script" else str(item), names, n=1)
            return f"unknown {what} {item!r}", f"Did you mean {near[0]!r}?" if near else "Known: " + ", ".join(names)
    return None


def _sequence(value: Any) -> Fault | None:
    if value is True or (isinstance(value, int) and 1 <= value <= 50):
        return None
    return "it takes a number of words from 1 to 50, or true", "Write no-repeat = 4."


def _schema(value: Any) -> Fault | None:
    from workbench.compare.check_json import schema_fault, schema_of

    if isinstance(value, str) and not value.lstrip().startswith("{"):
        # A file; the scorer reads it.
        return None if value.strip() else ("it needs a schema", "A table, or the name of a file.")
    problem = schema_fault(schema_of(value))
    return (problem, "Mend the schema: it is JSON Schema, draft 2020-12.") if problem else None


def _function(value: Any) -> Fault | None:
    if isinstance(value, str):
        file, _, name = value.rpartition(":")
        if file.endswith(".py") and name.isidentifier():
            return None
    return "it names a function of a file", 'For example: python = "checks/tone.py:polite"'
