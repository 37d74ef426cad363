"""Old formats are read and brought up on request; what nobody needs is found, and nothing else is."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.runtool import request, result
from workbench.error import StorageError
from workbench.session.blob import blob_path, write_blobs
from workbench.session.gc import Garbage, find_garbage, remove_garbage
from workbench.session.journal import RunJournal
from workbench.session.migrate import plan_migrations, write_migrations
from workbench.session.store import Session, SessionStore
from workbench.session.trash import Trash
from workbench.session.version import STEPS, upgrade
from workbench.textio import toml_loads
from workbench.workspace import init_workspace

LONG = "long text " * 9000


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    space = init_workspace(tmp_path / "space")
    shutil.rmtree(space.sessions)
    return SessionStore(space)


def add_run(session: Session, text: str = "done", **more: Any) -> str:
    journal = RunJournal.create(session.dir, request(**more))
    journal.finish(result(text))
    return journal.run_id


def step_of_run(data: dict[str, Any]) -> dict[str, Any]:
    """A format that never was: the result's text was called ``answer``."""
    data["result"]["text"] = data["result"].pop("answer")
    return data


def step_of_session(data: dict[str, Any]) -> dict[str, Any]:
    data["title"] = data.pop("name")
    return data


@pytest.fixture
def old(store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session and a run of format 0."""
    monkeypatch.setitem(STEPS, ("run", 0), step_of_run)
    monkeypatch.setitem(STEPS, ("session", 0), step_of_session)
    session = store.new_session("old one")
    run = add_run(session, "line\n\x1b[31m雨\n")
    for path, change in (
        (session.dir / "session.toml", ("title =", "name =")),
        (session.dir / "runs" / f"{run}.toml", ('\ntext = """\nline', '\nanswer = """\nline')),
    ):
        text = path.read_text()
        assert change[0] in text
        path.write_text(text.replace(*change).replace("format = 1", "format = 0", 1))
    return store.open_session(session.dir)


def test_an_older_format_is_read_and_not_changed(store: SessionStore, old: Session) -> None:
    before = {path: path.read_bytes() for path in old.dir.rglob("*.toml")}
    assert (old.title, old.older, old.newer) == ("old one", True, False)
    (info,) = store.runs(old)
    assert (info.status, info.edited) == ("finished", False)
    assert store.open_run(old, info.id).result.text == "line\n\x1b[31m雨\n"
    with pytest.raises(StorageError, match="older format") as caught:
        store.set_title(old, "x")
    assert "migrate" in caught.value.hint
    assert {path: path.read_bytes() for path in before} == before


def test_a_migration_is_planned_first_and_exact(store: SessionStore, old: Session) -> None:
    (info,) = store.runs(old)
    record = store.open_run(old, info.id)
    store.new_session("of today")
    newer = store.new_session("of tomorrow").dir / "session.toml"
    newer.write_text(newer.read_text().replace("format = 1", "format = 999"))
    broken = old.dir / "runs" / "01M8AR00000000000000000000.toml"
    broken.write_text("format = 0\nbroken [")
    no_way = old.dir / "runs" / "01M8AR00000000000000000001.toml"
    no_way.write_text("format = -3\n")
    damaged = old.dir / "runs" / "01M8AR00000000000000000002.toml"
    damaged.write_text("format = 0\n")
    planned = plan_migrations(store)
    problems = {item.path.name: item.problem for item in planned if item.problem}
    assert problems == {
        no_way.name: "there is no way from format -3 to 1",
        damaged.name: "there is no way from format 0 to 1",
        newer.name: "it was written by a newer version",
    }
    kept = {path: path.read_bytes() for path in (newer, broken, no_way, damaged)}
    written = write_migrations(store, planned)
    assert sorted(item.kind for item in written) == ["run", "session"]
    assert {path: path.read_bytes() for path in kept} == kept
    assert toml_loads((old.dir / "session.toml").read_text())["format"] == 1
    assert store.open_run(old, info.id) == record
    assert store.set_title(store.open_session(old.dir), "new name").title == "new name"
    assert [item.path for item in plan_migrations(store) if not item.problem] == []


def test_a_file_that_changed_since_the_plan_is_left(store: SessionStore, old: Session) -> None:
    planned = plan_migrations(store)
    for item in planned:
        item.path.write_text("format = 1\n")
    assert write_migrations(store, planned) == []


def test_a_step_does_not_touch_what_it_is_given(store: SessionStore, old: Session) -> None:
    data = {"format": 0, "result": {"answer": "x"}}
    assert upgrade("run", data) == {"format": 1, "result": {"text": "x"}}
    assert data == {"format": 0, "result": {"answer": "x"}}


def age(path: Path, days: float = 2) -> None:
    moment = time.time() - days * 86_400
    os.utime(path, (moment, moment))


def test_only_what_nobody_needs_is_found(store: SessionStore) -> None:
    session = store.new_session("kept")
    used, deleted = add_run(session, variables={"a": LONG}), add_run(session, variables={"b": LONG + "2"})
    blobs = store.workspace.sessions / "blobs"
    write_blobs(blobs, {name * 32: b"young" * 9 for name in ("aa", "bb", "fa")})
    trash = Trash(store)
    trash.delete_run(session, deleted)
    empty, noted = store.new_session("empty"), store.new_session("noted")
    store.set_note(noted, "why")
    for path in blobs.rglob("*"):
        age(path)
    os.utime(blob_path(blobs, "bb" * 32))
    leftover = session.dir / "runs" / ".x.toml.0123456789ab.tmp"
    for path in (leftover, session.dir / "runs" / ".mine.tmp"):
        path.write_text("x")
        age(path)
    for folder in (empty.dir, noted.dir):
        age(folder)
    found = find_garbage(store)
    assert {(item.kind, item.path.name) for item in found} == {
        ("blob", "aa" * 32),
        ("blob", "fa" * 32),
        ("temporary", leftover.name),
        ("session", empty.dir.name),
    }
    assert {item.kind for item in find_garbage(store, trash_days=0)} == {"blob", "temporary", "session", "trash"}
    # A run that needs one of them begins after the look.
    write_blobs(blobs, {"fa" * 32: b"young" * 9})
    removed = remove_garbage(store, found)
    assert {item.path.name for item in found} - {item.path.name for item in removed} == {"fa" * 32}
    assert (blobs / "fa" / ("fa" * 32)).read_bytes() == b"young" * 9
    assert not leftover.exists()
    assert [entry.title for entry in trash.list_trash()] == ["empty", "kept"]
    assert store.open_run(session, used).request.variables["a"] == LONG
    trash.undo_delete(trash.list_trash()[1].token)
    assert store.open_run(session, deleted).request.variables["b"] == LONG + "2"


def test_old_trash_takes_its_long_texts_along_and_gone_things_are_passed_over(store: SessionStore) -> None:
    session = store.new_session("s")
    run = add_run(session, variables={"a": LONG})
    Trash(store).delete_run(session, run)
    for path in (store.workspace.sessions / "blobs").rglob("*"):
        age(path)
    old = find_garbage(store, trash_days=0)
    gone = Garbage("temporary", session.dir / "nothing", 0, "")
    assert remove_garbage(store, [*old, gone]) == old
    assert remove_garbage(store, old) == []
    (blob,) = find_garbage(store)
    assert remove_garbage(store, [blob]) == [blob]
    assert not list((store.workspace.sessions / "blobs").rglob("*"))
