"""Groups of runs that belong side by side: ``groups/ULID.toml`` holds the plan, written once, read tolerantly.

The runs carry the group's id and their cell; together with the plan they tell what is missing, so that nothing has to
be kept up to date while a grid runs. Runs that a newer one takes the place of go to the trash.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench import __version__
from workbench.error import ConfigError, StorageError, UsageError
from workbench.session.ids import is_ulid, iso, new_ulid, stored_iso
from workbench.session.info import Session
from workbench.textio import DISK, Disk, atomic_write, make_dirs, read_text, storage_error, toml_dumps, toml_loads

FORMAT = 1
FILE_LIMIT = 256 << 20


@dataclass(frozen=True, slots=True)
class Group:
    """A plan on disk. ``plan`` is everything in the file but its head; ``problem`` says why it cannot be used."""

    id: str
    path: Path
    kind: str = ""
    created: str = ""
    app: str = ""
    plan: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    newer: bool = False


def write_group(session: Session, kind: str, plan: Mapping[str, Any], *, disk: Disk = DISK) -> Group:
    """A new group with its plan, durable. Raises StorageError."""
    group_id, now = new_ulid(), datetime.now(UTC)
    folder = session.dir / "groups"
    path = folder / f"{group_id}.toml"
    try:
        make_dirs(folder, disk=disk)
    except OSError as error:
        raise storage_error("make", folder, error) from error
    head = {"format": FORMAT, "kind": kind, "id": group_id, "created": now, "app": __version__}
    atomic_write(path, toml_dumps(head | dict(plan)), disk=disk)
    return Group(group_id, path, kind, iso(now), __version__, dict(plan))


def read_group(path: Path) -> Group:
    """Never raises on content: what is wrong stands in ``problem``."""
    try:
        data = toml_loads(read_text(path, limit=FILE_LIMIT), file=path.name)
    except (StorageError, ConfigError) as error:
        return Group(path.stem, path, problem=error.message)
    head = {name: data.pop(name, None) for name in ("format", "kind", "id", "created", "app")}
    version, created = head["format"], head["created"]
    newer = isinstance(version, int) and version > FORMAT
    return Group(
        path.stem,
        path,
        kind=head["kind"] if isinstance(head["kind"], str) else "",
        created=stored_iso(created) if isinstance(created, datetime) and created.tzinfo else "",
        app=head["app"] if isinstance(head["app"], str) else "",
        plan=data,
        problem="it was written by a newer version" if newer else "",
        newer=newer,
    )


def list_groups(session: Session) -> list[Group]:
    """The session's groups, newest first."""
    try:
        names = os.listdir(session.dir / "groups")
    except OSError:
        return []
    found = sorted((name for name in names if name.endswith(".toml") and name[0] != "."), reverse=True)
    return [read_group(session.dir / "groups" / name) for name in found]


def group_path(session: Session, group_id: str) -> Path:
    """Where the plan of a group stands. Raises UsageError for what is no id."""
    if not is_ulid(group_id):
        raise UsageError(f"{group_id!r} is no group", hint="It is the name of a file in groups/, without .toml.")
    return session.dir / "groups" / f"{group_id}.toml"


@contextlib.contextmanager
def hold_group(group: Group) -> Iterator[None]:
    """One process at a time works on a group; the kernel lets go of it when that process dies.

    Raises UsageError while another one holds it. A file system without locks is left alone.
    """
    try:
        fd = os.open(group.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise storage_error("open", group.path, error) from error
    try:
        _lock(fd, group.id)
        yield
    finally:
        os.close(fd)


def _lock(fd: int, group_id: str) -> None:
    try:
        import fcntl

        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        hint = "Wait for it, or stop it; what it has finished is kept."
        raise UsageError(f"the grid {group_id} is being run by another process", hint=hint) from None
    except (ImportError, OSError):
        return
