"""Runs change places: moved, merged and duplicated, with their ratings and notes and the plan and marks of their group.

Order of a move: marks into the target's ``session.toml``, group files, run file, recording, each durable under its
name; only then the source's recording, run file, marks and, if no run of it is left, its group. A crash at any point
leaves the run whole in at least one place, and the same move again completes it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.error import ConfigError, StorageError, UsageError
from workbench.session.blob import blob_path, blobs_of, write_blobs
from workbench.session.edit import edit_session
from workbench.session.ids import new_ulid
from workbench.session.lineedit import set_key
from workbench.session.trash import Trash, refuse_live, run_files
from workbench.textio import Disk, atomic_write, make_dirs, read_text, storage_error, toml_dumps, toml_loads

if TYPE_CHECKING:
    from workbench.session.info import Session
    from workbench.session.store import SessionStore

_HASH = re.compile(rb"[0-9a-f]{64}")
_ULID = re.compile(rb"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b")
# A text within JSON has its quotes escaped, so that this stands only where a key does.
_ID_KEY = re.compile(rb'("(?:id|parent|group)":")([0-9A-HJKMNP-TV-Z]{26})(?=")')


def move_run(store: SessionStore, session: Session, run_id: str, target: Session) -> Session:
    """The target as it is then. Raises UsageError (no such run, it is going on), StorageError,
    ConfigError when the file of either session cannot be read.
    """
    if session.dir == target.dir:
        raise UsageError("the run is in that session already")
    files = run_files(session, run_id)
    if not files:
        raise UsageError(f"there is no run {run_id!r} in {session.title!r}", hint="workbench sessions list")
    refuse_live(store, session, run_id, doing="moved")
    _refuse_unsure(session, target)
    group = store.read_run(session, run_id)[0].group
    disk = store.disk
    for key, value in session.runs.get(run_id, {}).items():
        edit_session(target.dir, key, value, base=None, table=("runs", run_id), disk=disk)
    groups = _group_files(session, group)
    try:
        _copy_files(session, target, [*groups, *files], disk)
        for path in reversed(files):
            disk.unlink(path)
        disk.sync_dir(session.dir / "runs")
        for key, value in session.runs.get(run_id, {}).items():
            edit_session(session.dir, key, None, base=value, table=("runs", run_id), disk=disk)
        if groups and not any(info.group == group for info in store.runs(session)):
            _remove_group(groups, disk)
    except OSError as error:
        raise storage_error("move", files[0], error) from error
    return store.open_session(target.dir)


def merge_sessions(store: SessionStore, sources: Sequence[Session], target: Session) -> Session:
    """Move all runs of ``sources`` and their groups to ``target``, join tags and notes, and put what is left of them
    into the trash. Raises UsageError (a run is going on), StorageError.
    """
    _refuse_unsure(target, *sources)
    for source in sources:
        if source.dir == target.dir:
            raise UsageError("a session cannot be merged with itself")
        refuse_live(store, source, doing="merged")
    for source in sources:
        _copy_files(source, target, _group_files(source, ""), store.disk)
        for info in store.runs(source):
            target = move_run(store, source, info.id, target)
        tags = [*target.tags, *(tag for tag in source.tags if tag not in target.tags)]
        if tags != list(target.tags):
            target = store.set_tags(target, tags)
        if source.note and source.note not in target.note:
            target = store.set_note(target, f"{target.note}\n\n{source.note}".strip())
        Trash(store).delete_session(store.open_session(source.dir))
    return target


def duplicate_run(store: SessionStore, session: Session, run_id: str, target: Session | None = None) -> str:
    """The id of the copy, in ``target`` or the same session; its ``parent`` is that of the original. Raises UsageError,
    StorageError.
    """
    target = target or session
    files = run_files(session, run_id)
    if not files:
        raise UsageError(f"there is no run {run_id!r} in {session.title!r}", hint="workbench sessions list")
    refuse_live(store, session, run_id, doing="duplicated")
    _refuse_unsure(session, target)
    fresh = {run_id: new_ulid()}
    groups = _group_files(session, store.read_run(session, run_id)[0].group) if target.dir != session.dir else []
    _copy_files(session, target, groups, store.disk)
    for key, value in session.runs.get(run_id, {}).items():
        edit_session(target.dir, key, value, base=None, table=("runs", fresh[run_id]), disk=store.disk)
    _copy_files(session, target, files, store.disk, fresh)
    return fresh[run_id]


def duplicate_session(store: SessionStore, session: Session, *, title: str = "") -> Session:
    """A copy with fresh ids for the session, its runs and groups; lineage within it follows, ``parent`` runs elsewhere
    are kept. Raises UsageError, StorageError.
    """
    refuse_live(store, session, doing="duplicated")
    _refuse_unsure(session)
    infos = store.runs(session)
    groups = _group_files(session, "")
    names = {info.id for info in infos} | {path.name.partition(".")[0] for path in groups if path.suffix == ".toml"}
    names |= {info.group for info in infos if info.group}
    fresh = {name: new_ulid() for name in sorted(names)}
    copy = store.new_session(title or f"{session.title} (copy)", tags=session.tags)
    _write_session(session, copy, fresh, store.disk)
    files = [path for info in infos for path in run_files(session, info.id)]
    _copy_files(session, copy, [*groups, *files], store.disk, fresh)
    return store.open_session(copy.dir)


def _write_session(session: Session, copy: Session, fresh: Mapping[str, str], disk: Disk) -> None:
    """The copy's ``session.toml``, with everything that the original's says."""
    path = session.dir / "session.toml"
    data = toml_loads(read_text(path), file=str(path)) if path.exists() else {}
    own = {"id": copy.id, "created": datetime.now(UTC), "title": copy.title}
    runs = {fresh.get(run, run): marks for run, marks in session.runs.items()}
    merged = {"format": 1, "kind": "session"} | data | own | ({"runs": runs} if runs else {})
    atomic_write(copy.dir / "session.toml", toml_dumps(merged), disk=disk)


def _refuse_unsure(*sessions: Session) -> None:
    """Where the ratings and notes that belong to the runs are not known they would be lost."""
    for session in sessions:
        if session.newer:
            raise UsageError(f"{session.title!r} was written by a newer version", hint="It is read, and never changed.")
        if session.unread:
            place = session.dir / "session.toml"
            raise ConfigError(
                f"{session.problem}; its ratings and notes are not known",
                hint=f"Mend {place} by hand, or bring it back with git; then repeat this. Nothing was changed.",
            )


def _group_files(session: Session, group: str) -> list[Path]:
    """Plan and marks of one group, or of all without a name; temporary files and locks stay behind."""
    root = session.dir / "groups"
    paths = (path for path in root.rglob("*") if path.is_file() and path.name[0] != ".")
    return sorted(path for path in paths if not group or path.relative_to(root).parts[0].startswith(f"{group}."))


def _remove_group(files: Sequence[Path], disk: Disk) -> None:
    for path in files:
        disk.unlink(path)
    for folder in sorted({path.parent for path in files}, key=lambda path: -len(path.parts)):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _copy_files(
    session: Session, target: Session, files: Sequence[Path], disk: Disk, fresh: Mapping[str, str] | None = None
) -> None:
    """Durably, under the same names but for fresh ids. A file that is there already must be the same. Raises
    StorageError.
    """
    fresh = fresh or {}
    source_blobs, target_blobs = blobs_of(session.dir), blobs_of(target.dir)
    for path in files:
        parts = [_renamed(part, fresh) for part in path.relative_to(session.dir).parts]
        place = target.dir.joinpath(*parts)
        try:
            data = path.read_bytes()
            content = _with_fresh_ids(path, data, fresh) if fresh else data
            if place.exists():
                if place.read_bytes() != content:
                    raise StorageError(f"{place} exists and is another file", hint="Nothing was removed.")
                continue
            if source_blobs != target_blobs:
                _carry_blobs(data, source_blobs, target_blobs, disk)
            make_dirs(place.parent, disk=disk)
        except OSError as error:
            raise storage_error("copy", path, error) from error
        atomic_write(place, content, disk=disk)


def _renamed(part: str, fresh: Mapping[str, str]) -> str:
    stem, dot, end = part.partition(".")
    return fresh.get(stem, stem) + dot + end


def _carry_blobs(data: bytes, source: Path, target: Path, disk: Disk) -> None:
    """Long texts that the record names, when the sessions do not share them."""
    for name in {found.decode() for found in _HASH.findall(data)}:
        with contextlib.suppress(FileNotFoundError):
            write_blobs(target, {name: blob_path(source, name).read_bytes()}, disk=disk)


def _with_fresh_ids(path: Path, data: bytes, fresh: Mapping[str, str]) -> bytes:
    if path.parent.name != "runs":
        # Plans and marks name runs in many places.
        return _ULID.sub(lambda found: _fresh(found[0], fresh), data)
    if path.suffix == ".jsonl":
        head, newline, rest = data.partition(b"\n")
        return _ID_KEY.sub(lambda found: found[1] + _fresh(found[2], fresh), head) + newline + rest
    try:
        text = data.decode()
        values = toml_loads(text)
        for key in ("id", "parent", "group"):
            if isinstance(values.get(key), str) and values[key] in fresh:
                text = set_key(text, key, fresh[values[key]])
    except (UnicodeDecodeError, ConfigError):
        # What cannot be read is copied as it is; the name of the file is its id.
        return data
    return text.encode()


def _fresh(name: bytes, fresh: Mapping[str, str]) -> bytes:
    return fresh.get(name.decode(), name.decode()).encode()
