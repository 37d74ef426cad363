"""Which runs are exported: by session, by run, by rating, by search. One run is in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from workbench.error import StorageError
from workbench.session.export.item import ExportRun
from workbench.session.info import Session
from workbench.session.reader import RecordingView
from workbench.session.store import SessionStore

Source = tuple[Session, str]


def select(
    store: SessionStore, sources: Iterable[Source] | None = None, *, rated: int = 0, query: str = ""
) -> Iterator[ExportRun]:
    """Runs of the named sessions (a run's id after the session: that run only), oldest first within a session; of all
    sessions without names. ``rated`` keeps those rated so or better, ``query`` those that a search finds. Blocking: the
    search is done before this returns. Raises UsageError.
    """
    wanted = found(store, query) if query else None
    chosen = [(session, "") for session in store.list_sessions()] if sources is None else sources
    return _runs(store, chosen, lambda run: run.rating >= rated and (wanted is None or _key(run) in wanted))


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


def _runs(store: SessionStore, sources: Iterable[Source], keep: Callable[[ExportRun], bool]) -> Iterator[ExportRun]:
    seen: set[tuple[str, str]] = set()
    for session, only in sources:
        for stem in [only] if only else run_ids(session.dir):
            place = (session.dir.name, stem)
            if place in seen:
                continue
            seen.add(place)
            run = open_export_run(store, session, stem)
            if run is not None and keep(run):
                yield run


def run_ids(folder: Path) -> list[str]:
    """Of a session's folder. Ids begin with the time, so that their order is that of the runs."""
    try:
        names = os.listdir(folder / "runs")
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
