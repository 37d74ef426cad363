"""Values of the right kind that no file should have: what holds them is told of, everything else is listed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtool import request, result
from workbench.cli.main import main
from workbench.error import ExitCode
from workbench.session.groups import list_groups, write_group
from workbench.session.heads import heads
from workbench.session.index import SessionIndex
from workbench.session.journal import RunJournal
from workbench.session.store import Session, SessionStore
from workbench.session.trash import Trash
from workbench.tui.numbers import day_time, when
from workbench.workspace import init_workspace

TIMES = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionStore:
    space = init_workspace(tmp_path / "space")
    shutil.rmtree(space.sessions)
    monkeypatch.chdir(space.root)
    return SessionStore(space)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(["sessions", *words])
        out, talk = capfd.readouterr()
        return code, out, talk

    return call


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
