"""What was found out about runs afterwards: scorings and blind votes, one file each, written once.

``groups/ID.marks/ULID.toml`` for a group, ``marks/ULID.toml`` for a whole session. The runs themselves are never
touched: a scoring can be made again, with other checks, and the older one stays.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from workbench import __version__
from workbench.session.groups import FORMAT, group_path, read_group
from workbench.session.ids import iso, new_ulid
from workbench.session.info import Session
from workbench.textio import DISK, Disk, atomic_write, make_dirs, storage_error, toml_dumps

MarkKind = Literal["score", "votes"]


@dataclass(frozen=True, slots=True)
class Marks:
    """One file. ``data`` is everything but its head; ``problem`` says why it cannot be used."""

    id: str
    path: Path
    kind: str = ""
    created: str = ""
    app: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


def marks_dir(session: Session, group_id: str = "") -> Path:
    """Where marks stand. Raises UsageError for what is no group id."""
    return group_path(session, group_id).with_suffix(".marks") if group_id else session.dir / "marks"


def write_marks(
    session: Session, kind: MarkKind, data: Mapping[str, Any], *, group_id: str = "", disk: Disk = DISK
) -> Marks:
    """A new file of marks, durable. Raises StorageError."""
    folder = marks_dir(session, group_id)
    mark_id, now = new_ulid(), datetime.now(UTC)
    path = folder / f"{mark_id}.toml"
    try:
        make_dirs(folder, disk=disk)
    except OSError as error:
        raise storage_error("make", folder, error) from error
    head = {"format": FORMAT, "kind": kind, "id": mark_id, "created": now, "app": __version__}
    atomic_write(path, toml_dumps(head | dict(data)), disk=disk)
    return Marks(mark_id, path, kind, iso(now), __version__, dict(data))


def list_marks(session: Session, group_id: str = "", *, kind: MarkKind | None = None) -> list[Marks]:
    """Oldest first; broken files with their problem when no kind is asked for. Never raises on content."""
    folder = marks_dir(session, group_id)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".toml") and name[0] != ".")
    except OSError:
        return []
    found = [read_marks(folder / name) for name in names]
    return [item for item in found if kind is None or (item.kind == kind and not item.problem)]


def read_marks(path: Path) -> Marks:
    """Never raises on content: what is wrong stands in ``problem``. The head is that of a group."""
    found = read_group(path)
    return Marks(found.id, path, found.kind, found.created, found.app, found.plan, found.problem)


def rows(marks: Marks, key: str) -> Sequence[Mapping[str, Any]]:
    """The tables of an array in the file; what is none is left out."""
    found = marks.data.get(key)
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []
