"""Changes single keys of a TOML file that people edit by hand; comments, order and blanks stay.

``tomllib`` drops comments, so that the text itself is changed: one key, one line. Parsing both versions then
proves that this key changed and nothing else; where that cannot be had the file is left alone.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from workbench.error import ConfigError
from workbench.textio import toml_dumps, toml_loads

_HEADER = re.compile(r"\s*\[{1,2}[^\]]+\]{1,2}\s*(#.*)?\Z")


def set_key(text: str, key: str, value: Any, *, table: tuple[str, ...] = (), file: str = "") -> str:
    """``text`` with ``key`` of ``table`` set; None removes it.

    Raises ConfigError when ``text`` is no TOML, or no line edit has exactly this effect.
    """
    before = toml_loads(text, file=file)
    wanted = _with(before, key, value, table)
    if wanted == before:
        return text
    for candidate in _candidates(text, key, value, table):
        try:
            if toml_loads(candidate) == wanted:
                return candidate
        except ConfigError:
            continue
    name = ".".join([*table, key])
    raise ConfigError(
        f"{file or 'the file'} is written in a way that {name} cannot be changed", hint="Edit it by hand."
    )


def _with(data: dict[str, Any], key: str, value: Any, table: tuple[str, ...]) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    inner: Any = changed
    for name in table:
        if not isinstance(inner, dict) or (value is None and name not in inner):
            return data
        inner = inner.setdefault(name, {})
    if not isinstance(inner, dict):
        return data
    if value is None:
        inner.pop(key, None)
    else:
        inner[key] = value
    return changed


def _candidates(text: str, key: str, value: Any, table: tuple[str, ...]) -> list[str]:
    """Texts that may be it: the key's lines replaced, the line put at the table's head, the table added."""
    lines = text.split("\n")
    new = [] if value is None else toml_dumps({key: value}).rstrip("\n").split("\n")
    start, stop = _section(lines, table)
    out = []
    if start is not None:
        for at in range(start, stop):
            if _names(lines[at], key):
                # A value may go over several lines, so that each end is tried.
                for end in range(at + 1, min(stop, at + 200) + 1):
                    kept = _comment(lines[at]) if end == at + 1 and len(new) == 1 else ""
                    head = [new[0] + kept, *new[1:]] if new else []
                    out.append("\n".join([*lines[:at], *head, *lines[end:]]))
        last = next((at for at in range(stop, start, -1) if lines[at - 1].strip()), start)
        out.append("\n".join([*lines[:last], *new, *lines[last:]]))
        out.append("\n".join([*lines[:start], *new, *lines[start:]]))
    if table:
        data: Any = {key: value}
        for name in reversed(table):
            data = {name: data}
        tail = "" if text.endswith("\n") or not text else "\n"
        out.append(text + tail + ("\n" if text else "") + (toml_dumps(data) if value is not None else ""))
    return out


def _section(lines: list[str], table: tuple[str, ...]) -> tuple[int | None, int]:
    """First line after the table's header, and first of the next table."""
    heads = [at for at, line in enumerate(lines) if _HEADER.match(line)]
    if not table:
        return 0, heads[0] if heads else len(lines)
    for index, at in enumerate(heads):
        if _is_header(lines[at], table):
            return at + 1, heads[index + 1] if index + 1 < len(heads) else len(lines)
    return None, 0


def _is_header(line: str, table: tuple[str, ...]) -> bool:
    try:
        data: Any = toml_loads(line)
    except ConfigError:
        return False
    for name in table:
        data = data.get(name) if isinstance(data, dict) else None
    return bool(data == {})


def _names(line: str, key: str) -> bool:
    head = line.lstrip()
    return head.startswith((f"{key} ", f"{key}=", f'"{key}"', f"'{key}'", f"{key}\t"))


def _comment(line: str) -> str:
    """The comment after a value on one line; empty when there is none, or it cannot be told apart."""
    for match in re.finditer(r"\s+#", line):
        try:
            if toml_loads(line[: match.start()]) == toml_loads(line):
                return line[match.start() :].rstrip("\r")
        except ConfigError:
            continue
    return ""
