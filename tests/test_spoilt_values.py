"""Values of the right kind that no file should have: what holds them is told of, everything else is listed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runtool import request, result
from tests.sessiontool import Run, run, store
from workbench.cli.main import main
from workbench.error import ExitCode
from workbench.record import Prompt
from workbench.session.groups import list_groups, write_group
from workbench.session.heads import heads
from workbench.session.index import SessionIndex
from workbench.session.journal import RunJournal
from workbench.session.store import Session, SessionStore
from workbench.session.trash import Trash
from workbench.tui.numbers import day_time, when

TIMES = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
__all__ = ["run", "store"]


def add_run(session: Session, text: str) -> Path:
    journal = RunJournal.create(session.dir, request())
    journal.finish(result(text))
    return journal.path


def put(path: Path, key: str, value: str) -> None:
    """One value of a file is another, as by a slip of somebody's hand."""
    text, count = re.subn(rf"^{key} = .*$", f"{key} = {value}", path.read_text(), count=1, flags=re.M)
    assert count == 1
    path.write_text(text)


@pytest.mark.parametrize("moment", TIMES)
def test_a_time_that_utc_does_not_have_stops_no_command(store: SessionStore, run: Run, moment: str) -> None:
    session = store.new_session("spoilt")
    path, whole = add_run(session, "one"), add_run(session, "two")
    put(path, "created", moment)
    put(session.dir / "session.toml", "created", moment)
    write_group(session, "grid", {"a": 1})
    put(list_groups(session)[0].path, "created", moment)
    for words in (
        *(("show", name) for name in ("spoilt", path.stem, whole.stem)),
        ("list",),
        ("search", "two"),
        ("history", whole.stem),
        ("play", path.stem, "--speed", "64"),
        *(("export", "spoilt", "--format", form) for form in ("html", "csv", "cast", "json")),
    ):
        assert run(*words)[0] == ExitCode.OK, words
    assert "impossible" in run("list")[1]
    problems = {info.id: info.problem for info in store.runs(session)}
    assert ("created" in problems[path.stem], problems[whole.stem]) == (True, "")
    assert {head.id for head in heads(store)} == {path.stem, whole.stem}
    assert [group.created for group in list_groups(session)] == [""]
    token = Trash(store).delete_session(store.new_session("gone"))
    put(store.workspace.sessions / ".trash" / token / "trash.toml", "deleted", moment)
    assert token in run("restore")[1]
    assert run("gc")[0] == ExitCode.OK
    assert (when(moment), day_time(moment)) == ("?", "?") or not moment.startswith("0001")


@pytest.mark.parametrize("value", ["-99999999999999999999999", "99999999999999999999999", "-1"])
@pytest.mark.parametrize("key", ["tokens_out", "ms_total", "ms_first", "threads", "bytes"])
def test_a_number_out_of_range_is_told_and_keeps_no_other_run_out(
    store: SessionStore, run: Run, key: str, value: str
) -> None:
    session = store.new_session("spoilt")
    path, whole = add_run(session, "word one"), add_run(session, "word two")
    put(path, key, value)
    put(session.dir / "session.toml", "title", f'"spoilt"\n[runs.{path.stem}]\nrating = {value}')
    hits = json.loads(run("search", "word", "--format", "json", "--limit", "9" * 20)[1])
    assert {hit["run_id"] for hit in hits} == {path.stem, whole.stem}
    assert {hit["rating"] for hit in hits} == {0}
    problems = {info.id: info.problem for info in store.runs(session)}
    assert (key in problems[path.stem], problems[whole.stem]) == (True, "")
    assert run("reindex")[0] == run("show", "spoilt")[0] == run("export", "spoilt", "--format", "html")[0] == 0


def test_one_row_that_the_index_cannot_hold_keeps_no_other_out(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = store.new_session("odd")
    for text in ("word one", "word two"):
        add_run(session, text)
    monkeypatch.setattr("workbench.session.runread._MOST", 1 << 200)
    put(next((session.dir / "runs").glob("*.toml")), "tokens_out", str(1 << 100))
    index = SessionIndex(store.workspace, store=store)
    index.refresh()
    assert len(index.search("word")) == 2
    index.close()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda blob: (blob.chmod(0o644), blob.write_bytes(b"garbage"))])
def test_a_text_that_is_gone_is_never_taken_for_one(
    store: SessionStore, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], object]
) -> None:
    topic = "long story " * 8000
    (tmp_path / "topic.txt").write_text(topic)
    (store.workspace.templates / "t.j2").write_text("{{ topic[:40] }}")
    monkeypatch.setenv("WORKBENCH_SCRIPT", json.dumps({"echo": True}))
    words = ("run", "t", "--engine", "scripted", "--set-file", f"topic={tmp_path / 'topic.txt'}", "--session", "S")
    assert main(list(words)) == ExitCode.OK
    (session,) = store.list_sessions()
    (info,) = store.runs(session)
    (blob,) = (path for path in (store.workspace.sessions / "blobs").rglob("*") if path.is_file())
    spoil(blob)
    code, _, talk = run("rerun", info.id, "--seed", "4")
    assert (code, "variables.topic" in talk, "--set-file topic=" in talk) == (ExitCode.STORAGE, True, True)
    assert [item.id for item in store.runs(session)] == [info.id]
    assert "variables.topic" in json.loads(run("list", "--format", "json")[1])[0]["runs"][0]["problem"]
    assert json.loads(run("show", info.id, "--format", "json")[1])["missing"]["variables.topic"]["blob"] == blob.name
    # What the model saw is there all the same, and so it can be shown and repeated.
    assert run("show", info.id, "--exact")[:2] == (ExitCode.OK, topic[:40])
    code, out, _ = run("verify", info.id, "--no-save")
    assert (code, "does not render" in out, "variables.topic" in out) == (ExitCode.OK, False, True)
    exported = run("export", info.id, "--format", "jsonl")[1]
    assert json.loads(exported)["variables"]["topic"] == {"blob": blob.name, "bytes": len(topic), "missing": True}
    (tmp_path / "back.jsonl").write_text(exported)
    run("rm", "S")
    assert run("import", str(tmp_path / "back.jsonl"))[0] == ExitCode.OK
    (again,) = store.list_sessions()
    assert "variables.topic" in store.runs(again)[0].problem
    assert run("rerun", info.id, "--set-file", f"topic={tmp_path / 'topic.txt'}")[0] == ExitCode.OK
    # That wrote the text again, for every run that names it.
    assert [item.problem for item in store.runs(again)] == ["", ""]


def test_a_prompt_that_is_gone_is_not_shown_as_exact_nor_trained_on(store: SessionStore, run: Run) -> None:
    session = store.new_session("S")
    prompt = Prompt("text", text="p" * 70_000, model_text="p" * 70_000)
    journal = RunJournal.create(session.dir, replace(request(), prompt=prompt))
    journal.finish(replace(result("x"), status="finished"))
    store.rate_run(session, journal.run_id, 5)
    assert run("show", journal.run_id, "--exact")[:2] == (ExitCode.OK, "p" * 70_000)
    assert run("export", "S", "--format", "chat")[1].count("\n") == 1
    for path in (store.workspace.sessions / "blobs").rglob("??/*"):
        path.unlink()
    code, out, talk = run("show", journal.run_id, "--exact")
    assert (code, out, "sessions/blobs/" in talk) == (ExitCode.STORAGE, "", True)
    for form in ("chat", "pairs"):
        code, out, talk = run("export", "S", "--format", form)
        assert (out, "1 run whose prompt is missing" in talk) == ("", True)
    code, out, talk = run("verify", journal.run_id)
    assert (code, "missing" in out + talk) == (ExitCode.USAGE, True)
