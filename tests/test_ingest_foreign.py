"""Imports of other tools' logs and chats: the databases of ``llm``, exports of chats, training data."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.ingesttool import DATA, NewStore, chats, imported, runs_of, store_maker, written
from tests.runtool import request, result
from workbench.error import UsageError
from workbench.session.journal import RunJournal
from workbench.session.store import SessionStore


@pytest.fixture
def new_store(tmp_path: Path) -> NewStore:
    return store_maker(tmp_path)


@pytest.fixture
def store(new_store: NewStore) -> SessionStore:
    return new_store()


# -- llm -------------------------------------------------------------------------------------------------------


def database(path: Path, script: str) -> Path:
    with closing(sqlite3.connect(path)) as made:
        made.executescript(script)
    return path


OLD = """
CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE responses (id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, prompt_json TEXT, options_json TEXT,
  response TEXT, response_json TEXT, conversation_id TEXT, duration_ms INTEGER, datetime_utc TEXT);
CREATE TABLE fragments (id INTEGER PRIMARY KEY, hash TEXT, content TEXT);
CREATE TABLE prompt_fragments (response_id TEXT, fragment_id INTEGER, "order" INTEGER);
CREATE TABLE prompt_attachments (response_id TEXT, attachment_id TEXT, "order" INTEGER);
INSERT INTO conversations VALUES ('c1', 'Weather', 'gpt');
INSERT INTO responses VALUES ('r1', 'gpt', 'Rain?', 'Be brief', NULL, '{"temperature": 1, "logit_bias": {}}', 'Yes',
  NULL, 'c1', 1200, '2024-05-01T10:00:00.5+00:00');
INSERT INTO responses VALUES ('r2', 'gpt', 'Sure?', NULL, NULL, NULL, 'No', NULL, 'c1', NULL, '2024-05-01T10:01:00');
INSERT INTO fragments VALUES (1, 'h', 'A long document.');
INSERT INTO prompt_fragments VALUES ('r2', 1, 0);
INSERT INTO prompt_attachments VALUES ('r2', 'x', 0);
"""


def test_older_logs_of_llm(store: SessionStore, tmp_path: Path) -> None:
    path = database(tmp_path / "logs.db", OLD)
    before = path.read_bytes()
    report, said = imported(store, path)
    assert report.added == 2
    first = [("system", "Be brief"), ("user", "Rain?")]
    second = [*first, ("assistant", "Yes"), ("user", "A long document.\nSure?")]
    assert chats(store) == {"Weather": [(first, "Yes"), (second, "No")]}
    one, two = runs_of(store).values()
    assert (one.request.created, one.request.params.temperature, one.result.ms_total) == (
        "2024-05-01T10:00:00.500Z",
        1.0,
        1200,
    )
    assert (two.request.engine, two.request.engine_version, two.result.repro) == ("imported", "llm", "none")
    assert said == [
        "logs.db: option 'logit_bias' is not carried over",
        "logs.db: sampling values that the file does not tell are shown as this tool's defaults (2×)",
        "logs.db: attachments are not carried over",
    ]
    assert path.read_bytes() == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ["logs.db", "space0"]
    with closing(sqlite3.connect(path)) as grown, grown:
        grown.execute("INSERT INTO responses (id, prompt, response, conversation_id) VALUES ('r3', 'More', 'Ok', 'c1')")
    assert (imported(store, path)[0].added, len(store.list_sessions())) == (1, 1)


def test_logs_of_llm_with_a_tree_of_messages_give_the_same_as_its_json(new_store: NewStore, tmp_path: Path) -> None:
    script = (DATA / "llm-logs.sql").read_text(encoding="utf-8")
    one, other = new_store(), new_store()
    path = database(tmp_path / "logs.db", script)
    assert imported(one, path)[0].added == imported(other, DATA / "llm-logs.json")[0].added == 4
    assert imported(one, DATA / "llm-logs.json")[0].known == 4
    assert runs_of(one) == runs_of(other)
    talk = chats(one)
    assert talk["Say 雨."][1] == (
        [
            *(("system", "Be brief."), ("user", "Say 雨.\n"), ("assistant", "You said Say 雨.\n")),
            ("user", "And then? \x1b[2J"),
        ],
        "You said And then? \x1b[2J",
    )
    assert talk["FRAGMENT TEXT with fragments"][0][0] == [
        ("system", "SYS FRAG"),
        ("user", "FRAGMENT TEXT\nwith fragments"),
    ]
    assert [record.request.params.seed for record in runs_of(one).values()] == [7, 7, None, None]


TREE = """
CREATE TABLE turns (id, thread_id, parent_message_hash, tip_message_hash, datetime_utc);
CREATE TABLE messages (hash, parent_hash, role);
CREATE TABLE parts (message_hash, position, type, text, payload);
INSERT INTO turns VALUES ('t', 't', 'a', 'b', '');
"""
ROWS = "CREATE TABLE responses (id TEXT, prompt, response, options_json); INSERT INTO responses VALUES "
HOSTILE_DATABASES = {
    "no log": "CREATE TABLE x (y);",
    "a view": "CREATE VIEW responses AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id FROM n) SELECT id FROM n",
    "a circle": TREE + "INSERT INTO messages VALUES ('a', 'b', 'user'), ('b', 'a', 'user')",
    "missing": TREE,
    "no fragment": TREE
    + "INSERT INTO messages VALUES ('a', NULL, 'user'), ('b', 'a', 'assistant');"
    + """INSERT INTO parts VALUES ('a', 0, 'text', NULL, '{"text_ref": [{"fragment": 7}]}')""",
    "numbers": ROWS + "('a', 2, 3, NULL)",
    "bytes": ROWS + "('a', x'ff', CAST(x'ff' AS TEXT), NULL)",
    "another table": "CREATE TABLE responses (id TEXT); CREATE TABLE conversations (x)",
}


@pytest.mark.parametrize("name", HOSTILE_DATABASES)
def test_a_database_that_is_no_log_is_refused(name: str, store: SessionStore, tmp_path: Path) -> None:
    path = database(tmp_path / "x.db", HOSTILE_DATABASES[name])
    with pytest.raises(UsageError, match=r"x\.db: "):
        imported(store, path)
    assert store.list_sessions() == []


def test_a_row_that_cannot_be_read_keeps_no_other_out(store: SessionStore, tmp_path: Path) -> None:
    bad = "('bad', 'gpt', x'ff', NULL, NULL, NULL, 'x', NULL, 'c2', NULL, NULL)"
    odd = "('odd', 'gpt', 'Hm?', NULL, NULL, '{', 'Ah', NULL, 'c3', NULL, '2024-05-02T10:00:00')"
    path = database(tmp_path / "x.db", OLD + f"INSERT INTO responses VALUES {bad}, {odd};")
    report, said = imported(store, path)
    assert report.added == 3
    assert any(line.startswith("x.db: a response is left out: ") for line in said)
    assert any("options_json" in line for line in said)
    assert "Ah" in {record.result.text for record in runs_of(store).values()}


def test_a_torn_database_is_refused(store: SessionStore, tmp_path: Path) -> None:
    path = database(tmp_path / "x.db", OLD)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UsageError, match="cannot be read"):
        imported(store, path)


# -- chats -----------------------------------------------------------------------------------------------------


def test_every_branch_of_a_chatgpt_export(store: SessionStore) -> None:
    report, said = imported(store, DATA / "chatgpt.json")
    question = [("user", "Does it rain in 東京?")]
    assert chats(store) == {
        "Rain": [
            (question, "Yes."),
            ([*question, ("assistant", "Yes."), ("user", "And here?")], "No."),
            (question, "Often."),
        ]
    }
    assert report.added == 3
    assert [run.request.model.file for run in runs_of(store).values()] == ["gpt-x", "", "gpt-x"]
    assert said[:2] == [
        "chatgpt.json: parts that are no text (images, audio) are not carried over",
        "chatgpt.json: messages of the role 'tool' are not carried over",
    ]
    assert imported(store, DATA / "chatgpt.json")[0].known == 3


def test_lists_of_messages(store: SessionStore, tmp_path: Path) -> None:
    talk = [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "image_url", "image_url": {}}]},
        {"role": "assistant", "content": "Hi"},
        {"role": "tool", "content": "x"},
        {"role": "user", "content": "Bye"},
        {"role": "assistant", "content": "So long", "tool_calls": [{}]},
    ]
    first = [("system", "Be kind."), ("user", "Hello")]
    last = ([*first, ("assistant", "Hi"), ("user", "Bye")], "So long")
    (tmp_path / "talk.json").write_text(json.dumps({"title": "Talk", "model": "gpt", "seed": 3, "messages": talk}))
    (tmp_path / "bare.json").write_text(json.dumps(talk, indent=1))
    report, said = imported(store, tmp_path / "talk.json")
    assert (report.added, chats(store)) == (2, {"Talk": [(first, "Hi"), last]})
    assert len(said) == 5
    assert imported(store, tmp_path / "bare.json")[0].known == 2
    (tmp_path / "tune.jsonl").write_text(
        json.dumps({"messages": [*talk[:2], {"role": "assistant", "content": "Hey"}]}) + "\n"
    )
    assert imported(store, tmp_path / "tune.jsonl")[0].added == 1
    assert chats(store)["tune"] == [(first, "Hey")]


def test_training_data_comes_back(store: SessionStore, tmp_path: Path) -> None:
    session = store.new_session("Tuned")
    journal = RunJournal.create(session.dir, request())
    journal.finish(result("In 東京 it rains.\n"))
    store.rate_run(session, journal.run_id, 5)
    path = written(store, "chat", tmp_path / "tune.jsonl")
    assert imported(store, path)[0].added == 1
    assert chats(store)["tune"] == [([("user", "Say 雨.")], "In 東京 it rains.\n")]
