"""Imports: our own exports to the byte, nothing twice, every fault with its place; other tools in a file beside it."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ingesttool import DATA, NewStore, imported, runs_of, store_maker, written
from tests.runtool import intact, pieces, request, result
from workbench.cli.main import main
from workbench.error import ExitCode, StorageError, UsageError
from workbench.event import Chatter, Piece, TokenScore
from workbench.record import Message, Prompt
from workbench.session.export import ExportOptions, ExportRun, export
from workbench.session.ids import iso
from workbench.session.index import SessionIndex
from workbench.session.info import RunRecord, Session
from workbench.session.journal import RunJournal
from workbench.session.reader import RecordingView
from workbench.session.store import SessionStore
from workbench.textio import Disk

GROUP = "01KBXS3GCSGG00000000000009"


@pytest.fixture
def new_store(tmp_path: Path) -> NewStore:
    return store_maker(tmp_path)


@pytest.fixture
def store(new_store: NewStore) -> SessionStore:
    return new_store()


def snapshot(store: SessionStore) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in store.workspace.root.rglob("*") if path.is_file()}


def filled(store: SessionStore) -> Session:
    """A session with marks, a long text kept apart, a cancelled run, a re-run, and recordings."""
    session = store.note_run(store.new_session("Tone", tags=["a", "東"]), "", "")
    session = store.set_note(session, "two\nlines")
    ids: list[str] = []
    for text, more in (
        ("In 東京 it rains.\n", {}),
        ("\x1b[2J\ud800", {"variables": {"long": "雨" * 40_000}}),
        ("", {}),
    ):
        journal = RunJournal.create(session.dir, request(parent=ids[0] if ids else "", group=GROUP, **more))
        for piece in pieces([text[:3], text[3:]]):
            journal.write(piece)
        journal.write(Chatter(30, "warning"))
        journal.mark("look", 40)
        journal.finish(result(text))
        ids.append(journal.run_id)
    session = store.note_run(store.rate_run(session, ids[0], 4), ids[0], "good\n")
    return store.star_run(session, ids[1], True)


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_our_own_exports_come_back_exactly(form: str, new_store: NewStore, tmp_path: Path) -> None:
    source, target = new_store(), new_store()
    session = filled(source)
    path = written(source, form, tmp_path / f"out.{form}")
    report, said = imported(target, path)
    assert (report.added, report.known, said) == (3, 0, [])
    before = runs_of(source)
    assert runs_of(target) == before
    (copy,) = target.list_sessions()
    names = ("id", "title", "created", "tags", "note", "runs", "problem")
    assert [getattr(copy, name) for name in names] == [getattr(session, name) for name in names]
    for name in before:
        old, new = source.recording(session, name), target.recording(copy, name)
        assert (new.pieces, new.chatter, new.marks) == (old.pieces, old.chatter, old.marks)
        assert intact(new)
    files = snapshot(target)
    report, _ = imported(target, path)
    assert (report.added, report.known, report.sessions) == (0, 3, ())
    assert snapshot(target) == files
    assert imported(source, path)[0].known == 3


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters()), min_size=5, max_size=5),
    steps=st.lists(st.tuples(st.integers(0, 999), st.text(min_size=1)), max_size=4),
)
def test_any_text_survives_the_way_out_and_in(
    store: SessionStore, tmp_path: Path, texts: list[str], steps: list[tuple[int, str]]
) -> None:
    prompt = Prompt("messages", messages=(Message("system", texts[0]), Message("user", texts[1])))
    out = "".join(text for _, text in steps) or texts[2]
    wanted = request(prompt=prompt, variables={texts[3]: [texts[4], None, 1.5]}, group="", parent="")
    events = [Piece(sum(at for at, _ in steps[: i + 1]), i, text) for i, (_, text) in enumerate(steps)]
    view = RecordingView(pieces=events)
    session = Session(tmp_path, "01KBXS3GCSGG000000000000AA", texts[0], "")
    run = ExportRun(wanted.id, session, RunRecord(wanted, result(out)), 3, False, "", lambda: view)
    path = tmp_path / "any.jsonl"
    options = ExportOptions(events=True, environment={})
    path.write_text("".join(export([run], "jsonl", options)), encoding="utf-8", newline="")
    assert imported(store, path)[0].added == 1
    found = store.find_run(wanted.id)
    record = store.open_run(found, wanted.id)
    assert (record.request, record.result, record.edited) == (wanted, result(out), False)
    assert store.recording(found, wanted.id).text == "".join(piece.text for piece in events)
    assert imported(store, path)[0].known == 1


def test_pieces_keep_the_scores_of_their_tokens(tmp_path: Path, store: SessionStore) -> None:
    piece = Piece(5, 0, "a", 1, (TokenScore("a", -0.5, (("a", -0.5), ("b", -1.5))),))
    session = Session(tmp_path, "", "x", "")
    run = ExportRun("", session, RunRecord(request(), result("a")), recording=lambda: RecordingView(pieces=[piece]))
    (line,) = export([run], "jsonl", ExportOptions(events=True, environment={}))
    assert json.loads(line)["events"]["pieces"] == [[5, 0, "a", 1, [["a", -0.5, [["a", -0.5], ["b", -1.5]]]]]]
    path = tmp_path / "x.jsonl"
    path.write_text(line)
    assert imported(store, path)[0].added == 1


def test_the_same_id_with_another_text_becomes_a_run_of_its_own(new_store: NewStore, tmp_path: Path) -> None:
    source, target = new_store(), new_store()
    filled(source)
    path = written(source, "jsonl", tmp_path / "out.jsonl", events=False)
    imported(target, path)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines[0]["result"]["text"] = "changed by hand"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report, said = imported(target, path)
    assert (report.added, report.known, len(said)) == (1, 2, 1)
    assert "shown as edited" in said[0]
    assert imported(target, path)[0].added == 0
    changed = [record for record in runs_of(target).values() if record.result.text == "changed by hand"]
    assert [record.edited for record in changed] == [True]
    assert len(runs_of(target)) == 4


def test_a_session_takes_everything_when_it_is_named(store: SessionStore) -> None:
    report, _ = imported(store, DATA / "chatgpt.json", session="All here")
    assert imported(store, DATA / "llm-logs.json", session="All here")[0].sessions == report.sessions
    assert [(item.title, len(store.runs(item))) for item in store.list_sessions()] == [("All here", 7)]


@pytest.mark.parametrize("stated", [True, False])
def test_sessions_come_back_in_the_order_that_they_had(stated: bool, new_store: NewStore, tmp_path: Path) -> None:
    source, target = new_store(), new_store()
    began = datetime(2025, 3, 1, 12, tzinfo=UTC)
    for number, title in enumerate(("first", "second", "third")):
        session = source.new_session(title, created=began + timedelta(days=number))
        journal = RunJournal.create(
            session.dir, replace(request(), created=iso(began + timedelta(days=number, hours=1)))
        )
        journal.finish(result(title))
    path = written(source, "jsonl", tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in () if stated else lines:
        del line["session"]["created"]
    path.write_text("".join(json.dumps(line) + "\n" for line in reversed(lines)))
    imported(target, path)
    again = target.list_sessions()
    assert [item.title for item in again] == ["third", "second", "first"]
    later = timedelta(hours=0 if stated else 1)
    assert [item.created for item in again] == [iso(began + later + timedelta(days=days)) for days in (2, 1, 0)]
    assert again[0].dir.parent.name == "2025-03"


# -- what is malformed -----------------------------------------------------------------------------------------

RUN = '{"format": 1, "kind": "run", "id": "x", "created": "2026-01-01", "prompt": {}, "result": {"text": ""}}'
MALFORMED = {
    "": "it is empty",
    "{": "line 1, column 2: no JSON",
    '{"a": 1}\n': "it is nothing that can be imported",
    "[]": "it is nothing that can be imported",
    "nonsense": "no JSON",
    "\xff": "no JSON",
    RUN + "\n{]\n": "line 2, column 2: no JSON",
    RUN.replace('"format": 1', '"format": 9'): "newer version",
    RUN.replace('"format": 1', '"format": "1"'): "it is no run",
    RUN.replace("2026-01-01", "yesterday"): "'created' is no time",
    RUN.replace("2026-01-01", "9999-12-31T23:59:59-12:00"): "'created' is no time",
    RUN.replace('"prompt"', '"promt"'): "'prompt' is missing",
    RUN.replace('"text"', '"txt"'): "'result.text' is missing",
    RUN[:-1] + ', "events": {"pieces": [[1, 2]]}}': "events: they are not of the form",
    RUN[:-1] + ', "events": 5}': "events: they are not of the form",
    '{"kind": "export", "runs": [5]}': "run 1: it is no table",
    '{"kind": "export"}': "runs: it is no list",
    '[{"prompt": 1, "response": "x"}]': "response 1: 'prompt' is no text",
    '[{"prompt": "", "response": ""}, 5]': "response 2: it is no table",
    '[{"mapping": {}}, {"mapping": []}]': "conversation 2: 'mapping' is missing",
    '[{"mapping": {"a": 5}}]': "conversation 1, node 'a': it is no table",
    '{"messages": []}': "no list of messages",
    '{"messages": [{"role": "user", "content": "a"}]}': "no answer",
    '{"messages": [{"role": "user", "content": 5}]}': "message 1: its 'content'",
    '{"messages": ["x"]}': "message 1: a message needs",
    '{"a":' * 300 + "1" + "}" * 300: "nested too deeply",
    "[" * 200_000: "nested too deeply",
    '{"kind": "run", "n": ' + "9" * 5000 + "}": "a number is too long",
}


@pytest.mark.parametrize(("text", "what"), MALFORMED.items(), ids=range(len(MALFORMED)))
@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_malformed_input_is_told_with_its_place(
    text: str, what: str, ending: str, store: SessionStore, tmp_path: Path
) -> None:
    path = tmp_path / f"bad.{ending}"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"bad\.jsonl?: ") as caught:
        imported(store, path)
    told = caught.value.message
    # Of lines the line is named as well; a document on one line is also a line.
    assert what in told or ("line 1" in told and what.rpartition(": ")[2] in told), told
    assert len(told) < 300


def test_bytes_that_are_no_text_and_lines_without_end(
    store: SessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(RUN.encode() + b'\n{"a": "\xff"}\n')
    with pytest.raises(UsageError, match="line 2: byte 8 is not UTF-8"):
        imported(store, path)
    assert len(runs_of(store)) == 1
    monkeypatch.setattr("workbench.session.ingest.jsonfile.LINE_LIMIT", 500)
    path.write_bytes(b"[" + b" " * 600 + b"]\n")
    with pytest.raises(UsageError, match="line 1: it is longer than"):
        imported(store, path)
    monkeypatch.setattr("workbench.session.ingest.jsonfile.DOCUMENT_LIMIT", 500)
    with pytest.raises(StorageError, match="larger than"):
        imported(store, path.rename(tmp_path / "x.json"))


KEYS = (
    *("kind", "format", "id", "created", "prompt", "result", "text", "events", "pieces", "session", "marks", "params"),
    *("runs", "mapping", "parent", "message", "author", "role", "content", "parts", "content_type", "create_time"),
    *("messages", "response", "options_json", "variables", "model", "engine"),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["run", "export", "user", "2026-01-01"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=8),
)


@given(VALUES)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_file_holds_it_is_taken_or_refused(store: SessionStore, tmp_path: Path, value: Any) -> None:
    for path in (tmp_path / "any.json", tmp_path / "any.jsonl"):
        path.write_text(json.dumps(value))
        try:
            imported(store, path)
        except UsageError as error:
            refused = error.message
        else:
            refused = path.name
        assert refused.startswith(path.name)


# -- with everything else --------------------------------------------------------------------------------------


def test_imported_runs_are_listed_shown_found_and_exported(
    store: SessionStore, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    root = str(store.workspace.root)
    assert (
        main(["--workspace", root, "sessions", "import", str(DATA / "chatgpt.json"), str(DATA / "llm-logs.json")]) == 0
    )
    out, err = capfdbinary.readouterr()
    assert sorted(out.decode().split()) == sorted(session.dir.name for session in store.list_sessions())
    assert b"chatgpt.json: 3 runs imported" in err
    assert main(["--workspace", root, "sessions", "import", str(DATA / "chatgpt.json")]) == 0
    out, err = capfdbinary.readouterr()
    assert (out, b"nothing new, 3 runs here already" in err) == (b"", True)
    for session in store.list_sessions():
        assert not session.problem
        for info in store.runs(session):
            assert (info.problem, info.edited, info.status, info.engine) == ("", False, "finished", "imported")
    index = SessionIndex(store.workspace, store=store)
    index.refresh()
    assert {hit.title for hit in index.search("東京")} == {"Rain"}
    index.close()
    (run_id,) = [name for name, record in runs_of(store).items() if record.result.text == "Often."]
    assert main(["--workspace", root, "sessions", "show", run_id]) == 0
    assert capfdbinary.readouterr().out == b"Often."
    assert main(["--workspace", root, "sessions", "import", "nowhere.json"]) == 2


class Full(Disk):
    """Has room for two run files, until there is more."""

    def __init__(self) -> None:
        self.left = 2

    def replace(self, source: Path, target: Path) -> None:
        if target.parent.name == "runs":
            if not self.left:
                raise OSError(errno.ENOSPC, "full")
            self.left -= 1
        super().replace(source, target)


def test_a_full_disk_leaves_whole_runs_and_the_rest_comes_later(store: SessionStore) -> None:
    full = SessionStore(store.workspace, disk=Full())
    with pytest.raises(StorageError, match="disk full"):
        imported(full, DATA / "chatgpt.json")
    assert sorted(record.result.text for record in runs_of(store).values()) == ["No.", "Yes."]
    assert imported(store, DATA / "chatgpt.json")[0].added == 1
    assert len(store.list_sessions()) == 1


def test_one_bad_file_keeps_no_other_out_and_says_what_could_come_in(
    store: SessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(store.workspace.root)
    (tmp_path / "bad.csv").write_text("id,text\n1,x\n")
    chat = str(DATA / "chatgpt.json")
    assert main(["sessions", "import", str(tmp_path / "bad.csv"), chat]) == ExitCode.USAGE
    out, talk = capsys.readouterr()
    told = " ".join(talk.split())
    assert "bad.csv: " in told
    assert "Nothing was imported." in told
    assert "'sessions export'" in told
    assert "What stood before" not in told
    assert len(runs_of(store)) > 0
    assert set(out.splitlines()) == {item.dir.name for item in store.list_sessions()}
    assert main(["sessions", "import", chat, "--session", "Ev"]) == ExitCode.OK
    assert "sessions move" in capsys.readouterr().err
    assert "Ev" not in {item.title for item in store.list_sessions()}
