"""The index: found by every field, in every script, whatever is typed; never wrong about what is on disk."""

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
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.indextool import dump
from tests.runtool import request, result
from workbench.error import UsageError
from workbench.record import ModelRef, Prompt, TemplateRef
from workbench.session import index_db
from workbench.session.index import Hit, SessionIndex
from workbench.session.index_query import parse_query
from workbench.session.index_text import Term, fold
from workbench.session.journal import RunJournal
from workbench.session.store import Session, SessionStore
from workbench.workspace import Workspace, init_workspace


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    space = init_workspace(tmp_path / "space")
    shutil.rmtree(space.sessions)
    space.sessions.mkdir()
    return space


@pytest.fixture
def store(space: Workspace) -> SessionStore:
    return SessionStore(space)


def add_run(session: Session, text: str, *, prompt: str = "Say it.", created: str = "", **more: Any) -> str:
    """A finished run."""
    fields: dict[str, Any] = {"prompt": Prompt("text", prompt), "variables": {}, "parent": "", "group": ""}
    made = request(**(fields | more), **({"created": created} if created else {}))
    journal = RunJournal.create(session.dir, made)
    journal.finish(result(text))
    return made.id


def refreshed(space: Workspace, **more: Any) -> SessionIndex:
    index = SessionIndex(space, **more)
    index.refresh()
    return index


def texts(hits: list[Hit]) -> list[str]:
    return [hit.first_words or hit.title for hit in hits]


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


RAIN = "In Kyoto it rains; bring an umbrella."
TOKYO = "東京では雨が降る。傘を持って。"
ROSE, EMPTY = "Rose is a rose,", "empty one"


def fill(store: SessionStore) -> None:
    trip = store.new_session("Trip to Kyoto", tags=["good", "travel notes"])
    add_run(
        trip, "In Kyoto it rains; bring an umbrella.", prompt="Weather in Kyoto?", created="2026-11-01T10:00:00.000Z"
    )
    run = add_run(
        trip,
        TOKYO,
        created="2026-11-03T10:00:00.000Z",
        model=ModelRef("SmolLM2-135M.gguf"),
        engine="gpt4all",
        variables={"city": "Osaka"},
    )
    store.star_run(store.rate_run(trip, run, 4), run, True)
    poems = store.new_session("Café poems")
    add_run(
        poems,
        "Rose is a rose, don't ask why. 🎉",
        created="2026-11-05T10:00:00.000Z",
        template=TemplateRef("poem/rose.md", "", ""),
    )
    store.set_note(poems, "read to Gertrude")
    store.new_session("empty one", tags=["later"])


RAIN, TOKYO, ROSE, EMPTY = (
    "In Kyoto it rains; bring an umbrella.",
    "東京では雨が降る。傘を持って。",
    "Rose is a rose,",
    "empty one",
)
FOUND = [
    ("rains", [RAIN]),
    ("RAINS kyoto", [RAIN]),
    ("rain", [RAIN]),
    ("rain ", []),
    ('"rain"', []),
    ('"it rains"', [RAIN]),
    ('"rains it"', []),
    ("kyoto -umbrella", [TOKYO]),
    ('kyoto -"an umbrella"', [TOKYO]),
    ("雨", [TOKYO]),
    ("東京", [TOKYO]),
    ("京では", [TOKYO]),
    ("京東", []),
    ("-雨 tag:good", [RAIN]),
    ("cafe", [ROSE]),
    ("ＣＡＦÉ", [ROSE]),
    ("don't", [ROSE]),
    ("🎉", [ROSE]),
    ("-🎉 rose", []),
    ("gertrude", [ROSE]),
    ("osaka", [TOKYO]),
    ("smollm2", [TOKYO]),
    ("weather", [RAIN]),
    ("model:SMOL", [TOKYO]),
    ("-model:smol tag:good", [RAIN]),
    ("tag:good", [TOKYO, RAIN]),
    ("tag:goo", []),
    ("tag:goo*", [TOKYO, RAIN]),
    ('tag:"travel notes"', [TOKYO, RAIN]),
    ("tag:later", [EMPTY]),
    ("template:rose", [ROSE]),
    ("title:CAFE", [ROSE]),
    ("prompt:weather", [RAIN]),
    ("output:weather", []),
    ("output:rain", [RAIN]),
    ("output:rain ", []),
    ("prompt:雨", []),
    ("output:雨", [TOKYO]),
    ('output:"it rains" prompt:kyoto', [RAIN]),
    ("kyoto -output:umbrella", [TOKYO]),
    ("note:gertrude", [ROSE]),
    ("output:🎉", [ROSE]),
    ("prompt:🎉", []),
    ("prompt: output:rose", [ROSE]),
    ("output:prompt:weather", []),
    ("engine:gpt", [TOKYO]),
    ("status:fin", [EMPTY, ROSE, TOKYO, RAIN][1:]),
    ("rating:>=4", [TOKYO]),
    ("rating:4", [TOKYO]),
    ("rating:<5", [TOKYO]),
    ("rating:>4", []),
    ("star:yes", [TOKYO]),
    ("star:no status:finished", [ROSE, RAIN]),
    ("before:2026-11-02", [RAIN]),
    ("after:2026-11-02 before:2026-11-04", [TOKYO]),
    ("after:2026 before:2026-11", []),
    ("model: kyoto rating:> before:20", [TOKYO, RAIN]),
    ("https://rose", []),
    ("is::a", [ROSE]),
    ("std::a", []),
    ("cafe\u0301", [ROSE]),
]


@pytest.mark.parametrize("fts", [True, False], ids=["fts5", "without fts5"])
def test_the_search_line_finds_what_it_says(store: SessionStore, fts: bool) -> None:
    fill(store)
    index = refreshed(store.workspace, fts=fts)
    wrong = {}
    for query, wanted in FOUND:
        found = texts(index.search(query))
        if len(found) != len(wanted) or not all(one.startswith(two) for one, two in zip(found, wanted, strict=True)):
            wrong[query] = found
    assert wrong == {}
    (hit,) = index.search("id:" + index.search("rose")[0].run_id[:20].lower())
    assert (hit.title, hit.template, hit.status, hit.tokens_out) == ("Café poems", "poem/rose.md", "finished", 4)
    assert hit.tokens_per_second == pytest.approx(3 / 0.28)
    best = index.search("kyoto", order="best", limit=1)
    assert len(best) == 1
    index.close()


def test_newest_first_from_the_index_and_straight_from_the_disk(store: SessionStore) -> None:
    fill(store)
    index = refreshed(store.workspace)
    listed = index.search("")
    assert [text[:4] for text in texts(listed)] == ["empt", "Rose", "東京では", "In K"]
    assert sorted(index.newest(), key=lambda hit: hit.created) == sorted(listed, key=lambda hit: hit.created)
    assert 1 <= len(index.newest(1)) <= 2
    assert index.count() == (3, 3)
    index.close()


def test_an_excerpt_says_where_its_matches_are(store: SessionStore) -> None:
    session = store.new_session("long")
    add_run(session, "word " * 200 + "a Ｋyōto\nnight, kyoto days " + "more " * 200)
    index = refreshed(store.workspace)
    (hit,) = index.search('kyoto "night kyoto"')
    found = hit.snippet
    assert found.column == "output"
    assert len(found.text) <= 160
    assert "\n" not in found.text
    assert [found.text[start:end] for start, end in found.spans] == ["Ｋyōto", "night, kyoto"]
    (hit,) = index.search("title:long")
    assert hit.snippet.text == ""
    index.close()


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("modle:x", "Did you mean 'model:'?"),
        ("zzz:x", "There are: model"),
        ("rating:x", "rating:>=4"),
        ("rating:9", "rating:>=4"),
        ("rating:>=600000000000000000000", "rating:>=4"),
        ("after:no", "7d"),
    ],
)
def test_a_wrong_field_word_is_said(query: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_query(query)
    assert hint in caught.value.hint


def test_other_text_never_fails_and_both_ways_of_searching_agree(store: SessionStore) -> None:
    session = store.new_session("Some* words\0and (signs) AND OR NOT")
    lines = [
        "AND",
        "a-b c_d",
        '"quoted"',
        "NEAR(x)",
        "col: x",
        "ünïcode İ",
        "日本語のテキスト abc",
        "๑ ไทย",
        "x^2 {y}",
        "ﬁ ²",
    ]
    for line in lines:
        add_run(session, line)
    indexed, scanned = refreshed(store.workspace), refreshed(store.workspace, fts=False)
    alphabet = st.sampled_from(
        ["AND", "a", "b", "c_d", '"', "-", "*", "^", "(", ")", " ", " ", "x", "本", "語", ":", "İ", "\0", "'", "²"]
    )

    @settings(max_examples=300, deadline=None)
    @given(st.lists(alphabet | st.characters(), max_size=8).map("".join))
    def check(query: str) -> None:
        try:
            found = indexed.search(query)
        except UsageError:
            assert ":" in query
            return
        assert sorted(hit.run_id for hit in found) == sorted(hit.run_id for hit in scanned.search(query))

    check()
    indexed.close()
    scanned.close()


@given(st.text())
def test_folding_keeps_every_place(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text) or not text.isascii()
    assert Term(text).match.startswith('"')


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
