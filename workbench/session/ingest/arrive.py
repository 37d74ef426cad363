"""Incoming runs become runs of a session, in the layout that every other part reads; none of them twice.

Order: long texts, recording, run file, each durable; a crash leaves whole runs, and the same import goes on from there.
Ratings and notes of a session are written in one step at the end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from workbench.error import StorageError, UsageError
from workbench.event import Chatter
from workbench.record import RunRequest, RunResult
from workbench.session.blob import Packer, blobs_of, write_blobs
from workbench.session.edit import session_lock, write_as_it_was
from workbench.session.export.select import run_ids
from workbench.session.ids import iso, plausible
from workbench.session.info import Session
from workbench.session.ingest.incoming import Events, Incoming, moment_of, ulid_of
from workbench.session.line import Batch, end_line, run_line
from workbench.session.lineedit import set_key
from workbench.session.named import named_session
from workbench.session.owner import myself
from workbench.session.runfile import request_to_dict, result_to_dict, run_toml
from workbench.session.store import SessionStore
from workbench.textio import atomic_write, make_dirs, read_text, storage_error

_HASHED = slice(10, None)
_TITLE_CHARS = 200


class Arrival:
    """Takes runs one by one; ``finish`` writes the marks, and must be called whatever happened."""

    def __init__(self, store: SessionStore, target: str = "") -> None:
        self.added = self.known = 0
        self.folders: list[Path] = []
        self._store = store
        self._target = target
        self._began = datetime.now(UTC)
        self._chosen: dict[str, Session] = {}
        self._runs = {stem: folder for folder in store.folders() for stem in run_ids(folder)}
        self._hashes = {run_id[_HASHED] for run_id in self._runs}
        self._renamed: dict[str, str] = {}
        self._marks: dict[Path, list[tuple[tuple[str, ...], str, Any]]] = {}

    @cached_property
    def _sessions(self) -> list[Session]:
        return self._store.list_sessions()

    def add(self, item: Incoming) -> None:
        """Write a run, unless it is there. Raises UsageError, StorageError."""
        run_id = self._free_id(item)
        if run_id is None:
            self.known += 1
            return
        session = self._session(item)
        parent = self._renamed.get(item.request.parent, item.request.parent)
        request = replace(item.request, id=run_id, parent=parent)
        if item.undated:
            # One after the other, as they stand in the file.
            moment = self._began + timedelta(milliseconds=self.added)
            run_id = ulid_of(int(moment.timestamp() * 1000))[: _HASHED.start] + run_id[_HASHED]
            request = replace(request, id=run_id, created=iso(moment))
        write_run(self._store, session, request, item.result, item.events)
        self._runs[run_id] = session.dir
        self._hashes.add(run_id[_HASHED])
        marks = {"rating": item.rating, "star": item.star, "note": item.note}
        changes = self._marks.setdefault(session.dir, [])
        changes += [(("runs", run_id), key, value) for key, value in marks.items() if value]
        self.added += 1
        if session.dir not in self.folders:
            self.folders.append(session.dir)

    def _free_id(self, item: Incoming) -> str | None:
        """The id under which the run is new; None when it is there."""
        run_id = item.request.id
        if item.derived:
            return None if run_id[_HASHED] in self._hashes else run_id
        if run_id not in self._runs:
            return run_id
        digest = content_hash(item.request, item.result)
        info, record = self._store.read_run(self._store.open_session(self._runs[run_id]), run_id)
        if record is not None and content_hash(record.request, record.result) == digest:
            return None
        moment = moment_of(item.request.created)
        other = ulid_of(int(moment.timestamp() * 1000) if moment else 0, info.id, digest)
        self._renamed[run_id] = other
        return None if other[_HASHED] in self._hashes else other

    def _session(self, item: Incoming) -> Session:
        key = self._target or item.session_id
        if key not in self._chosen:
            named = named_session(self._store, self._target) if self._target else self._existing(key)
            if named is not None and named.newer:
                raise UsageError(f"{named.title!r} was written by a newer version", hint="Name another --session.")
            self._chosen[key] = named or self._new(item)
        return self._chosen[key]

    def _existing(self, key: str) -> Session | None:
        return next((session for session in self._sessions if session.id == key), None)

    def _new(self, item: Incoming) -> Session:
        # As old as what it holds, so that the list has the order that it had.
        moment = moment_of(item.session_created) or (None if item.undated else moment_of(item.request.created))
        created = moment if moment is not None and plausible(moment) else None
        session = self._store.new_session(item.session_title[:_TITLE_CHARS], tags=item.tags, created=created)
        changes: list[tuple[tuple[str, ...], str, Any]] = [((), "id", item.session_id)]
        changes += [((), "note", item.session_note)] if item.session_note else []
        change_session(self._store, session.dir, changes)
        return self._store.open_session(session.dir)

    def finish(self) -> None:
        """Ratings, stars and notes. Raises StorageError."""
        for folder, changes in self._marks.items():
            if changes:
                change_session(self._store, folder, changes)
        self._marks.clear()


def change_session(store: SessionStore, folder: Path, changes: Iterable[tuple[tuple[str, ...], str, Any]]) -> None:
    """Set keys of ``session.toml``, all of them in one step. Raises StorageError, ConfigError."""
    path = folder / "session.toml"
    with session_lock(folder):
        text = read_text(path)
        for table, key, value in changes:
            text = set_key(text, key, value, table=table, file=str(path))
        write_as_it_was(path, text, disk=store.disk)


def content_hash(request: RunRequest, result: RunResult) -> str:
    """Of all that a run says, but not of which version wrote it."""
    data = request_to_dict(replace(request, app=""), Packer(limit=1 << 62)) | {"result": result_to_dict(result)}
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


def write_run(
    store: SessionStore, session: Session, request: RunRequest, result: RunResult, events: Events | None = None
) -> None:
    """Both files of a run that is over, or its run file alone. Raises StorageError."""
    packer = Packer()
    data = request_to_dict(request, packer)
    path = session.dir / "runs" / f"{request.id}.toml"
    try:
        make_dirs(path.parent, disk=store.disk)
    except OSError as error:
        raise storage_error("make", path.parent, error) from error
    if path.exists():
        raise StorageError(f"{path} exists", hint="Another program wrote it meanwhile; import again.")
    write_blobs(blobs_of(session.dir), packer.blobs, disk=store.disk)
    if events is not None:
        atomic_write(path.with_suffix(".jsonl"), _recording(data, result, events), disk=store.disk)
    atomic_write(path, run_toml(data, result), disk=store.disk)


def _recording(request: dict[str, Any], result: RunResult, events: Events) -> bytes:
    batch = Batch()
    timed = [(piece.t_ms, 0, piece) for piece in events.pieces]
    parts: list[tuple[int, int, Any]] = [*timed]
    parts += [(at, 1, Chatter(at, text)) for at, text in events.chatter]
    parts += [(at, 2, text) for at, text in events.marks]
    for at, _, event in sorted(parts, key=lambda part: part[0]):
        if isinstance(event, str):
            batch.mark(event, at)
        else:
            batch.add(event)
    count = events.pieces[-1].index + 1 if events.pieces else 0
    return run_line(myself(), request) + batch.take() + end_line(result, count)
