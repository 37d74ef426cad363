"""Rewrites files of older formats in the current one, when asked to, and never what it does not understand.

One ``write`` is one commit's worth: each file is replaced in one step, so that a stop in the middle leaves files of
both versions, which are all read. Comments of a ``session.toml`` are lost by it. A run that goes on is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.error import ConfigError, StorageError
from workbench.session.edit import session_lock
from workbench.session.runload import RUN_FILE_LIMIT
from workbench.session.version import CURRENT, Kind, upgrade, version_of
from workbench.textio import atomic_write, read_text, toml_dumps, toml_loads

if TYPE_CHECKING:
    from workbench.session.store import SessionStore

_FORMAT = re.compile(r"^format\s*=\s*(\d+)\s*$", re.M)


@dataclass(frozen=True, slots=True)
class Migration:
    """A file of another format. ``problem`` says why it is left alone; empty when it can be rewritten."""

    path: Path
    kind: Kind
    before: int
    after: int
    problem: str = ""


def plan_migrations(store: SessionStore) -> list[Migration]:
    """Every file that is not of the current format, newest session first. Broken files are not its business."""
    return [found for kind, path in _files(store) if (found := _look(store, kind, path)) is not None]


def write_migrations(store: SessionStore, migrations: list[Migration]) -> list[Migration]:
    """Rewrite them; those that were. Raises StorageError."""
    written = []
    for item in migrations:
        if item.problem:
            continue
        folder = item.path.parent if item.kind == "session" else item.path.parent.parent
        with session_lock(folder):
            again = _look(store, item.kind, item.path)
            if again != item:
                # Changed or gone since it was planned.
                continue
            data = upgrade(item.kind, toml_loads(read_text(item.path, limit=RUN_FILE_LIMIT)))
            atomic_write(item.path, toml_dumps(data), disk=store.disk)
        written.append(item)
    return written


def _files(store: SessionStore) -> Iterator[tuple[Kind, Path]]:
    for folder in store.folders():
        yield "session", folder / "session.toml"
        for path in sorted((folder / "runs").glob("[!.]*.toml")):
            yield "run", path


def _look(store: SessionStore, kind: Kind, path: Path) -> Migration | None:
    try:
        text = read_text(path, limit=RUN_FILE_LIMIT)
        if (found := _FORMAT.search(text[:200])) and int(found[1][:9]) == CURRENT[kind]:
            return None
        data = toml_loads(text)
    except (StorageError, ConfigError):
        return None
    before, after = version_of(kind, data), CURRENT[kind]
    if before == after:
        return None
    return Migration(path, kind, before, after, _problem(store, kind, path, data))


def _problem(store: SessionStore, kind: Kind, path: Path, data: dict[str, Any]) -> str:
    before, after = version_of(kind, data), CURRENT[kind]
    if before > after:
        return "it was written by a newer version"
    if kind == "run" and store.read_run(store.open_session(path.parent.parent), path.stem)[0].status == "running":
        return "the run is going on"
    migrated = upgrade(kind, data)
    if version_of(kind, migrated) != after:
        return f"there is no way from format {before} to {after}"
    try:
        exact = toml_loads(toml_dumps(migrated)) == migrated
    except (ConfigError, TypeError):
        exact = False
    return "" if exact else "it would not come back exactly"
