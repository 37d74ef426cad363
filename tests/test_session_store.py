"""Sessions: listed, opened, edited; by several people, on read-only folders, in every format."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.runtool import intact, pieces, request, result
from workbench.error import ConfigError, StorageError, UsageError
from workbench.session.ids import new_ulid, slug
from workbench.session.journal import RunJournal
from workbench.session.named import named_session
from workbench.session.store import Session, SessionStore
from workbench.workspace import Workspace, init_workspace

GOLDEN = REPO / "tests" / "data" / "session-v1"


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    space = init_workspace(tmp_path / "space")
    shutil.rmtree(space.sessions)
    return SessionStore(space)


def streaming(session: Session) -> RunJournal:
    """A run that has not ended; the journal is alive until ``abandon``."""
    journal = RunJournal.create(session.dir, request())
    for piece in pieces(["a", "東"]):
        journal.write(piece)
    journal.flush()
    return journal


def finished(session: Session, text: str = "done") -> RunJournal:
    journal = RunJournal.create(session.dir, request())
    journal.finish(result(text))
    return journal


def disown(journal: RunJournal, **claims: object) -> None:
    """As if another process had written the recording, and is gone or elsewhere."""
    journal.abandon()
    path = journal.path.with_suffix(".jsonl")
    first, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(json.dumps(json.loads(first) | claims).encode() + b"\n" + rest)


DEAD = {"pid": 2**30}


def test_a_new_session_is_a_folder_that_sorts_by_time(store: SessionStore) -> None:
    session = store.new_session("  Tone of\nvoice 東京 ", tags=["a"])
    assert (session.title, session.tags, session.unsaved) == ("Tone of voice 東京", ("a",), False)
    assert session.dir.parent.parent == store.workspace.sessions
    now = datetime.now(UTC)
    assert session.dir.parent.name == now.strftime("%Y-%m")
    assert session.dir.name.startswith(now.strftime("%Y%m%dT"))
    assert "-tone-of-voice-" in session.dir.name
    assert store.open_session(session.dir) == session


def test_newest_first_and_impossible_clocks_by_the_disk(store: SessionStore) -> None:
    for stamp in ("20260101T000000Z-b-0001", "20251231T235959Z-a-0001", "20260101T000000Z-a-0001"):
        (store.workspace.sessions / stamp[:6] / stamp / "runs").mkdir(parents=True)
    future = store.workspace.sessions / "2999-01" / "29990101T000000Z-c-0001"
    ancient = store.workspace.sessions / "1970-01" / "19700101T000000Z-d-0001"
    for folder, days in ((future, 400), (ancient, 0)):
        folder.mkdir(parents=True)
        moment = (datetime(2026, 11, 1, tzinfo=UTC) - timedelta(days=days)).timestamp()
        os.utime(folder, (moment, moment))
    listed = store.list_sessions()
    assert [info.dir.name[-6:] for info in listed] == ["d-0001", "b-0001", "a-0001", "a-0001", "c-0001"]
    assert [info.dir.name[:4] for info in store.list_sessions(limit=1)] == ["1970"]
    assert all(info.problem for info in listed)


def test_every_broken_thing_is_listed(store: SessionStore) -> None:
    session = store.new_session("broken")
    (session.dir / "session.toml").write_bytes(b"title = \xff\x00[")
    runs = session.dir / "runs"
    good = finished(session)
    contents = [b"", b"\0" * 900, b"<<<<<<< HEAD\n", b'status = "running"', b"format = 999", b"[" * 99_999]
    names = [new_ulid() for _ in contents]
    for name, content in zip(names, contents, strict=True):
        (runs / f"{name}.toml").write_bytes(content)
        (runs / f"{name}.jsonl").write_bytes(content)
    (runs / f"{new_ulid()}.toml").mkdir()
    (info,) = store.list_sessions()
    assert info.problem
    assert info.title == session.dir.name
    listed = {run.id: run for run in store.runs(info)}
    assert set(names) | {good.run_id} < set(listed)
    assert listed[good.run_id].status == "finished"
    assert listed[names[4]].newer
    assert store.recover() == []
    for name in names:
        assert store.open_run(info, name).request.id in (name, "")


def test_what_is_not_there_is_said(store: SessionStore) -> None:
    session = store.new_session("x")
    with pytest.raises(StorageError, match="no run"):
        store.open_run(session, new_ulid())
    for name in ("../session", "", ".x", "a/b"):
        with pytest.raises(StorageError, match="no run id"):
            store.open_run(session, name)
    with pytest.raises(UsageError):
        store.open_session(session.dir / "none")
    with pytest.raises(UsageError):
        store.find_run(new_ulid())
    assert store.find_run(finished(session).run_id) == session


def test_the_golden_files_of_format_1_open(store: SessionStore) -> None:
    shutil.copytree(GOLDEN, store.workspace.sessions)
    before = {path: path.read_bytes() for path in store.workspace.sessions.rglob("*") if path.is_file()}
    (session,) = store.list_sessions()
    assert (session.title, session.tags, session.problem) == ("Golden 東京", ("sample",), "")
    done, broken = store.runs(session)
    assert (done.status, done.rating, done.template) == ("finished", 4, "templates/say.j2")
    record = store.open_run(session, done.id)
    assert record.request == request(id=done.id)
    assert record.result == result("In 東京\r\n it rains 👩‍💻.\n\x1b[2J ")
    view = store.recording(session, done.id)
    assert intact(view)
    assert view.text == record.result.text
    assert (broken.status, broken.first_words) == ("interrupted", "half")
    assert store.recover() == []
    assert {path: path.read_bytes() for path in before} == before


def test_a_newer_format_is_shown_and_never_changed(store: SessionStore) -> None:
    session = store.new_session("x")
    journal = streaming(session)
    disown(journal, **DEAD, v=2)
    text = journal.path.read_text(encoding="utf-8").replace("format = 1", "format = 2")
    journal.path.write_text(text, encoding="utf-8")
    settings = session.dir / "session.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("format = 1", "format = 2"), encoding="utf-8")
    newer = store.open_session(session.dir)
    assert newer.newer
    assert store.runs(newer)[0].newer
    assert store.recover() == []
    with pytest.raises(StorageError, match="newer version"):
        store.set_title(newer, "y")
    assert journal.path.read_text(encoding="utf-8") == text


def test_an_edited_text_is_marked_and_not_repaired(store: SessionStore) -> None:
    session = store.new_session("x")
    journal = finished(session, "It rains.")
    path = journal.path
    path.write_text(path.read_text(encoding="utf-8").replace("It rains.", "It shines."), encoding="utf-8")
    record = store.open_run(session, journal.run_id)
    assert (record.edited, record.result.text) == (True, "It shines.")
    assert store.runs(session)[0].edited
    assert store.recover() == []


def test_one_key_changes_and_the_comments_stay(store: SessionStore) -> None:
    session = store.new_session("old")
    path = session.dir / "session.toml"
    text = path.read_text(encoding="utf-8") + "\n# mine\n[extra]\nkey = 1 # why\n"
    path.write_text(text, encoding="utf-8")
    run_id = finished(session).run_id
    session = store.set_title(session, "new “title”")
    session = store.set_tags(session, ["a", "b"])
    session = store.rate_run(session, run_id, 4)
    session = store.note_run(session, run_id, "good\nopening")
    session = store.rate_run(session, run_id, 5)
    assert (session.title, session.tags) == ("new “title”", ("a", "b"))
    (info,) = store.runs(session)
    assert (info.rating, info.note) == (5, "good\nopening")
    changed = path.read_text(encoding="utf-8")
    assert "\n# mine\n[extra]\nkey = 1 # why\n" in changed
    assert store.rate_run(session, run_id, 0).runs[run_id] == {"note": "good\nopening"}
    with pytest.raises(UsageError):
        store.rate_run(session, run_id, 6)


def test_line_ends_and_byte_order_mark_stay(store: SessionStore) -> None:
    session = store.new_session("old")
    run_id = finished(session).run_id
    path = session.dir / "session.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"# mine\r\n")
    session = store.rate_run(store.open_session(session.dir), run_id, 4)
    session = store.set_title(session, "new")
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbfformat")
    assert data.count(b"\n") == data.count(b"\r\n") > 5
    assert b"# mine\r\n" in data
    assert (session.title, session.runs[run_id]["rating"]) == ("new", 4)


def test_a_value_of_the_wrong_kind_is_told_as_such(store: SessionStore) -> None:
    session = store.new_session("a")
    path = session.dir / "session.toml"
    for wrong in ('"a,b"', "[1, 2]"):
        before = path.read_text()
        path.write_text(before.replace("tags = []", f"tags = {wrong}"))
        spoilt = path.read_bytes()
        with pytest.raises(ConfigError, match="written by hand as") as raised:
            store.set_tags(store.open_session(session.dir), ["x"])
        assert str(path) in raised.value.hint
        assert "tags = [" in raised.value.hint
        assert path.read_bytes() == spoilt
        path.write_text(before)


def test_edits_of_two_people_merge_and_a_real_conflict_is_said(store: SessionStore) -> None:
    mine = store.new_session("old")
    theirs = store.open_session(mine.dir)
    store.set_tags(theirs, ["x"])
    assert store.set_title(mine, "mine").tags == ("x",)
    with pytest.raises(StorageError, match="changed elsewhere to 'mine'"):
        store.set_title(theirs, "theirs")
    assert store.open_session(mine.dir).title == "mine"


def test_a_read_only_workspace_is_browsed_and_new_runs_go_to_the_state_folder(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = store.new_session("old")
    finished(old)
    monkeypatch.setattr(Workspace, "writable", property(lambda _self: False))
    new = store.new_session("new")
    assert new.unsaved
    assert store.workspace.state_dir in new.dir.parents
    run_id = finished(new).run_id
    assert {info.title for info in store.list_sessions()} == {"old", "new"}
    assert store.open_run(new, run_id).result.text == "done"


def test_a_session_that_many_name_at_once_is_one(store: SessionStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = [SessionStore(store.workspace) for _ in range(8)]
        found = list(pool.map(lambda item: named_session(item, " Same  name "), stores))
    assert len({session.dir for session in found}) == 1
    (only,) = store.list_sessions()
    assert only.title == "Same name"
    for name in ("Same name", only.dir.name, only.id):
        assert named_session(store, name).dir == only.dir


def test_a_named_session_of_a_read_only_workspace_has_one_of_that_title_beside_it(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = store.new_session("Alpha")
    monkeypatch.setattr(Workspace, "writable", property(lambda _self: False))
    beside = named_session(store, old.dir.name)
    assert (beside.unsaved, beside.title) == (True, "Alpha")
    assert named_session(store, "Alpha").dir == beside.dir
    assert len(store.list_sessions()) == 2


def test_titles_become_file_names_that_travel() -> None:
    assert slug("Tone of Voice: v2/ß?") == "tone-of-voice-v2"
    assert slug("東京") == "session"
    assert len(slug("word " * 40)) <= 32


def test_ids_sort_by_their_making() -> None:
    made = [new_ulid() for _ in range(2000)]
    assert made == sorted(set(made))
    assert {len(ulid) for ulid in made} == {26}
