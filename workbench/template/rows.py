"""Files of rows: a CSV with a heading, or JSON lines. What is wrong is told with file and line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from workbench.template.axis import AxisError

Record = dict[str, Any]


def read_rows(name: str, text: str, targets: Sequence[str] = ()) -> tuple[tuple[str, ...], list[tuple[int, Record]]]:
    """The columns that are meant (all that any row has, unless named), and each record with its line, from 1.

    Raises AxisError: for a row that lacks one of the columns, and for a heading that names one twice.
    """
    json_lines = name.lower().endswith((".jsonl", ".ndjson"))
    records = list(_json_records(name, text) if json_lines else _csv_records(name, text))
    if not records:
        raise AxisError(f"{name}: no rows", hint="CSV with a heading, or one JSON object per line")
    known = tuple(dict.fromkeys(key for _, record in records for key in record))
    for target in targets or known:
        lacking = next((line for line, record in records if record.get(target) is None), 0)
        if not lacking:
            continue
        if target not in known:
            raise AxisError(f"{name}: no column {target}", hint=f"it has {', '.join(known)}")
        raise AxisError(f"{name}, line {lacking}: no value for {target!r}", hint="give every row each column")
    return tuple(targets) or known, records


def _json_records(name: str, text: str) -> Iterator[tuple[int, Record]]:
    hint = "one JSON object per line"
    # Not splitlines(): a text may hold a line separator that JSON does not escape.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise AxisError(f"{name}, line {number}: {error}", hint=hint) from None
        if not isinstance(record, dict):
            raise AxisError(f"{name}, line {number}: this is no object", hint=hint)
        yield number, record


def _csv_records(name: str, text: str) -> Iterator[tuple[int, Record]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    heading: list[str] = []
    # A value in quotes may go over several lines: a record is where it begins.
    begins = 1
    try:
        for row in reader:
            line, begins = begins, reader.line_num + 1
            if not row:
                continue
            if not heading:
                heading = _heading(name, line, row)
            elif len(row) > len(heading):
                told = f"{len(row)} values for {len(heading)} columns"
                raise AxisError(f"{name}, line {line}: {told}", hint='put a value with a comma into "..."')
            else:
                yield line, {**dict.fromkeys(heading), **dict(zip(heading, row, strict=False))}
    except csv.Error as error:
        raise AxisError(f"{name}, line {begins}: {error}", hint='put such a value into "..."') from None


def _heading(name: str, line: int, row: Sequence[str]) -> list[str]:
    heading = [item.strip() for item in row]
    double = next((item for place, item in enumerate(heading) if item in heading[:place]), None)
    if double is not None:
        raise AxisError(f"{name}, line {line}: two columns are named {double!r}", hint="name each column once")
    for sign, told in ((";", "semicolons"), ("\t", "tabs")):
        if len(heading) == 1 and sign in heading[0]:
            raise AxisError(
                f"{name}, line {line}: its columns stand between {told}", hint="put commas between the columns"
            )
    return heading
