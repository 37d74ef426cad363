"""Deleted and brought back, moved, merged, duplicated: nothing is lost."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runtool import intact, pieces, request, result
from workbench.error import ConfigError, UsageError
from workbench.session.arrange import duplicate_run, duplicate_session, merge_sessions, move_run
from workbench.session.ids import new_ulid
from workbench.session.journal import RunJournal
from workbench.session.store import Session, SessionStore
from workbench.session.trash import Trash
from workbench.workspace import init_workspace

LONG = "long text " * 9000


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    space = init_workspace(tmp_path / "space")
    # It is copied many times, and nothing here looks at templates.
    for folder in (space.sessions, space.templates, space.themes):
        shutil.rmtree(folder)
    return SessionStore(space)


def add_run(session: Session, text: str = "done", **more: Any) -> str:
    made = request(**more)
    journal = RunJournal.create(session.dir, made)
    for piece in pieces([text]):
        journal.write(piece)
    journal.finish(result(text))
    return made.id


def grouped(store: SessionStore, title: str = "a") -> tuple[Session, list[str]]:
    """A session of three runs: two of a group with a plan and marks, one with a long variable; rated and noted."""
    session = store.new_session(title, tags=[title])
    group = new_ulid()
    first = add_run(session, "one", group=group, parent="")
    second = add_run(session, "two", group=group, parent=first)
    third = add_run(session, "three", group="", variables={"document": LONG})
    marks = session.dir / "groups" / f"{group}.marks"
    marks.mkdir(parents=True)
    (session.dir / "groups" / f"{group}.toml").write_text(f'id = "{group}"\nruns = ["{first}", "{second}"]\n')
    (marks / f"{new_ulid()}.toml").write_text(f'best = "{first}"\n')
    session = store.star_run(store.rate_run(session, first, 5), first, True)
    return store.note_run(store.set_note(session, f"note of {title}"), third, "long"), [first, second, third]


def state(store: SessionStore) -> dict[str, tuple[str, str, int, bool, str]]:
    """What each run says, by its id; where it is in two places it must say the same, and one must be whole."""
    found: dict[str, tuple[str, str, int, bool, str]] = {}
    whole = set()
    for session in store.list_sessions():
        for info in store.runs(session):
            record = store.open_run(session, info.id)
            assert not record.edited
            values = (record.result.text, str(record.request.variables), info.rating, info.star, info.note)
            assert found.setdefault(info.id, values) == values
            if info.path.with_suffix(".jsonl").exists() and intact(store.recording(session, info.id)):
                whole.add(info.id)
    assert whole == set(found)
    return found


def digest(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_deleted_session_comes_back_as_it_was(store: SessionStore) -> None:
    session, _ = grouped(store)
    before = digest(store.workspace.sessions)
    trash = Trash(store)
    token = trash.delete_session(session)
    assert store.list_sessions() == []
    (entry,) = trash.list_trash()
    assert (entry.token, entry.kind, entry.title, entry.origin) == (token, "session", "a", session.dir)
    assert entry.bytes > 1000
    assert trash.undo_delete(token) == session
    assert digest(store.workspace.sessions) == before
    assert trash.list_trash() == []
    with pytest.raises(UsageError):
        trash.undo_delete(token)


def test_a_deleted_run_comes_back_as_it_was(store: SessionStore) -> None:
    session, (first, _, third) = grouped(store)
    before, runs = digest(store.workspace.sessions), state(store)
    trash = Trash(store)
    tokens = [trash.delete_run(session, run) for run in (first, third)]
    assert [info.id for info in store.runs(session)] == [run for run in runs if run not in (first, third)]
    assert [entry.run_id for entry in trash.list_trash()] == [third, first]
    for token in tokens:
        trash.undo_delete(token)
    assert digest(store.workspace.sessions) == before
    assert state(store) == runs


def test_what_cannot_be_brought_back_is_said_and_kept(store: SessionStore) -> None:
    session, (first, *_) = grouped(store)
    trash = Trash(store)
    run_token = trash.delete_run(session, first)
    session_token = trash.delete_session(session)
    with pytest.raises(UsageError, match="is not there"):
        trash.undo_delete(run_token)
    session.dir.mkdir(parents=True)
    back = trash.undo_delete(session_token)
    assert back.dir != session.dir
    assert back.dir.name.startswith(session.dir.name)
    (session.dir / "runs").mkdir()
    (session.dir / "runs" / f"{first}.toml").write_text("in the way")
    with pytest.raises(UsageError, match="exists"):
        trash.undo_delete(run_token)
    (entry,) = trash.list_trash()
    (entry.path / "trash.toml").write_text("broken [")
    with pytest.raises(UsageError, match="cannot be restored"):
        trash.undo_delete(run_token)
    assert trash.list_trash()[0].problem
    assert trash.list_trash(older_than_days=1) == []
    trash.remove(run_token)
    assert trash.list_trash() == []
    assert not (store.workspace.sessions / ".trash").exists()


@pytest.mark.parametrize("action", ["delete session", "delete run", "move", "merge", "duplicate", "duplicate session"])
def test_a_run_that_goes_on_stays_where_it_is(store: SessionStore, action: str) -> None:
    session, other = store.new_session("live"), store.new_session("other")
    journal = RunJournal.create(session.dir, request())
    before = digest(session.dir)
    actions: dict[str, Callable[[], object]] = {
        "delete session": lambda: Trash(store).delete_session(session),
        "delete run": lambda: Trash(store).delete_run(session, journal.run_id),
        "move": lambda: move_run(store, session, journal.run_id, other),
        "merge": lambda: merge_sessions(store, [session], other),
        "duplicate": lambda: duplicate_run(store, session, journal.run_id),
        "duplicate session": lambda: duplicate_session(store, session),
    }
    with pytest.raises(UsageError, match="is still going on") as caught:
        actions[action]()
    assert "cancel" in caught.value.hint
    assert digest(session.dir) == before
    journal.finish(result("x"))
    assert len(store.list_sessions()) == 2


def test_a_moved_run_takes_its_marks_and_group_with_it(store: SessionStore) -> None:
    source, (first, second, third) = grouped(store)
    target = store.new_session("b")
    before = state(store)
    group = store.read_run(source, first)[0].group
    target = move_run(store, source, first, target)
    # The group stays in both while both have runs of it.
    assert [(session.dir / "groups" / f"{group}.toml").exists() for session in (source, target)] == [True, True]
    target = move_run(store, store.open_session(source.dir), second, target)
    assert not (source.dir / "groups").exists()
    assert len(list((target.dir / "groups" / f"{group}.marks").iterdir())) == 1
    target = move_run(store, store.open_session(source.dir), third, target)
    assert state(store) == before
    assert sorted(info.id for info in store.runs(target)) == sorted(before)
    assert store.runs(source) == []
    for wrong, place in ((first, target), ("nothing", source)):
        with pytest.raises(UsageError):
            move_run(store, target, wrong, place)


def test_an_unsaved_run_takes_its_long_texts_along(store: SessionStore) -> None:
    unsaved = store.unsaved_session("kept elsewhere")
    run = add_run(unsaved, variables={"document": LONG})
    target = move_run(store, unsaved, run, store.new_session("home"))
    shutil.rmtree(unsaved.dir.parent.parent)
    assert store.open_run(target, run).request.variables["document"] == LONG


def test_merged_sessions_are_one(store: SessionStore) -> None:
    one, _ = grouped(store, "one")
    two, _ = grouped(store, "two")
    before = state(store)
    merged = merge_sessions(store, [two], one)
    assert state(store) == before
    assert [session.dir for session in store.list_sessions()] == [one.dir]
    assert (merged.title, merged.tags) == ("one", ("one", "two"))
    assert merged.note == "note of one\n\nnote of two"
    assert len(list((one.dir / "groups").glob("*.toml"))) == 2
    assert [entry.title for entry in Trash(store).list_trash()] == ["two"]


def test_a_duplicate_has_ids_of_its_own_and_keeps_its_lineage(store: SessionStore) -> None:
    session, runs = grouped(store)
    before = digest(session.dir)
    copy = duplicate_session(store, session)
    assert digest(session.dir) == before
    assert (copy.title, copy.tags, copy.note) == ("a (copy)", ("a",), "note of a")
    infos = store.runs(copy)
    assert not {info.id for info in infos} & set(runs)
    assert [info.first_words for info in infos] == ["one", "two", "three"]
    assert infos[1].parent == infos[0].id
    assert (infos[0].rating, infos[0].star, infos[2].note) == (5, True, "long")
    (plan,) = (copy.dir / "groups").glob("*.toml")
    assert plan.stem == infos[0].group != store.read_run(session, runs[0])[0].group
    assert plan.read_text() == f'id = "{plan.stem}"\nruns = ["{infos[0].id}", "{infos[1].id}"]\n'
    assert len(state(store)) == 6
    for info in infos:
        assert store.open_run(copy, info.id).request.id == info.id
        assert (store.recording(copy, info.id).head or {})["req"]["id"] == info.id
    again = duplicate_run(store, session, runs[1])
    assert store.read_run(store.open_session(session.dir), again)[0].parent == runs[0]
    assert store.open_run(session, again).request.id == again


def test_a_run_that_cannot_be_read_is_moved_and_duplicated_as_it_is(store: SessionStore) -> None:
    session, target = store.new_session("a"), store.new_session("b")
    path = session.dir / "runs" / f"{new_ulid()}.toml"
    path.write_bytes(b"<<<<<<< HEAD\n\xff")
    again = duplicate_run(store, session, path.stem)
    move_run(store, session, path.stem, target)
    copies = [session.dir / "runs" / f"{again}.toml", target.dir / "runs" / path.name]
    assert [copy.read_bytes() for copy in copies] == [b"<<<<<<< HEAD\n\xff"] * 2


def test_what_is_not_known_of_a_session_is_not_left_behind(store: SessionStore) -> None:
    source, runs = grouped(store)
    target = store.new_session("b")
    path = source.dir / "session.toml"
    whole = path.read_bytes()
    path.write_bytes(b"<<<<<<< HEAD\n" + whole + b"=======\n>>>>>>> other\n")
    broken = store.open_session(source.dir)
    before = [digest(session.dir) for session in (source, target)]
    for act in (
        lambda: merge_sessions(store, [broken], target),
        lambda: merge_sessions(store, [target], broken),
        lambda: move_run(store, broken, runs[0], target),
        lambda: duplicate_run(store, broken, runs[0], target),
        lambda: duplicate_session(store, broken),
    ):
        with pytest.raises(ConfigError, match="ratings") as raised:
            act()
        assert str(path) in raised.value.hint
    assert [digest(session.dir) for session in (source, target)] == before
    assert len(store.list_sessions()) == 2
    path.write_bytes(whole)
    merged = merge_sessions(store, [store.open_session(source.dir)], target)
    assert {run: info.rating for run in runs for info in store.runs(merged) if info.id == run}[runs[0]] == 5
