"""JSON and JSON lines of strangers: size, depth and encoding are checked, and every fault has its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.error import StorageError
from workbench.session.ingest.incoming import fault
from workbench.textio import storage_error

DOCUMENT_LIMIT = 256 << 20
LINE_LIMIT = 64 << 20
DEPTH_LIMIT = 100


def open_json(path: Path) -> tuple[bool, Iterator[tuple[str, Any]]]:
    """Whether it holds a record a line, and the records with their places; a document is one record.

    Raises UsageError, StorageError; the iterator too.
    """
    try:
        with path.open("rb") as file:
            first = file.readline(LINE_LIMIT + 1)
            while first and not first.strip():
                first = file.readline(LINE_LIMIT + 1)
            more = any(map(bytes.strip, iter(lambda: file.readline(1 << 16), b"")))
    except OSError as error:
        raise storage_error("read", path, error) from error
    if not first:
        raise fault(path.name, "", "it is empty")
    if path.suffix in (".jsonl", ".ndjson") or (more and _stands_alone(first)):
        return True, _lines(path)
    return False, iter([("", _document(path))])


def _stands_alone(line: bytes) -> bool:
    """Whether a first line is a record of its own, and not the beginning of a document."""
    try:
        record = json.loads(line.removeprefix(b"\xef\xbb\xbf")) if len(line) <= LINE_LIMIT else None
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and "mapping" not in record and record.get("kind") != "export"


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LINE_LIMIT + 1):
                number += 1
                place = f"line {number}"
                if len(line) > LINE_LIMIT:
                    raise fault(path.name, place, f"it is longer than {LINE_LIMIT >> 20} MB")
                if line.strip(b" \t\r\n\0\xef\xbb\xbf"):
                    yield place, parse(path.name, place, line)
    except OSError as error:
        raise storage_error("read", path, error) from error


def _document(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(DOCUMENT_LIMIT + 1)
    except OSError as error:
        raise storage_error("read", path, error) from error
    if len(data) > DOCUMENT_LIMIT:
        hint = "Export it as JSON lines, a record a line; those are read piece by piece."
        raise StorageError(f"{path.name}: it is larger than {DOCUMENT_LIMIT >> 20} MB", hint=hint)
    return parse(path.name, "", data)


def parse(file: str, place: str, data: bytes) -> Any:
    """One JSON value. Raises UsageError that names line and column."""
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise fault(file, place, f"byte {error.start + 1} is not UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"column {error.colno}" if place else f"line {error.lineno}, column {error.colno}"
        raise fault(file, ", ".join(filter(None, (place, where))), f"no JSON: {error.msg}") from None
    except RecursionError:
        raise fault(file, place, "it is nested too deeply") from None
    except ValueError:
        raise fault(file, place, "a number is too long") from None
    if _deep(value):
        raise fault(file, place, "it is nested too deeply")
    return value


def _deep(value: Any) -> bool:
    """Whether anything lies deeper than ``DEPTH_LIMIT``; without recursion."""
    level = [value]
    for _ in range(DEPTH_LIMIT):
        level = [
            item
            for node in level
            if isinstance(node, dict | list)
            for item in (node.values() if isinstance(node, dict) else node)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True
