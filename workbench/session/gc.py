"""Finds what nobody needs: long texts that no run names, old trash, temporary files of a crash, empty sessions.

Nothing is judged by its looks alone: what is young is left, for it may be in use this moment, and when any record
cannot be read no long text is called unneeded. Empty sessions go to the trash, and can be brought back.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workbench.error import StorageError, UsageError
from workbench.session.trash import Trash
from workbench.textio import open_regular, storage_error

if TYPE_CHECKING:
    from workbench.session.info import Session
    from workbench.session.store import SessionStore

TRASH_DAYS = 30.0
_TEMPORARY_SECONDS = 3600.0
_YOUNG_SECONDS = 86_400.0
_HEAD_LIMIT = 16 << 20
_HASH = re.compile(rb"[0-9a-f]{64}")
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}\.tmp\Z")

GarbageKind = Literal["blob", "trash", "temporary", "session"]


@dataclass(frozen=True, slots=True)
class Garbage:
    """Something to remove. ``key`` is the token of a piece of trash."""

    kind: GarbageKind
    path: Path
    bytes: int
    why: str
    key: str = ""


def find_garbage(store: SessionStore, *, trash_days: float = TRASH_DAYS) -> list[Garbage]:
    """What ``remove_garbage`` would take away. Reads every record when there are long texts. Changes nothing."""
    now = time.time()
    found = [
        Garbage("trash", entry.path, entry.bytes, f"deleted {entry.deleted[:10]}: {entry.title}", entry.token)
        for entry in Trash(store).list_trash(older_than_days=trash_days)
    ]
    for root in store.roots:
        found += _temporary(root, now)
        found += _unneeded(root, now)
    return [*found, *_empty_sessions(store, now)]


def remove_garbage(store: SessionStore, garbage: list[Garbage]) -> list[Garbage]:
    """Remove it, unless it has come to use meanwhile; what was removed. Raises StorageError."""
    removed = []
    trash = Trash(store)
    for item in garbage:
        try:
            if item.kind == "session":
                trash.delete_session(store.open_session(item.path))
            elif item.kind == "trash":
                trash.remove(item.key)
            elif item.kind == "blob":
                if not _remove_blob(item.path):
                    continue
            else:
                item.path.unlink()
        except (FileNotFoundError, UsageError):
            continue
        except OSError as error:
            raise storage_error("remove", item.path, error) from error
        removed.append(item)
    return removed


def _temporary(root: Path, now: float) -> Iterator[Garbage]:
    for path in root.rglob(".*.tmp"):
        with contextlib.suppress(OSError):
            stat = path.stat()
            if _TEMPORARY.match(path.name) and path.is_file() and now - stat.st_mtime > _TEMPORARY_SECONDS:
                yield Garbage("temporary", path, stat.st_size, "left by a write that did not end")


def _unneeded(root: Path, now: float) -> list[Garbage]:
    blobs = [path for path in (root / "blobs").glob("??/*") if re.match(r"[0-9a-f]{64}\Z", path.name)]
    if not blobs:
        return []
    try:
        needed = _named_blobs(root)
    except OSError:
        return []
    found = []
    for path in blobs:
        with contextlib.suppress(OSError):
            stat = path.stat()
            if path.name not in needed and now - stat.st_mtime > _YOUNG_SECONDS:
                found.append(Garbage("blob", path, stat.st_size, "no run names it"))
    return found


def _named_blobs(root: Path) -> set[str]:
    """Every hash that stands in a record, of the trash too. Raises OSError when one cannot be read."""
    names: set[bytes] = set()
    for folder, _, files in os.walk(root, onerror=_fail):
        for file in files:
            path = Path(folder, file)
            if file.endswith(".toml"):
                names.update(_HASH.findall(path.read_bytes()))
            elif file.endswith(".jsonl"):
                with open_regular(path) as recording:
                    # The request, with all that it names, stands in the first line.
                    names.update(_HASH.findall(recording.readline(_HEAD_LIMIT)))
    return {name.decode() for name in names}


def _fail(error: OSError) -> None:
    raise error


def _remove_blob(path: Path) -> bool:
    """False when a run has come that needs it: ``write_blobs`` makes a text young again that it finds there."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    path.replace(aside)
    if time.time() - aside.stat().st_mtime <= _YOUNG_SECONDS:
        aside.replace(path)
        return False
    aside.unlink()
    with contextlib.suppress(OSError):
        path.parent.rmdir()
    return True


def _empty_sessions(store: SessionStore, now: float) -> Iterator[Garbage]:
    for folder in store.folders():
        with contextlib.suppress(OSError, StorageError, UsageError):
            files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
            if files <= {"session.toml", ".lock"} and now - folder.stat().st_mtime > _YOUNG_SECONDS:
                session = store.open_session(folder)
                if _says_nothing(session):
                    yield Garbage("session", folder, 0, f"no runs: {session.title}")


def _says_nothing(session: Session) -> bool:
    return not (session.note or session.problem or session.newer or session.runs)
