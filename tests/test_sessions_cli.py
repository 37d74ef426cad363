"""The actions of ``workbench sessions`` that find, mark, arrange and clear up, through the command line."""

from __future__ import annotations

import json

import pytest

from tests.runtool import request, result
from tests.sessiontool import Run, run, store
from workbench.cli.main import main
from workbench.error import ExitCode
from workbench.session.ids import new_ulid
from workbench.session.journal import RunJournal
from workbench.session.store import Session, SessionStore
from workbench.workspace import Workspace

__all__ = ["run", "store"]


def add_run(session: Session, text: str) -> str:
    journal = RunJournal.create(session.dir, request())
    journal.finish(result(text))
    return journal.run_id


def test_search_finds_and_pipes(store: SessionStore, run: Run) -> None:
    session = store.new_session("weather", tags=["good"])
    first, second = add_run(session, "rain in 東京"), add_run(session, "sun \x1b[31m rain")
    code, out, _ = run("search", "rain", "tag:good", "--limit", "1")
    assert code == ExitCode.OK
    assert out.splitlines()[0].split() == ["CREATED", "(UTC)", "RUN", "MODEL", "TOKENS", "RATED", "TITLE", "TEXT"]
    assert len(out.splitlines()) == 2
    assert second in out
    assert "\x1b" not in out
    hits = json.loads(run("search", "京", "--format", "json")[1])
    assert [(hit["run_id"], hit["session"], hit["title"]) for hit in hits] == [(first, session.dir.name, "weather")]
    assert hits[0]["snippet"] == {"text": "rain in 東京", "spans": [[9, 10]], "column": "output"}
    lines = run("search", "--format", "jsonl", "--order", "best", "--", "-東京")[1].splitlines()
    assert [json.loads(line)["run_id"] for line in lines] == [second]
    assert run("search", "nothing here")[:2] == (ExitCode.OK, "")
    code, _, talk = run("search", "tga:good")
    assert code == ExitCode.USAGE
    assert "Did you mean 'tag:'?" in talk
    assert run("search", "x", "--limit", "0")[0] == ExitCode.USAGE


def test_marks_are_put_and_printed(store: SessionStore, run: Run) -> None:
    session = store.new_session("a b", tags=["draft"])
    name = add_run(session, "x")
    assert run("tag", "a b", "+good one", "-draft", "-none")[:2] == (ExitCode.OK, "good one\n")
    assert run("tag", "a b", "good")[0] == ExitCode.USAGE
    assert run("tag", "a b", "--quiet")[0] == ExitCode.USAGE
    assert run("rename", "a b", "c")[0] == ExitCode.OK
    assert run("note", "c", "hello")[0] == run("note", name.lower(), "of the run")[0] == ExitCode.OK
    assert (run("note", "c")[1], run("note", name)[1]) == ("hello\n", "of the run\n")
    assert run("rate", name, "4", "--star", "yes")[0] == ExitCode.OK
    (info,) = store.runs(store.open_session(session.dir))
    assert (info.rating, info.star, info.note) == (4, True, "of the run")
    assert [run("rate", *words)[0] for words in ((name,), (name, "6"), ("x", "1"))] == [ExitCode.USAGE] * 3
    assert json.loads(run("search", "star:yes", "rating:4", "--format", "json")[1])[0]["title"] == "c"


def test_what_is_deleted_comes_back(store: SessionStore, run: Run) -> None:
    session = store.new_session("a")
    name = add_run(session, "x")
    code, out, talk = run("rm", name, "a")
    tokens = out.split()
    assert (code, len(tokens)) == (ExitCode.OK, 2)
    assert f"restore {tokens[0]}" in talk
    assert store.list_sessions() == []
    assert all(token in run("restore")[1] for token in tokens)
    assert run("restore", tokens[1], tokens[0])[:2] == (ExitCode.OK, f"{session.dir.name}\n" * 2)
    assert [info.id for info in store.runs(session)] == [name]
    assert "empty" in run("restore")[2]
    assert run("rm", "a", "missing")[0] == ExitCode.USAGE
    assert len(store.list_sessions()) == 1


def test_sessions_are_arranged(store: SessionStore, run: Run) -> None:
    one, two, same = store.new_session("one"), store.new_session("two"), store.new_session("same")
    runs = [add_run(one, "1"), add_run(one, "2"), add_run(two, "3")]
    assert run("move", runs[0], "--to", "two")[0] == ExitCode.OK
    assert len(store.runs(two)) == 2
    copy = run("duplicate", runs[0], "--to", "one")[1].strip()
    assert copy in [info.id for info in store.runs(one)]
    assert run("duplicate", "one", "--title", "same")[0] == ExitCode.OK
    code, _, talk = run("merge", "one", "--to", "same")
    assert code == ExitCode.USAGE
    assert same.dir.name in talk
    assert run("merge", "one", "two", "--to", same.dir.name)[1].strip() == same.dir.name
    assert {info.id for info in store.runs(same)} == {*runs, copy}
    assert run("duplicate", runs[0], "--title", "x")[0] == ExitCode.USAGE


def test_upkeep(store: SessionStore, run: Run) -> None:
    session = store.new_session("a")
    add_run(session, "x")
    run("rm", "a")
    code, out, _ = run("gc", "--days", "0", "--dry-run")
    assert (code, out.split("\t")[0]) == (ExitCode.OK, "trash")
    assert run("gc", "--days", "-1")[0] == ExitCode.USAGE
    assert run("gc", "--days", "0")[1] == out
    assert "nothing to remove" in run("gc", "--days", "0")[2]
    assert "current format" in run("migrate")[2]
    newer = store.new_session("b").dir / "session.toml"
    newer.write_text(newer.read_text().replace("format = 1", "format = 9"))
    assert run("migrate", "--write")[1] == f"session\t9\t1\t{newer}\tit was written by a newer version\n"
    code, out, talk = run("reindex")
    assert (code, out) == (ExitCode.OK, "")
    assert "1 session and 0 runs" in talk


def test_a_copy_that_the_workspace_cannot_take_is_told_with_its_place(
    store: SessionStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = store.new_session("one")
    add_run(session, "text")
    monkeypatch.setattr(Workspace, "writable", property(lambda _self: False))
    code, out, talk = run("duplicate", "one")
    (copy,) = (item for item in store.list_sessions() if item.unsaved)
    assert (code, out.strip()) == (ExitCode.OK, copy.dir.name)
    assert str(copy.dir) in talk.replace("\n", "")


def test_a_run_lands_in_the_session_that_was_named_even_beside_a_read_only_workspace(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.new_session("Alpha")
    (store.workspace.templates / "q.j2").write_text("hello")
    monkeypatch.setenv("WORKBENCH_SCRIPT", json.dumps({"echo": True}))
    monkeypatch.setattr(Workspace, "writable", property(lambda _self: False))
    for _ in range(2):
        assert main(["run", "q", "--engine", "scripted", "--session", "Alpha"]) == ExitCode.OK
    (beside,) = (item for item in store.list_sessions() if item.unsaved)
    assert beside.title == "Alpha"
    assert len(store.runs(beside)) == 2


def test_a_group_is_named_by_its_id_as_a_run_is(store: SessionStore, run: Run) -> None:
    session = store.new_session("grid")
    group = new_ulid()
    ids = []
    for pane, text in enumerate(("one", "two")):
        journal = RunJournal.create(session.dir, request(group=group, pane=pane))
        journal.finish(result(text))
        ids.append(journal.run_id)
    other = add_run(session, "three")
    for name in (group, group.lower()):
        shown = run("show", name)[1]
        assert all(run_id in shown for run_id in ids)
        assert other not in shown
    assert [item["id"] for item in json.loads(run("show", group, "--format", "json")[1])["runs"]] == ids
    lines = run("export", group, "--format", "jsonl")[1].splitlines()
    assert [json.loads(line)["id"] for line in lines] == ids
    assert run("export", group, "--format", "cast")[0] == ExitCode.OK
    assert {item["run"] for item in json.loads(run("verify", group, "--no-save", "--format", "json")[1])} == set(ids)
    assert run("show", new_ulid())[0] == ExitCode.USAGE


def test_a_session_where_a_run_is_wanted_is_told_with_the_way_to_its_runs(store: SessionStore, run: Run) -> None:
    add_run(store.new_session("Al pha"), "text")
    code, _, talk = run("rerun", "Al pha")
    assert (code, "is a session" in talk, "sessions show 'Al pha'" in talk) == (ExitCode.USAGE, True, True)
    code, _, talk = run("rerun", "nothing")
    assert (code, "there is no run 'nothing'" in talk, "sessions search" in talk) == (ExitCode.USAGE, True, True)
