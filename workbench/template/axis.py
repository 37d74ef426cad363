"""Axes: ``target = values``. Values of one axis, joined axes, rows of files, their order and their labels.

Numbers: ``1-5``, ``1-5 (+2)``, ``10-4 (-3)``, ``0-1 [5]``, computed in decimals; the end is included when hit and
never overshot. Text: CSV with ``"`` quotes, blanks after commas ignored; ranges are not expanded. Pure data: a grid is
planned elsewhere.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import prod
from pathlib import Path
from typing import Any, Literal

from workbench.error import UsageError
from workbench.realpath import real_path
from workbench.textio import read_text

AxisKind = Literal["int", "float", "str"]
Value = int | float | str

MAX_VALUES = 100_000
_DIGITS = 300
_NUMBER_HINT = "write 1, 2, 3 or 1-5 or 1-5 (+2) or 0-1 [5]"
INT_TARGETS = frozenset({"seed", "max_tokens", "top_k"})
FLOAT_TARGETS = frozenset({"temperature", "top_p", "min_p", "repeat_penalty"})

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_STEP = r"[+-]?\s*(?:\d+\.?\d*|\.\d+)"
_RANGE = re.compile(rf"({_NUMBER})\s*-\s*({_NUMBER})(?:\s*\(\s*({_STEP})\s*\)|\s*\[\s*(\d{{1,9}})\s*\])?")
_LIST = re.compile(r"__((?:(?!__)[\w\-./*])+)__")
_LINE = re.compile(r"\s*(?P<target>\([^()=]*\)|replace\s+\"[^\"]*\"|[\w.]+)\s*=(?P<values>.*)", re.S)


class AxisError(UsageError, ValueError):
    """Values or a target that cannot be read; the message names them."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis. ``rows`` holds one value per target; ``every`` is ``name = *``, all options of a named pick."""

    targets: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    every: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(label(row) for row in self.rows)


def axis_values(
    kind: AxisKind, text: str, *, folder: Path | None = None, lists: Mapping[str, Sequence[str]] | None = None
) -> list[Value]:
    """The values of one axis. Raises AxisError, which is a ValueError.

    ``@file`` (one value per line) is read from ``folder``, ``__list__`` from ``lists``.
    """
    text = text.strip()
    if text.startswith("@"):
        items = [line for line in _read(text[1:].strip(), folder).splitlines() if line.strip()]
    elif match := _LIST.fullmatch(text):
        if lists is None or match.group(1) not in lists:
            raise AxisError(f"no list {match.group(1)!r}", hint="put it into the wildcards folder")
        items = list(lists[match.group(1)])
    else:
        items = _csv_items(text)
    if kind == "str":
        return list(items)
    values: list[Value] = []
    for item in items:
        if item.strip():
            values += _numbers(kind, item.strip(), MAX_VALUES - len(values))
    return values


def is_range(text: str) -> bool:
    """Whether it would be several numbers on an axis of numbers."""
    return _RANGE.fullmatch(text.strip()) is not None


def _csv_items(text: str) -> list[str]:
    rows = csv.reader(io.StringIO(text), skipinitialspace=True)
    try:
        return [item.strip() for row in rows for item in row]
    except csv.Error as error:
        raise AxisError(f"these values cannot be read: {error}", hint='quote a value with "..."') from None


def _numbers(kind: AxisKind, item: str, room: int) -> list[Value]:
    match = _RANGE.fullmatch(item)
    if match is None:
        return [_number(kind, item)]
    start, end = _decimal(match.group(1)), _decimal(match.group(2))
    if match.group(4) is not None:
        return _spread(kind, start, end, int(match.group(4)), item, room)
    step = _decimal(re.sub(r"\s", "", match.group(3))) if match.group(3) else Decimal(1 if start <= end else -1)
    if step == 0 or (end - start) * step < 0:
        raise AxisError(f"{item}: a step of {step} never gets from {start} to {end}", hint="turn its sign around")
    if kind == "int" and any(number != number.to_integral_value() for number in (start, step)):
        raise AxisError(f"{item}: this axis takes whole numbers", hint="leave out the fractions")
    size = int((end - start) / step) + 1
    _limit(size, room, item)
    return [_typed(kind, start + step * turn) for turn in range(size)]


def _spread(kind: AxisKind, start: Decimal, end: Decimal, size: int, item: str, room: int) -> list[Value]:
    if size < 1:
        raise AxisError(f"{item}: at least one value is needed", hint="write [2] or more")
    _limit(size, room, item)
    if size == 1:
        return [_typed(kind, start)]
    return [_typed(kind, start + (end - start) * turn / (size - 1)) for turn in range(size)]


def _limit(size: int, room: int, item: str) -> None:
    if size > room:
        raise AxisError(f"{item}: more than {MAX_VALUES} values on one axis", hint="use a greater step")


def _typed(kind: AxisKind, number: Decimal) -> Value:
    return int(number) if kind == "int" else float(number)


def _number(kind: AxisKind, item: str) -> Value:
    number = _decimal(item)
    if kind == "int" and number != number.to_integral_value():
        raise AxisError(f"{item!r} is not a whole number", hint=_NUMBER_HINT)
    return _typed(kind, number)


def _decimal(text: str) -> Decimal:
    """A number of ordinary size: 1e999999999 would fill the memory as an integer."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not -_DIGITS < number.adjusted() < _DIGITS:
        raise AxisError(f"{text!r} is not a number", hint=_NUMBER_HINT)
    return number


def _read(name: str, folder: Path | None) -> str:
    path = real_path((folder or Path()) / name)
    if folder is not None and not path.is_relative_to(real_path(folder)):
        raise AxisError(f"{name}: outside of the workspace", hint="copy the file into it")
    return read_text(path)


def kind_of(target: str) -> AxisKind:
    """What kind of values a target takes."""
    return "int" if target in INT_TARGETS else "float" if target in FLOAT_TARGETS else "str"


def parse_axis(line: str, *, folder: Path | None = None, lists: Mapping[str, Sequence[str]] | None = None) -> Axis:
    """``target = values``, ``(a, b) = (1, 2), (3, 4)``, ``name = *``, ``replace "dog" = cat, bird``, ``@rows.csv``."""
    if line.strip().startswith("@"):
        return rows_axis(line.strip()[1:].strip(), folder)
    match = _LINE.fullmatch(line.strip())
    if match is None:
        raise AxisError(f"{line.strip()!r} is not an axis", hint="write: target = value, value")
    target, values = match["target"], match["values"].strip()
    if target.startswith("("):
        targets = tuple(part.strip() for part in target[1:-1].split(","))
        if values.startswith("@"):
            return rows_axis(values[1:].strip(), folder, targets)
        return Axis(targets, tuple(_joined_rows(targets, values)))
    if values == "*":
        return Axis((target,), (), every=True)
    return Axis((target,), tuple((value,) for value in _some(target, values, folder, lists)))


def _some(target: str, values: str, folder: Path | None, lists: Mapping[str, Sequence[str]] | None) -> Sequence[Value]:
    found = axis_values(kind_of(target), values, folder=folder, lists=lists)
    if not found:
        raise AxisError(f"the axis {target!r} has no values", hint="write: target = value, value")
    return found


def axis_from_table(
    table: Mapping[str, Any], *, folder: Path | None = None, lists: Mapping[str, Sequence[str]] | None = None
) -> Axis:
    """One ``[[axis]]`` of a file: ``target`` and ``values``, a string as in ``parse_axis`` or an array."""
    target, values = table.get("target"), table.get("values")
    if not isinstance(target, str) or not isinstance(values, str | list):
        raise AxisError('an axis needs target = "..." and values = "..." or [...]', hint='values = "1-5 (+2)"')
    if isinstance(values, str):
        return parse_axis(f"{target} = {values}", folder=folder, lists=lists)
    if not values:
        raise AxisError(f"the axis {target!r} has no values", hint='values = "1-5 (+2)" or ["London", "Oslo"]')
    if not target.startswith("("):
        return Axis((target,), tuple(_row((target,), [value]) for value in values))
    targets = tuple(part.strip() for part in target.strip("()").split(","))
    return Axis(targets, tuple(_row(targets, value) for value in values))


def _joined_rows(targets: tuple[str, ...], text: str) -> list[tuple[Value, ...]]:
    rows: list[tuple[Value, ...]] = []
    position = 0
    pattern = re.compile(r"\s*\(((?:\"[^\"]*\"|[^()\"])*)\)\s*(?:,|$)")
    while position < len(text):
        match = pattern.match(text, position)
        if match is None:
            raise AxisError(f"{text[position:].strip()!r} is not a row", hint="write: (a, b) = (1, 2), (3, 4)")
        rows.append(_row(targets, _csv_items(match.group(1))))
        position = match.end()
    return rows


def _row(targets: tuple[str, ...], values: Any) -> tuple[Value, ...]:
    if not isinstance(values, list | tuple) or len(values) != len(targets):
        raise AxisError(f"{values!r} has not one value for each of {', '.join(targets)}", hint="count the values")
    row: list[Value] = []
    for target, value in zip(targets, values, strict=True):
        kind = kind_of(target)
        if not isinstance(value, Value):
            raise AxisError(f"{value!r} cannot be a value of {target!r}", hint="Values are texts and numbers.")
        row.append(_number(kind, value) if kind != "str" and isinstance(value, str) else value)
    return tuple(row)


def rows_axis(name: str, folder: Path | None, targets: tuple[str, ...] = ()) -> Axis:
    """A CSV (with a heading) or JSONL file, each row one joined value. Raises AxisError with file and line."""
    from workbench.template.rows import read_rows

    targets, records = read_rows(name, _read(name, folder), targets)
    rows = []
    for line, record in records:
        row: list[Value] = []
        for target in targets:
            try:
                row += _row((target,), [record[target]])
            except AxisError as error:
                raise AxisError(f"{name}, line {line}, {target}: {error.message}", hint=error.hint) from None
        rows.append(tuple(row))
    return Axis(targets, tuple(rows))


def label(row: Sequence[Value], limit: int = 40) -> str:
    """The label of a row: its values, cut when long."""
    text = ", ".join(str(value) for value in row)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def ordered(axes: Sequence[Axis], body: str) -> list[Axis]:
    """The order to run in: models outermost, then the axis whose slot stands earliest, so prompt caches are reused."""

    def place(axis: Axis) -> tuple[int, int]:
        if "model" in axis.targets:
            return 0, 0
        found = [where for target in axis.targets if (where := _first_use(body, target)) >= 0]
        return (1, min(found)) if found else (2, 0)

    return sorted(axes, key=place)


def _first_use(body: str, target: str) -> int:
    match = re.search(rf"\{{\s*{re.escape(target)}\b|\{{[{{%][^}}]*\b{re.escape(target)}\b", body)
    return match.start() if match else -1


def total(axes: Sequence[Axis], prompts: int = 1, repeats: int = 1) -> int:
    """How many runs: the product of the axes, the prompts per cell and the repeats."""
    return prod(len(axis.rows) for axis in axes) * prompts * repeats


def replace_text(text: str, search: str, replacement: str, *, whole_words: bool = True) -> str:
    """The S/R axis. AxisError when ``search`` does not stand in the text."""
    left = r"(?<!\w)" if whole_words and search[:1].isalnum() else ""
    right = r"(?!\w)" if whole_words and search[-1:].isalnum() else ""
    result, times = re.subn(f"{left}{re.escape(search)}{right}", lambda _: replacement, text)
    if not times:
        raise AxisError(f"{search!r} does not stand in the prompt", hint="search for a text that is there")
    return result
