"""The sessions of a workspace: made, listed newest first, opened, and their one editable file changed safely.

Nothing here raises on the content of a file; what is broken is listed with its problem. A workspace that
cannot be written is browsed all the same, and new runs go to the state folder (``Session.unsaved``).
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from workbench import __version__
from workbench.error import StorageError, UsageError
from workbench.session.edit import edit_session
from workbench.session.ids import folder_stamp, new_ulid, short_id, slug
from workbench.session.info import RunInfo, RunRecord, Session, SessionInfo, rating_of
from workbench.session.reader import RecordingView, read_recording
from workbench.session.runload import Watch, load_run, recover_run, unfinished
from workbench.session.sessionload import read_session
from workbench.session.version import CURRENT
from workbench.textio import DISK, Disk, atomic_write, make_dirs, storage_error, toml_dumps
from workbench.workspace import Workspace

__all__ = ["RunInfo", "RunRecord", "Session", "SessionInfo", "SessionStore"]

FORMAT = CURRENT["session"]
_STAMP = re.compile(r"\d{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3])[0-5]\d[0-5]\dZ(?![0-9A-Za-z])")
# As ``ids.plausible``: before this tool there was none of its folders.
_FIRST = "20240101T000000Z"
_NOT_HERE = (errno.EROFS, errno.EACCES, errno.EPERM)


class SessionStore:
    """All calls block on the disk, and are safe from any thread."""

    def __init__(self, workspace: Workspace, *, disk: Disk = DISK) -> None:
        self.workspace = workspace
        self.disk = disk
        self._watch = Watch()

    # -- sessions --------------------------------------------------------------------------------------------

    def new_session(self, title: str, *, tags: Sequence[str] = (), created: datetime | None = None) -> Session:
        """A new folder with its ``session.toml``, durable; in the state folder if the workspace is read-only.
        ``created`` (else now): for one that was made elsewhere. Raises StorageError.
        """
        title = " ".join(title.split()) or "untitled"
        if self.workspace.writable:
            try:
                return self._make_session(self.workspace.sessions, title, tags, created)
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise storage_error("make a session in", self.workspace.sessions, error) from error
        return self.unsaved_session(title, tags=tags, created=created)

    def unsaved_session(self, title: str, *, tags: Sequence[str] = (), created: datetime | None = None) -> Session:
        """A new session in the user's state folder, for what the workspace cannot take. Raises StorageError."""
        try:
            return self._make_session(self._unsaved, title, tags, created)
        except OSError as error:
            raise storage_error("make a session in", self._unsaved, error) from error

    @property
    def roots(self) -> tuple[Path, Path]:
        """Folders of months: the workspace's, and that of sessions it could not take."""
        return self.workspace.sessions, self._unsaved

    @property
    def _unsaved(self) -> Path:
        return self.workspace.state_dir / "unsaved"

    def _make_session(self, root: Path, title: str, tags: Sequence[str], created: datetime | None) -> Session:
        now = created or datetime.now(UTC)
        folder = root / now.strftime("%Y-%m") / f"{folder_stamp(now)}-{slug(title)}-{short_id()}"
        make_dirs(folder / "runs", disk=self.disk)
        data = {
            "format": FORMAT,
            "kind": "session",
            "id": new_ulid(),
            "created": now,
            "app": __version__,
            "title": title,
            "tags": list(tags),
        }
        try:
            atomic_write(folder / "session.toml", toml_dumps(data), disk=self.disk)
        except StorageError as error:
            # Half a session is none: leave nothing that the list would have to explain.
            for made in (folder / "runs", folder):
                with contextlib.suppress(OSError):
                    made.rmdir()
            cause = error.__cause__
            raise cause if isinstance(cause, OSError) else error from None
        return self.open_session(folder)

    def open_session(self, folder: Path) -> Session:
        """A session by its folder. Raises UsageError when there is no such folder."""
        if not folder.is_dir():
            raise UsageError(f"there is no session {folder}", hint="workbench sessions list")
        return read_session(folder, unsaved=self.workspace.sessions not in folder.parents)

    def list_sessions(self, limit: int | None = None) -> list[Session]:
        """Newest first; with ``limit`` only so many files are read."""
        return [self.open_session(folder) for folder in self.folders()[:limit] if folder.is_dir()]

    def folders(self) -> list[Path]:
        """All session folders, newest first by their names; where a name's time is impossible, by the disk's."""
        found = [folder for root in self.roots for folder in _session_folders(root)]
        now = folder_stamp(datetime.now(UTC) + timedelta(hours=1))
        # Compared by text alone: there may be tens of thousands.
        return [
            folder for _, _, folder in sorted(((_when(item, now), item.name, item) for item in found), reverse=True)
        ]

    # -- runs ------------------------------------------------------------------------------------------------

    def runs(self, session: Session) -> list[RunInfo]:
        """The session's runs in the order they were started; broken ones with their problem."""
        try:
            names = os.listdir(session.dir / "runs")
        except OSError:
            return []
        stems = {name.rpartition(".")[0] for name in names if name.endswith((".toml", ".jsonl")) and name[0] != "."}
        infos = [self.read_run(session, stem)[0] for stem in stems]
        return sorted(infos, key=lambda info: (info.created, info.id))

    def read_run(self, session: Session, stem: str) -> tuple[RunInfo, RunRecord | None]:
        """The row of a run, and the run; None when there is nothing to read. Never raises."""
        path = session.dir / "runs" / f"{stem}.toml"
        marks = session.runs.get(stem, {})
        note = marks.get("note", "")
        try:
            record = load_run(path, self._watch)
        except StorageError as error:
            return RunInfo(stem, path, "", "error", problem=error.message), None
        request, result = record.request, record.result
        info = RunInfo(
            id=stem,
            path=path,
            created=request.created,
            status=result.status,
            template=request.template.path,
            model=request.model.file,
            engine=request.engine,
            first_words=" ".join(result.text[:200].split())[:80],
            tokens_out=result.tokens_out,
            ms_first=result.ms_first,
            ms_total=result.ms_total,
            group=request.group,
            pane=request.pane,
            rating=rating_of(marks),
            note=note if isinstance(note, str) else "",
            problem=record.problem,
            edited=record.edited,
            newer=record.newer,
            star=marks.get("star") is True,
            parent=request.parent,
        )
        return info, record

    def open_run(self, session: Session, run_id: str) -> RunRecord:
        """Request and result, exactly as they were. Raises StorageError when there is no such run."""
        return load_run(_run_path(session, run_id), self._watch)

    def recording(self, session: Session, run_id: str) -> RecordingView:
        """Every event with its time. Raises StorageError when there is no recording."""
        path = _run_path(session, run_id).with_suffix(".jsonl")
        try:
            return read_recording(path)
        except OSError as error:
            raise storage_error("read", path, error) from error

    def find_run(self, run_id: str) -> Session:
        """The session that holds a run. Raises UsageError."""
        for folder in self.folders():
            if any((folder / "runs" / f"{run_id}.{end}").is_file() for end in ("toml", "jsonl")):
                return self.open_session(folder)
        raise UsageError(f"there is no run {run_id!r}", hint="workbench sessions list")

    def recover(self) -> list[str]:
        """Close the records of runs whose process died; their ids. Runs that may be alive are left alone.

        Cheap enough for every start: only the ends of run files are read. What cannot be written is left for
        later.
        """
        recovered = []
        for folder in self.folders():
            for path in unfinished(folder / "runs"):
                try:
                    if recover_run(path, self._watch, disk=self.disk):
                        recovered.append(path.stem)
                except StorageError:
                    # Read-only or full: the list shows it as interrupted all the same.
                    continue
        return recovered

    # -- session.toml ----------------------------------------------------------------------------------------

    def set_title(self, session: Session, title: str) -> Session:
        """Raises StorageError, also when the title was changed elsewhere meanwhile."""
        return self._edit(session, "title", " ".join(title.split()), session.title)

    def set_tags(self, session: Session, tags: Sequence[str]) -> Session:
        """As ``set_title``."""
        return self._edit(session, "tags", list(tags), list(session.tags))

    def set_note(self, session: Session, note: str) -> Session:
        """As ``set_title``."""
        return self._edit(session, "note", note or None, session.note or None)

    def rate_run(self, session: Session, run_id: str, rating: int) -> Session:
        """1 to 5, 0 takes the rating away."""
        if not 0 <= rating <= 5:
            raise UsageError(f"a rating is 1 to 5, not {rating}")
        base = session.runs.get(run_id, {}).get("rating")
        return self._edit(session, "rating", rating or None, base, ("runs", run_id))

    def star_run(self, session: Session, run_id: str, star: bool) -> Session:
        """Mark a run, or take the mark away."""
        base = session.runs.get(run_id, {}).get("star")
        return self._edit(session, "star", star or None, base, ("runs", run_id))

    def note_run(self, session: Session, run_id: str, note: str) -> Session:
        """A note on one run; an empty one takes it away."""
        base = session.runs.get(run_id, {}).get("note")
        return self._edit(session, "note", note or None, base, ("runs", run_id))

    def _edit(self, session: Session, key: str, value: Any, base: Any, table: tuple[str, ...] = ()) -> Session:
        if session.newer:
            raise StorageError(
                f"{session.dir.name} was written by a newer version", hint="It can be read, and is never changed."
            )
        if session.older:
            raise StorageError(
                f"{session.dir.name} is of an older format", hint="'workbench sessions migrate --write' brings it up."
            )
        edit_session(session.dir, key, value, base=base, table=table, disk=self.disk)
        return self.open_session(session.dir)


def _session_folders(root: Path) -> Iterator[Path]:
    """Folders of sessions within the folders of months. Links out of ``root`` are not followed: somebody else's
    workspace must not lead into other folders, and be written through.
    """
    within = os.path.realpath(root)
    for month in _folders_in(root, within):
        if month.name != "blobs":
            yield from _folders_in(month, within)


def _folders_in(root: Path, within: str) -> list[Path]:
    try:
        with os.scandir(root) as entries:
            shown = (entry for entry in entries if not entry.name.startswith("."))
            return [Path(entry.path) for entry in shown if _is_folder(entry, within)]
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str], within: str) -> bool:
    try:
        if entry.is_symlink() and not os.path.realpath(entry.path).startswith(within + os.sep):
            return False
        return entry.is_dir()
    except OSError:
        # A link in a ring, say: it hides itself, not its neighbours.
        return False


def _when(folder: Path, now: str) -> str:
    """The time in a folder's name; where it is impossible, the disk's in the same form. ``now`` ends the possible."""
    found = _STAMP.match(folder.name)
    if found is not None and _FIRST <= found[0] <= now:
        return found[0]
    try:
        return folder_stamp(datetime.fromtimestamp(folder.stat().st_mtime, UTC))
    except (OSError, OverflowError, ValueError):
        return ""


def _run_path(session: Session, run_id: str) -> Path:
    if not run_id or run_id.startswith(".") or Path(run_id).name != run_id:
        raise StorageError(f"{run_id!r} is no run id")
    return session.dir / "runs" / f"{run_id}.toml"
