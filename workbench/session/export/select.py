"""Which runs are exported: by session, by id, by rating, by search. One run is in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from workbench.error import StorageError, UsageError
from workbench.session.export.item import ExportRun
from workbench.session.info import Session
from workbench.session.reader import RecordingView
from workbench.session.store import SessionStore


def select(store: SessionStore, names: Sequence[str] = (), *, rated: int = 0, query: str = "") -> Iterator[ExportRun]:
    """Runs of the sessions (title, folder or id) and the runs (id) that are named, oldest first within a session.

    Without names all sessions. ``rated`` keeps those rated so or better, ``query`` those that a search finds. Blocking;
    names are looked up before the first run is given. Raises UsageError.
    """
    wanted = found(store, query) if query else None
    sources = [_named(store, name) for name in names] if names else [(item, None) for item in store.list_sessions()]
    return _runs(store, sources, lambda run: run.rating >= rated and (wanted is None or _key(run) in wanted))


def found(store: SessionStore, query: str) -> set[tuple[str, str]]:
    """Folder name and id of the runs that a search gives. Raises UsageError."""
    from workbench.session.index import SessionIndex

    index = SessionIndex(store.workspace, store=store)
    try:
        index.refresh()
        hits = index.search(query, limit=1_000_000)
    finally:
        index.close()
    return {(hit.dir.name, hit.run_id) for hit in hits if hit.run_id}


def _key(run: ExportRun) -> tuple[str, str]:
    return run.session.dir.name, run.id


def _named(store: SessionStore, name: str) -> tuple[Session, str | None]:
    for session in store.list_sessions():
        if name in (session.title, session.dir.name, session.id):
            return session, None
    try:
        return store.find_run(name), name
    except UsageError:
        raise UsageError(f"there is no session or run {name!r}", hint="workbench sessions list") from None


def _runs(
    store: SessionStore, sources: Iterable[tuple[Session, str | None]], keep: Callable[[ExportRun], bool]
) -> Iterator[ExportRun]:
    seen: set[tuple[str, str]] = set()
    for session, only in sources:
        for stem in [only] if only is not None else _stems(session):
            place = (session.dir.name, stem)
            if place in seen:
                continue
            seen.add(place)
            run = open_export_run(store, session, stem)
            if run is not None and keep(run):
                yield run


def _stems(session: Session) -> list[str]:
    """Ids begin with the time, so that their order is that of the runs."""
    try:
        names = os.listdir(session.dir / "runs")
    except OSError:
        return []
    return sorted({name.rpartition(".")[0] for name in names if name.endswith((".toml", ".jsonl")) and name[0] != "."})


def open_export_run(store: SessionStore, session: Session, run_id: str) -> ExportRun | None:
    """A run with its marks; None when there is nothing to read."""

    def recording() -> RecordingView | None:
        try:
            return store.recording(session, run_id)
        except StorageError:
            return None

    info, record = store.read_run(session, run_id)
    if record is None:
        return None
    return ExportRun(run_id, session, record, info.rating, info.star, info.note, recording)
