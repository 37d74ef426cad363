"""The index: found by every field, in every script, whatever is typed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.runtool import request, result
from workbench.error import UsageError
from workbench.record import ModelRef, Prompt, TemplateRef
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
