"""Checks as people write them: tables of a template's header, and short texts on a command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from workbench.compare.check_spec import KINDS, CheckSpec
from workbench.compare.check_value import fault
from workbench.error import ConfigError, TemplateError, UsageError
from workbench.template.header import table_place
from workbench.textio import toml_loads

COMMON = ("not", "weight", "threshold", "name")
# Further keys of a [[check]] table, by kind.
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "json": ("extract",),
    "json-schema": ("extract",),
    "judge": ("model", "engine", "against"),
}
_KEYS = re.compile(r"\s(?P<key>weight|threshold)\s*=\s*(?P<value>\d*\.?\d+)\s*\Z")
# Their values are names or whole answers, so that a comma or a bracket is no part of one.
_LISTED = ("script", "language", "finish", "one-of")
_TEXT = re.compile(r"\s*(?P<negate>not\s+)?(?P<kind>[a-z][a-z-]*)\s*(?P<rest>.*)\Z", re.DOTALL)


def parse_checks(tables: Sequence[Mapping[str, Any]], *, file: str, source: str = "") -> tuple[CheckSpec, ...]:
    """The ``[[check]]`` tables of a header. Raises TemplateError that names the table, in ``source`` (the whole
    template) its line, and a near match.
    """
    specs = []
    for number, table in enumerate(tables, start=1):
        try:
            specs.append(_from_table(table))
        except UsageError as error:
            raise _placed(error, number, file, source) from error
    return distinct(specs)


def check_faults(tables: Sequence[Mapping[str, Any]], *, file: str, source: str) -> list[TemplateError]:
    """What is wrong in each of the tables, as ``parse_checks`` says it of the first."""
    faults = []
    for number, table in enumerate(tables, start=1):
        try:
            _from_table(table)
        except UsageError as error:
            faults.append(_placed(error, number, file, source))
    return faults


def _placed(error: UsageError, number: int, file: str, source: str) -> TemplateError:
    line, column = table_place(source, "check", number) if source else (0, 0)
    message = f"[[check]] number {number}: {error.message}"
    return TemplateError(message, hint=error.hint, file=file, line=line, column=column)


def distinct(specs: Sequence[CheckSpec]) -> tuple[CheckSpec, ...]:
    """Tables and marks know checks by their labels: a second one of the same label gets a number."""
    seen: dict[str, int] = {}
    out = []
    for spec in specs:
        count = seen[spec.label] = seen.get(spec.label, 0) + 1
        out.append(spec if count == 1 else replace(spec, name=f"{spec.label} #{count}"))
    return tuple(out)


def _from_table(table: Mapping[str, Any]) -> CheckSpec:
    kinds = [key for key in table if key in KINDS]
    if len(kinds) != 1:
        unknown = [key for key in table if key not in COMMON and key not in KINDS]
        if unknown and not kinds:
            raise _unknown("kind of check", unknown[0], KINDS)
        told = " and ".join(kinds)
        raise UsageError(
            f"one table is one check, not {told}" if kinds else "it does not say what to check",
            hint='For example: contains = "London"',
        )
    kind = kinds[0]
    options = OPTIONS.get(kind, ())
    for key in table:
        if key != kind and key not in COMMON and key not in options:
            raise _unknown(f"key of a {kind} check", key, (*COMMON, *options))
    weight = _number(table, "weight", 1e6)
    spec = CheckSpec(
        kind,
        table[kind],
        negate=_typed(table, "not", bool, False),
        weight=1.0 if weight is None else weight,
        threshold=_number(table, "threshold", 1),
        name=_typed(table, "name", str, ""),
        options={key: table[key] for key in options if key in table},
    )
    return checked(spec)


def _typed(table: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    value = table.get(key, default)
    if not isinstance(value, kind):
        raise UsageError(f"{key} must be {'true or false' if kind is bool else 'text'}, not {value!r}")
    return value


def _number(table: Mapping[str, Any], key: str, most: float) -> float | None:
    if key not in table:
        return None
    value = table[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise UsageError(f"{key} must be a number from 0 to {most:g}, not {value!r}")
    return float(value)


def _unknown(what: str, name: str, known: Iterable[str]) -> UsageError:
    near = get_close_matches(name, list(known), n=1)
    return UsageError(
        f"unknown {what} {name!r}", hint=f"Did you mean {near[0]!r}?" if near else "Known: " + ", ".join(known)
    )


def parse_check_text(text: str) -> CheckSpec:
    """A check as it stands on a command line: ``contains=London``, ``not regex=^Sorry``, ``words<=50``, ``json``, or a
    table as in a header, ``{contains = ["a", "b"], weight = 2}``.

    Raises UsageError with a near match.
    """
    if text.lstrip().startswith("{"):
        return _from_table(_inline(text))
    hint = "For example: contains=London, 'not regex=^Sorry', 'words<=50', json, '{contains = [\"a\"], weight = 2}'"
    match = _TEXT.match(text)
    if match is None:
        raise UsageError(f"this is no check: {text!r}", hint=hint)
    kind, rest = match["kind"], match["rest"]
    if kind not in KINDS:
        raise _unknown("kind of check", kind, KINDS)
    value: Any = True
    if rest.startswith(("<", ">")):
        value = rest
    elif rest.startswith("="):
        written = rest.removeprefix("=").removeprefix("=")
        _refuse_keys(kind, written)
        value = _text_value(kind, written)
    elif rest:
        raise UsageError(f"this is no check: {text!r}", hint=hint)
    return checked(CheckSpec(kind, value, negate=match["negate"] is not None))


def _inline(text: str) -> Mapping[str, Any]:
    """The table that is written in braces, on one line or several. Raises UsageError."""
    try:
        data = toml_loads(f"check = {text.strip()}")
    except ConfigError as error:
        hint = """For example: '{contains = ["a", "b"], weight = 2}'"""
        raise UsageError(f"this is no table of a check: {text.strip()!r}", hint=hint) from error
    table = data.pop("check")
    if data or not isinstance(table, Mapping):
        raise UsageError(f"this is more than one check: {text.strip()!r}", hint="Give each a --check of its own.")
    return table


def _refuse_keys(kind: str, written: str) -> None:
    """A text that ends in a weight or threshold is not meant as text. Raises UsageError."""
    if match := _KEYS.search(written):
        rest = written[: match.start()].strip()
        table = f"{{{kind} = {json.dumps(rest, ensure_ascii=False)}, {match['key']} = {match['value']}}}"
        where = f"Write a table: --check '{table}'. If the text is meant: {{{kind} = {json.dumps(written.strip())}}}"
        raise UsageError(f"{match[0].strip()!r} would be a part of the text", hint=where)


def _text_value(kind: str, text: str) -> Any:
    if kind in _LISTED:
        names = _array(text) or [item.strip() for item in text.split(",") if item.strip()]
        return names if len(names) > 1 or kind == "one-of" else text.strip() if not names else names[0]
    if kind == "no-repeat" and text.strip().isdigit():
        return int(text)
    if kind == "json" and text.strip() in ("true", "yes"):
        return True
    return text


def _array(text: str) -> list[Any]:
    """A list written as in a header, ``["Latin", "Han"]``; empty for anything else."""
    try:
        found = toml_loads(f"list = {text.strip()}").get("list") if text.strip().startswith("[") else None
    except ConfigError:
        return []
    return found if isinstance(found, list) else []


def checked(spec: CheckSpec) -> CheckSpec:
    """The same check, when its value is one that the kind can use. Raises UsageError.

    A value that refers to variables is looked at when it is known.
    """
    if not spec.refers and (problem := fault(spec)):
        raise UsageError(f"{spec.kind}: {problem[0]}", hint=problem[1])
    return spec
