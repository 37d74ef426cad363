"""Stores to import into, and what is in them; shared by the tests of imports."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import REPO
from workbench.session.export import ExportOptions, export
from workbench.session.export.select import select
from workbench.session.info import RunRecord
from workbench.session.ingest import ImportReport, import_file
from workbench.session.store import SessionStore
from workbench.workspace import init_workspace

DATA = REPO / "tests" / "data"
NewStore = Callable[[], SessionStore]


def store_maker(folder: Path) -> NewStore:
    """Each call gives the store of a new workspace without sessions: ``space0``, ``space1`` and so on."""

    def make() -> SessionStore:
        space = init_workspace(folder / f"space{len(list(folder.glob('space*')))}")
        shutil.rmtree(space.sessions)
        return SessionStore(space)

    return make


def written(store: SessionStore, form: str, path: Path, *, events: bool = True) -> Path:
    options = ExportOptions(events=events, environment={})
    path.write_text("".join(export(select(store), form, options)), encoding="utf-8", newline="")
    return path


def imported(store: SessionStore, path: Path, **more: Any) -> tuple[ImportReport, list[str]]:
    said: list[str] = []
    return import_file(store, path, note=said.append, **more), said


def runs_of(store: SessionStore) -> dict[str, RunRecord]:
    """By id, in the order of time."""
    return {run.id: run.record for run in sorted(select(store), key=lambda run: run.id)}


def chats(store: SessionStore) -> dict[str, list[tuple[list[tuple[str, str]], str]]]:
    """Title of each session, and its runs: messages and answer."""
    return {
        session.title: [
            ([(item.role, item.content) for item in run.record.request.prompt.messages], run.record.result.text)
            for run in select(store, [(session, "")])
        ]
        for session in store.list_sessions()
    }
