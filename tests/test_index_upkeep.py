"""The index follows the disk: only what changed is read, and whatever befalls its database it is made anew."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.indextool import dump
from tests.test_index import RAIN, add_run, fill, refreshed, space, store
from workbench.cli.main import main
from workbench.error import StorageError
from workbench.session import index_db
from workbench.session.index import SessionIndex
from workbench.session.store import Session, SessionStore
from workbench.workspace import Workspace

__all__ = ["space", "store"]


def fresh_dump(space: Workspace, tmp_path: Path, *, fts: bool = True) -> list[tuple[Any, ...]]:
    """What an index says that is made from nothing."""
    index = SessionIndex(space, fts=fts)
    index.close()
    index.path = tmp_path / "fresh.db"
    index_db.remove(index.path)
    index._open()
    index.refresh()
    try:
        return dump(index)
    finally:
        index.close()


def test_only_what_changed_is_read_again(store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    for path in store.workspace.sessions.rglob("*.toml"):
        os.utime(path, ns=(10**18, 10**18))
    index = refreshed(store.workspace)
    assert index.refresh() == 0
    reads: list[str] = []
    real = store.read_run

    def read_run(session: Session, stem: str) -> Any:
        reads.append(stem)
        return real(session, stem)

    monkeypatch.setattr(index, "store", store)
    monkeypatch.setattr(store, "read_run", read_run)
    session = next(item for item in store.list_sessions() if item.title == "Trip to Kyoto")
    store.set_title(session, "Trip to Nara")
    assert index.refresh() == 2
    assert reads == []
    assert len(index.search("nara")) == 2
    assert index.search("title:kyoto") == []
    run = add_run(session, "one more")
    index.refresh()
    assert reads == [run]
    index.close()


def test_a_cancelled_refresh_keeps_what_it_did(store: SessionStore) -> None:
    for number in range(40):
        add_run(store.new_session(f"s{number}"), "text")
    index = SessionIndex(store.workspace)
    cancel = threading.Event()
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 25:
            cancel.set()

    index.refresh(progress=progress, cancel=cancel)
    assert seen[-1] == (25, 40)
    assert index.count() == (25, 25)
    assert {hit.title for hit in index.search("")} == {item.title for item in store.list_sessions(25)}
    index.refresh()
    assert index.count() == (40, 40)
    index.close()


@pytest.mark.parametrize("damage", ["text", "cut", "tables", "folder"])
def test_a_damaged_database_is_made_anew(store: SessionStore, damage: str) -> None:
    fill(store)
    index = refreshed(store.workspace)
    wanted, path = dump(index), index.path
    assert path is not None
    index.close()
    if damage == "tables":
        with sqlite3.connect(path) as database:
            database.execute("DROP TABLE doc")
        database.close()
    else:
        data = path.read_bytes()
        index_db.remove(path)
        if damage == "folder":
            path.mkdir()
        else:
            path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"this is no database")
    again = SessionIndex(store.workspace)
    again.refresh()
    assert dump(again) == wanted
    assert again.search("kyoto")
    assert (again.path is None) is (damage == "folder")
    again.close()


def test_a_database_spoilt_while_in_use_is_made_anew(store: SessionStore) -> None:
    fill(store)
    index = refreshed(store.workspace)
    wanted, path = dump(index), index.path
    assert path is not None
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE word")
    other.close()
    assert len(index.search("kyoto")) == 2
    assert dump(index) == wanted
    index.close()


def test_a_database_that_another_process_holds_is_left_alone(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(index_db, "BUSY_SECONDS", 0.05)
    fill(store)
    index = refreshed(store.workspace)
    path = index.path
    assert path is not None
    number = path.stat().st_ino
    add_run(store.new_session("later"), "hail in Kyoto")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="another process"):
            index.refresh()
        assert len(index.search("kyoto")) == 2
        assert main(["--workspace", str(store.workspace.root), "sessions", "search", "umbrella"]) == 0
        found = capsys.readouterr()
        assert RAIN in found.out
        assert "another process" in found.err
        assert main(["--workspace", str(store.workspace.root), "sessions", "export", "--query", "kyoto"]) == 6
        other.execute("ROLLBACK")
    other.close()
    index.refresh()
    assert len(index.search("kyoto")) == 3
    assert path.stat().st_ino == number
    index.close()


def test_a_database_that_cannot_even_be_read_is_left_alone(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_db, "BUSY_SECONDS", 0.05)
    fill(store)
    index = refreshed(store.workspace)
    wanted, path = dump(index), index.path
    assert path is not None
    index.close()
    number = path.stat().st_ino
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        again = refreshed(store.workspace)
        assert dump(again) == wanted
        assert again.path is None
        again.close()
    other.close()
    assert path.stat().st_ino == number
    again = refreshed(store.workspace)
    assert again.path == path
    again.close()


def test_without_a_local_folder_it_lives_in_memory(store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    monkeypatch.setattr(index_db, "on_network", lambda _path: True)
    index = refreshed(store.workspace)
    assert index.path is None
    assert len(index.search("kyoto")) == 2
    index.close()
    (store.workspace.cache_dir / "x").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    index = refreshed(store.workspace)
    assert index.path is None
    assert index.search("kyoto")
    index.close()


def test_after_random_operations_it_equals_a_fresh_one(store: SessionStore, tmp_path: Path) -> None:
    noise = random.Random(4)
    index = SessionIndex(store.workspace)
    words = ["rain", "雨", "café", "x y", "z"]
    for _ in range(120):
        sessions = store.list_sessions()
        action = noise.randrange(8) if sessions else 0
        session = noise.choice(sessions) if sessions else store.new_session("first")
        runs = store.runs(session)
        if action == 0:
            store.new_session(noise.choice(words), tags=[noise.choice(words)])
        elif action in (1, 2):
            add_run(session, " ".join(noise.choices(words, k=5)))
        elif action == 3:
            store.set_title(session, noise.choice(words))
        elif action == 4 and runs:
            store.rate_run(session, noise.choice(runs).id, noise.randrange(6))
        elif action == 5 and runs:
            noise.choice(runs).path.unlink(missing_ok=True)
        elif action == 6 and runs:
            path = noise.choice(runs).path
            path.write_text(path.read_text().replace("rain", "hail") if path.exists() else "broken [")
        elif action == 7 and noise.random() < 0.2:
            shutil.rmtree(session.dir)
        if noise.random() < 0.3:
            index.refresh()
    index.refresh()
    assert dump(index) == fresh_dump(store.workspace, tmp_path)
    assert _words(index) == _words_of_docs(index)
    index.close()


def _words(index: SessionIndex) -> set[tuple[str, int]]:
    database = index._database
    database.execute("CREATE VIRTUAL TABLE temp.seen USING fts5vocab(main, word, instance)")
    return set(database.execute("SELECT term, doc FROM seen"))


def _words_of_docs(index: SessionIndex) -> set[tuple[str, int]]:
    """The same, by the other way: the texts through a table of their own."""
    other = sqlite3.connect(":memory:")
    other.execute(index_db._WORDS)
    from workbench.session.index_build import words_of

    rows = index._database.execute(f"SELECT number, {', '.join(index_db.COLUMNS)} FROM doc").fetchall()
    marks = ", ".join("?" * len(index_db.COLUMNS))
    for number, *values in rows:
        words = words_of(dict(zip(index_db.COLUMNS, values, strict=True)))
        other.execute(f"INSERT INTO word (rowid, {', '.join(index_db.COLUMNS)}) VALUES (?, {marks})", [number, *words])
    other.execute("CREATE VIRTUAL TABLE temp.seen USING fts5vocab(main, word, instance)")
    found = set(other.execute("SELECT term, doc FROM seen"))
    other.close()
    return found


def test_searching_beside_a_refresh_sees_more_and_more(store: SessionStore) -> None:
    for number in range(80):
        add_run(store.new_session(f"s{number}"), "rain")
    index = SessionIndex(store.workspace)
    counts: list[int] = []

    def progress(done: int, _total: int) -> None:
        if done % 20 == 0:
            worker = threading.Thread(target=lambda: counts.append(len(index.search("rain"))))
            worker.start()
            worker.join()

    index.refresh(progress=progress)
    assert counts == sorted(counts)
    assert 0 < counts[1] < 80
    assert replace(index.search("rain")[0]).status == "finished"
    index.close()
