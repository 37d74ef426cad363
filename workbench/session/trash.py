"""What was deleted, until the trash is emptied: sessions and runs move to ``.trash/<token>/`` beside the months.

Order of a deletion: ``trash.toml``, which says what it is and where it stood, is durable first; then the folder or
files move by renaming, a run's recording before its run file. A crash between leaves each file in one of the two
places, and ``undo_delete`` brings back whatever is in the trash.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.error import ConfigError, StorageError, UsageError
from workbench.session.ids import iso, new_ulid, short_id, stored_iso
from workbench.session.runload import unfinished
from workbench.textio import Disk, atomic_write, make_dirs, read_text, storage_error, toml_dumps, toml_loads

if TYPE_CHECKING:
    from workbench.session.info import Session
    from workbench.session.store import SessionStore

FOLDER = ".trash"
_ABOUT = "trash.toml"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """``run_id`` is empty for a session. ``origin`` is the session's folder, ``deleted`` an ISO time in UTC."""

    token: str
    path: Path
    origin: Path
    title: str
    run_id: str
    deleted: str
    bytes: int
    problem: str = ""

    @property
    def kind(self) -> str:
        return "run" if self.run_id else "session"


def refuse_live(store: SessionStore, session: Session, run_id: str = "", *, doing: str) -> None:
    """Raises UsageError when that run, or any of the session, may still be written."""
    stems = [run_id] if run_id else [path.stem for path in unfinished(session.dir / "runs")]
    for stem in stems:
        if store.read_run(session, stem)[0].status == "running":
            raise UsageError(
                f"run {stem} of {session.title!r} is still going on, it cannot be {doing}",
                hint="Wait for its end or cancel it, and try again.",
            )


class Trash:
    """Of a workspace and of its unsaved sessions. Every method raises StorageError when the disk says no."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._disk: Disk = store.disk

    # -- deleting --------------------------------------------------------------------------------------------

    def delete_session(self, session: Session) -> str:
        """Its token, for ``undo_delete``. Raises UsageError when one of its runs is going on."""
        refuse_live(self._store, session, doing="deleted")
        place = self._begin(session, "")
        try:
            self._disk.replace(session.dir, place / session.dir.name)
            self._disk.sync_dir(place)
            self._disk.sync_dir(session.dir.parent)
        except OSError as error:
            self._give_up(place)
            raise storage_error("delete", session.dir, error) from error
        with contextlib.suppress(OSError):
            session.dir.parent.rmdir()
        return place.name

    def delete_run(self, session: Session, run_id: str) -> str:
        """Its token. Raises UsageError when it is going on or does not exist; its rating and note stay behind."""
        files = run_files(session, run_id)
        if not files:
            raise UsageError(f"there is no run {run_id!r} in {session.title!r}", hint="workbench sessions list")
        refuse_live(self._store, session, run_id, doing="deleted")
        place = self._begin(session, run_id)
        try:
            # The run file last: a recording alone looks like a run that has to be recovered.
            for path in reversed(files):
                self._disk.replace(path, place / path.name)
            self._disk.sync_dir(place)
            self._disk.sync_dir(session.dir / "runs")
        except OSError as error:
            self._put_back(place, session.dir / "runs")
            raise storage_error("delete", session.dir / "runs" / run_id, error) from error
        return place.name

    def _begin(self, session: Session, run_id: str) -> Path:
        root = session.dir.parent.parent
        place = root / FOLDER / new_ulid()
        about = {
            "format": _FORMAT,
            "kind": "run" if run_id else "session",
            "deleted": datetime.now(UTC),
            "origin": session.dir.relative_to(root).as_posix(),
            "title": session.title,
            "run": run_id,
        }
        try:
            make_dirs(place, disk=self._disk)
        except OSError as error:
            raise storage_error("make", place, error) from error
        try:
            atomic_write(place / _ABOUT, toml_dumps(about), disk=self._disk)
        except StorageError:
            self._give_up(place)
            raise
        return place

    def _put_back(self, place: Path, runs: Path) -> None:
        for path in _contents(place):
            with contextlib.suppress(OSError):
                self._disk.replace(path, runs / path.name)
        self._give_up(place)

    def _give_up(self, place: Path) -> None:
        """Remove a place that holds nothing."""
        with contextlib.suppress(OSError):
            if not _contents(place):
                (place / _ABOUT).unlink(missing_ok=True)
                place.rmdir()

    # -- bringing back ---------------------------------------------------------------------------------------

    def undo_delete(self, token: str) -> Session:
        """Bring it back; the session it is, or is in. Raises UsageError when it cannot be placed."""
        entry = self._entry(token)
        if entry.problem:
            raise UsageError(f"{token} cannot be restored: {entry.problem}", hint=f"Its files are in {entry.path}.")
        try:
            session_dir = self._undo_run(entry) if entry.run_id else self._undo_session(entry)
        except OSError as error:
            raise storage_error("restore", entry.origin, error) from error
        self._give_up(entry.path)
        return self._store.open_session(session_dir)

    def _undo_session(self, entry: TrashEntry) -> Path:
        (folder,) = _contents(entry.path)
        target = entry.origin
        while target.exists():
            target = entry.origin.with_name(f"{entry.origin.name}-{short_id()}")
        make_dirs(target.parent, disk=self._disk)
        self._disk.replace(folder, target)
        self._disk.sync_dir(target.parent)
        return target

    def _undo_run(self, entry: TrashEntry) -> Path:
        runs = entry.origin / "runs"
        if not entry.origin.is_dir():
            raise UsageError(
                f"the session of run {entry.run_id}, {entry.title!r}, is not there",
                hint="Restore the session first: workbench sessions restore",
            )
        files = sorted(_contents(entry.path), key=lambda path: path.suffix != ".toml")
        for path in files:
            if (runs / path.name).exists():
                raise UsageError(f"{runs / path.name} exists", hint="Nothing was changed.")
        make_dirs(runs, disk=self._disk)
        for path in files:
            self._disk.replace(path, runs / path.name)
        self._disk.sync_dir(runs)
        return entry.origin

    def _entry(self, token: str) -> TrashEntry:
        places = [root / FOLDER / token for root in self._store.roots if token and Path(token).name == token]
        entry = next((found for place in places if (found := _read(place)) is not None), None)
        if entry is None:
            raise UsageError(f"there is nothing {token!r} in the trash", hint="'workbench sessions restore' lists it.")
        return entry

    # -- looking and emptying --------------------------------------------------------------------------------

    def list_trash(self, *, older_than_days: float | None = None) -> list[TrashEntry]:
        """Latest deletion first; never raises on content."""
        limit = "~" if older_than_days is None else iso(datetime.now(UTC) - timedelta(days=older_than_days))
        entries = [entry for place in self._places() if (entry := _read(place)) is not None]
        old = [entry for entry in entries if entry.deleted <= limit]
        return sorted(old, key=lambda entry: (entry.deleted, entry.token), reverse=True)

    def _places(self) -> Iterator[Path]:
        for root in self._store.roots:
            with contextlib.suppress(OSError):
                yield from (path for path in (root / FOLDER).iterdir() if path.name[0] != "." and path.is_dir())

    def remove(self, token: str) -> None:
        """Remove one thing for good. Raises UsageError when it is not there."""
        path = self._entry(token).path
        # Out of sight first, in one step: half a session must not come back.
        try:
            self._disk.replace(path, path.with_name(f".{token}"))
        except OSError as error:
            raise storage_error("remove", path, error) from error
        for gone in path.parent.glob(".*"):
            shutil.rmtree(gone, ignore_errors=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def run_files(session: Session, run_id: str) -> list[Path]:
    """The run file and the recording, as far as they exist."""
    if not run_id or Path(run_id).name != run_id or run_id.startswith("."):
        return []
    paths = [session.dir / "runs" / f"{run_id}.{end}" for end in ("toml", "jsonl")]
    return [path for path in paths if path.exists()]


def _contents(place: Path) -> list[Path]:
    try:
        return [path for path in place.iterdir() if path.name != _ABOUT and path.name[0] != "."]
    except OSError:
        return []


def _read(place: Path) -> TrashEntry | None:
    """None for a deletion that did not come to pass."""
    contents = _contents(place)
    if not contents:
        return None
    data: dict[str, Any] = {}
    problem = ""
    try:
        data = toml_loads(read_text(place / _ABOUT), file=_ABOUT)
    except (StorageError, ConfigError) as error:
        problem = error.message
    origin, run_id, deleted = data.get("origin"), data.get("run"), data.get("deleted")
    parts = origin.split("/") if isinstance(origin, str) else []
    if not problem and (len(parts) != 2 or any(part[:1] in ("", ".") or os.sep in part for part in parts)):
        problem = "its origin is not known"
    if not problem and not run_id and len(contents) != 1:
        problem = "it is not one folder"
    moment = stored_iso(deleted) if isinstance(deleted, datetime) and deleted.tzinfo else ""
    return TrashEntry(
        token=place.name,
        path=place,
        origin=place.parent.parent.joinpath(*parts) if not problem else place,
        title=str(data.get("title", "")) or contents[0].name,
        run_id=run_id if isinstance(run_id, str) else "",
        deleted=moment or iso(datetime.fromtimestamp(place.stat().st_mtime, UTC)),
        bytes=sum(path.stat().st_size for item in contents for path in (item, *item.rglob("*")) if path.is_file()),
        problem=problem,
    )
