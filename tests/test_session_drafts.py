"""Unsaved text survives, and hand-written TOML is changed by one key only."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.error import ConfigError
from workbench.session.drafts import drop_draft, load_drafts, save_draft
from workbench.session.lineedit import set_key
from workbench.workspace import Workspace, init_workspace


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "space")


def test_a_draft_comes_back_exactly_and_knows_its_file(space: Workspace) -> None:
    text = "{{ a }}\r\n東京 \ud800\x1b[2J\u202e "
    save_draft(space, "templates/london.j2", text)
    save_draft(space, "templates/new.j2", "first")
    save_draft(space, "templates/new.j2", "second")
    drafts = {draft.template: draft for draft in load_drafts(space)}
    assert drafts["templates/london.j2"].text == text
    assert drafts["templates/new.j2"].text == "second"
    assert not drafts["templates/london.j2"].outdated(space)
    (space.templates / "london.j2").write_text("changed meanwhile")
    assert drafts["templates/london.j2"].outdated(space)
    assert space.root not in space.state_dir.parents
    drop_draft(space, "templates/new.j2")
    drop_draft(space, "templates/new.j2")
    assert [draft.template for draft in load_drafts(space)] == ["templates/london.j2"]


def test_a_broken_draft_is_passed_over(space: Workspace) -> None:
    save_draft(space, "a.j2", "text")
    for name, content in (("b", "{"), ("c", "[" * 99_999), ("d", '{"template": 1}'), ("e", "")):
        (space.state_dir / "drafts" / f"{name}.json").write_text(content)
    assert [draft.text for draft in load_drafts(space)] == ["text"]


BY_HAND = """\
# The whole story
format = 1
title = "old" # not "new"
tags = [
  "a", # first
  "b",
]

[runs.01KB] # best
rating = 3

[other]
title = "keep"
note = '''
title = "trap"
'''
"""
VALUES = st.text() | st.integers(-(2**60), 2**60) | st.booleans() | st.lists(st.text(max_size=9), max_size=3)


@given(st.sampled_from(["title", "tags", "note", "format"]), VALUES | st.none())
def test_only_the_named_key_changes(key: str, value: Any) -> None:
    before = tomllib.loads(BY_HAND)
    after = tomllib.loads(changed := set_key(BY_HAND, key, value))
    expected = {name: item for name, item in before.items() if name != key}
    assert after == (expected if value is None else expected | {key: value})
    for comment in ("# The whole story", "# best"):
        assert comment in changed
    assert set_key(changed, key, value) == changed


@given(st.text(alphabet="01ABKZ", min_size=1, max_size=5), st.integers(1, 5), st.text())
def test_keys_of_tables_that_are_not_there_yet(run_id: str, rating: int, note: str) -> None:
    text = set_key(BY_HAND, "rating", rating, table=("runs", run_id))
    text = set_key(text, "note", note, table=("runs", run_id))
    row = tomllib.loads(text)["runs"][run_id]
    assert (row["rating"], row["note"]) == (rating, note)
    assert tomllib.loads(text)["other"] == tomllib.loads(BY_HAND)["other"]


def test_the_comment_of_a_changed_line_stays() -> None:
    assert 'title = "brand new" # not "new"\n' in set_key(BY_HAND, "title", "brand new")


def test_what_no_line_edit_can_do_is_refused_and_broken_files_are_named() -> None:
    with pytest.raises(ConfigError, match="cannot be changed"):
        set_key("runs = { a = { rating = 1 } }\n", "rating", 2, table=("runs", "a"))
    with pytest.raises(ConfigError, match="session"):
        set_key("title = ", "title", "x", file="session.toml")
