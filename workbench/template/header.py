"""The TOML header of a template: what may stand in it, and errors that name the key, the line and a near match."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.error import TemplateError, UsageError
from workbench.param import SPECS, parse_param
from workbench.template.slot import TYPES, SlotSpec, convert

KEYS: Mapping[str, type | tuple[type, ...]] = {
    "title": str,
    "description": str,
    "tags": list,
    "mode": str,
    "model": dict,
    "params": dict,
    "slots": dict,
    "variables": dict,
    "jinja": bool,
    "patterns": str,
    "weights": str,
    "axis": list,
    "check": list,
}
ENUMS: Mapping[str, tuple[str, ...]] = {
    "mode": ("chat", "raw"),
    "patterns": ("native", "slots", "off"),
    "weights": ("keep", "strip", "words", "guide"),
}
MODEL_KEYS = ("name", "engine")
SLOT_KEYS = ("type", "default", "choices", "example", "help")
Path = tuple[str, ...]
_NAMES = {str: "text", list: "a list", dict: "a table", bool: "true or false"}


@dataclass(frozen=True)
class Header:
    """A checked header; every field has the default that holds without a header."""

    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    mode: str = "chat"
    model: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    slots: Mapping[str, SlotSpec] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    jinja: bool = True
    patterns: str = "native"
    weights: str = "keep"
    axes: tuple[Mapping[str, Any], ...] = ()
    checks: tuple[Mapping[str, Any], ...] = ()


class HeaderReader:
    """Checks one parsed header; ``source`` is its text, for line numbers."""

    def __init__(self, data: Mapping[str, Any], source: str, file: str) -> None:
        self._data = data
        self._source = source
        self._file = file

    def read(self) -> Header:
        for key, value in self._data.items():
            self._known((key,), KEYS, "header key")
            if not isinstance(value, KEYS[key]):
                raise self._error((key,), f"{key} must be {_NAMES[KEYS[key]]}, not {value!r}")  # type: ignore[index]
        for key, allowed in ENUMS.items():
            if key in self._data and self._data[key] not in allowed:
                raise self._error((key,), f"{key} cannot be {self._data[key]!r}", "One of: " + ", ".join(allowed))
        if self._data.get("weights") == "guide":
            raise self._error(("weights",), 'weights = "guide" is not built yet', 'Use "keep", "strip" or "words".')
        data = self._data
        return Header(
            title=data.get("title", ""),
            description=data.get("description", ""),
            tags=tuple(str(tag) for tag in data.get("tags", ())),
            mode=data.get("mode", "chat"),
            model=self._model(),
            params=self._params(),
            slots={name: self._slot(name, spec) for name, spec in data.get("slots", {}).items()},
            variables=data.get("variables", {}),
            jinja=data.get("jinja", True),
            patterns=data.get("patterns", "native"),
            weights=data.get("weights", "keep"),
            axes=self._tables("axis"),
            checks=self._tables("check"),
        )

    def _model(self) -> dict[str, str]:
        for key, value in self._data.get("model", {}).items():
            self._known(("model", key), MODEL_KEYS, "key in [model]")
            if not isinstance(value, str):
                raise self._error(("model", key), f"model.{key} must be text, not {value!r}")
        return dict(self._data.get("model", {}))

    def _params(self) -> dict[str, Any]:
        params = {}
        for key, value in self._data.get("params", {}).items():
            self._known(("params", key), SPECS, "parameter")
            try:
                params[key] = parse_param(key, value)
            except UsageError as error:
                raise self._error(("params", key), error.message, error.hint) from error
        return params

    def _slot(self, name: str, spec: Any) -> SlotSpec:
        where = ("slots", name)
        if not re.fullmatch(r"[^\W\d]\w*|\d+", name):
            hint = "Use letters, digits and '_', or a number."
            raise self._error(where, f"{name!r} cannot be a slot's name", hint)
        if not isinstance(spec, dict):
            raise self._error(where, f"[slots.{name}] must be a table")
        for key in spec:
            self._known((*where, key), SLOT_KEYS, f"key in [slots.{name}]")
        if spec.get("type", "text") not in TYPES:
            message = f"type of slot {name!r} cannot be {spec['type']!r}"
            raise self._error((*where, "type"), message, "One of: " + ", ".join(TYPES))
        choices = spec.get("choices", [])
        if not isinstance(choices, list):
            raise self._error((*where, "choices"), f"choices of slot {name!r} must be a list")
        kind = spec.get("type", "choice" if choices else "text")
        if kind == "choice" and not choices:
            raise self._error(where, f"slot {name!r} is a choice without choices", 'Add choices = ["a", "b"].')
        texts = {key: str(spec.get(key, "")) for key in ("example", "help")}
        made = SlotSpec(name, kind, spec.get("default"), tuple(map(str, choices)), **texts)
        if made.default is not None and kind != "file":
            try:
                convert(made, made.default)
            except UsageError as error:
                message = f"default of slot {name!r}: {error.message}"
                raise self._error((*where, "default"), message, error.hint) from error
        return made

    def _tables(self, key: str) -> tuple[Mapping[str, Any], ...]:
        tables = self._data.get(key, [])
        if not all(isinstance(item, dict) for item in tables):
            raise self._error((key,), f"[[{key}]] must be tables")
        return tuple(tables)

    def _known(self, path: Path, known: Any, what: str) -> None:
        key = path[-1]
        if key in known:
            return
        from difflib import get_close_matches

        near = get_close_matches(key, list(known), n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Known: " + ", ".join(known)
        raise self._error(path, f"unknown {what} {key!r}", hint)

    def _error(self, path: Path, message: str, hint: str = "") -> TemplateError:
        line, column = locate(self._source, path)
        # The header's own first line is the file's second.
        return TemplateError(message, hint=hint, file=self._file, line=line + 1, column=column)


_TABLE = re.compile(r"[ \t]*\[+([^\]]+)\]+")
_ASSIGNED = re.compile(r"[ \t]*([^=#\[]+?)[ \t]*=")


def locate(source: str, path: Path) -> tuple[int, int]:
    """Line and column, from 1, of a key in TOML source; of the nearest table above it if it is not found as written.

    tomllib keeps no positions. Dotted keys and quotes are understood, keys inside inline tables are not.
    """
    best, place = 0, (1, 1)
    table: Path = ()
    for number, line in enumerate(source.split("\n"), start=1):
        if match := _TABLE.match(line):
            table = here = _parts(match[1])
        elif match := _ASSIGNED.match(line):
            here = (*table, *_parts(match[1]))
        else:
            continue
        if here == path:
            return number, match.start(1) + 1
        if len(here) > best and here == path[: len(here)]:
            best, place = len(here), (number, match.start(1) + 1)
    return place


def table_place(source: str, key: str, number: int) -> tuple[int, int]:
    """Line and column, from 1, of the ``number``-th (from 1) ``[[key]]`` in a template's or TOML text.

    If it is written otherwise, those of the key itself, or (1, 1).
    """
    pattern = re.compile(rf"[ \t]*(\[\[\s*{re.escape(key)}\s*\]\])")
    found = [(at, match) for at, line in enumerate(source.split("\n"), start=1) if (match := pattern.match(line))]
    if number > len(found):
        return locate(source, (key,))
    at, match = found[number - 1]
    return at, match.start(1) + 1


def _parts(dotted: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
