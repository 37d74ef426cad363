"""Texts too long for a record: written once under their hash, in ``sessions/blobs/ab/<sha256>``, read-only.

A value in a record stands for itself, unless it is a table of one of two forms: ``{blob, bytes}``, a text
kept apart; ``{json}``, a value that TOML has no exact form for (null, half a surrogate pair, a table that
looks like one of these).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from workbench.record import MissingText
from workbench.textio import DISK, Disk, atomic_write, make_dirs, storage_error

LIMIT = 64 * 1024
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def blob_path(folder: Path, sha256: str) -> Path:
    return folder / sha256[:2] / sha256


@dataclass
class Packer:
    """Turns values into their recorded form; ``blobs`` collects texts longer than ``limit`` bytes by their
    hash. A text that is missing stays a reference; with ``leaves`` it says so, since no blobs come with the record.
    """

    limit: int = LIMIT
    blobs: dict[str, bytes] = field(default_factory=dict)
    leaves: bool = False

    def text(self, text: str) -> Any:
        if isinstance(text, MissingText):
            return {"blob": text.blob, "bytes": text.size} | ({"missing": True} if self.leaves else {})
        if len(text) * 4 > self.limit:
            data = text.encode("utf-8", "surrogatepass")
            if len(data) > self.limit:
                sha256 = hashlib.sha256(data).hexdigest()
                self.blobs[sha256] = data
                return {"blob": sha256, "bytes": len(data)}
        return {"json": json.dumps(text)} if _SURROGATE.search(text) else text

    def value(self, value: Any) -> Any:
        """Any plain value; times become text, tuples lists, other objects their text."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            plain = {str(key): item for key, item in value.items()}
            if _exact(plain) and not _is_packed(plain):
                return {key: self.value(item) for key, item in plain.items()}
            return {"json": json.dumps(plain, default=str)}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, bool | int | float):
            return value
        if isinstance(value, datetime | date | time):
            return value.isoformat()
        return {"json": "null"} if value is None else self.text(str(value))


def _exact(table: Mapping[str, Any]) -> bool:
    return not any(_SURROGATE.search(key) for key in table)


def _is_packed(table: Mapping[str, Any]) -> bool:
    return ("blob" in table and "bytes" in table) or set(table) == {"json"}


def unpack(value: Any, read_blob: Callable[[str], str | None]) -> Any:
    """The value again. A text whose blob is gone becomes a ``MissingText``. Never raises."""
    if isinstance(value, Mapping):
        if set(value) == {"json"} and isinstance(value["json"], str):
            try:
                return json.loads(value["json"])
            except (ValueError, RecursionError):
                return value["json"]
        if _is_packed(value) and isinstance(value["blob"], str):
            text = read_blob(value["blob"])
            size = value["bytes"]
            return text if text is not None else MissingText(value["blob"], size if isinstance(size, int) else 0)
        return {key: unpack(item, read_blob) for key, item in value.items()}
    if isinstance(value, list):
        return [unpack(item, read_blob) for item in value]
    return value


def write_blobs(folder: Path, blobs: Mapping[str, bytes], *, disk: Disk = DISK) -> None:
    """Each that is not there yet, durably. Raises StorageError."""
    for sha256, data in blobs.items():
        path = blob_path(folder, sha256)
        if _still_there(path, data):
            continue
        try:
            make_dirs(path.parent, disk=disk)
        except OSError as error:
            raise storage_error("write", path, error) from error
        atomic_write(path, data, mode=0o444, disk=disk)


def _still_there(path: Path, data: bytes) -> bool:
    """Whether the text is there already; it becomes young again, and so is not taken for unneeded (``gc.py``)."""
    try:
        # One that was damaged is written anew, and is right again for all that name it.
        if path.stat().st_size != len(data) or path.read_bytes() != data:
            return False
        with contextlib.suppress(PermissionError):
            os.utime(path)
    except OSError as error:
        return error.errno == errno.EROFS
    return True


def blob_reader(folder: Path) -> Callable[[str], str | None]:
    """Reads a blob by its hash; None when it is missing or is not what its name says."""

    def read(sha256: str) -> str | None:
        if not _SHA256.match(sha256):
            return None
        try:
            data = blob_path(folder, sha256).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest() != sha256:
            return None
        return data.decode("utf-8", "surrogatepass")

    return read


def blobs_of(session_dir: Path) -> Path:
    """The blob folder that a session shares with its neighbours."""
    return session_dir.parent.parent / "blobs"
