"""Finding, replacing and work on lines: one undo step each, errors told, and no pattern that stops the app."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest
from textual import events
from textual.widgets import Input

from tests.test_app import opened, play, run_to_end, screen_text, wait_for
from workbench.error import UsageError
from workbench.tui.finding import SEARCH_SECONDS, Query
from workbench.tui.linework import in_header, indented, outdented, toggled_body, toggled_header
from workbench.tui.screens.find import FindScreen
from workbench.tui.screens.modal import AskText
from workbench.workspace import init_workspace

TEXT = "+++\ntitle = 'x'\ndescription = 'y'\n+++\nA cat and a Cat.\n  catalogue\nend"


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    root = init_workspace(tmp_path / "space").root
    (root / "templates" / "london.j2").write_text(TEXT, encoding="utf-8")
    return root


async def test_typing_finds_and_escape_stays_at_the_match(space: Path) -> None:
    async with opened(space, (80, 24)) as (app, pilot):
        editor = app.main.editor
        await pilot.press("ctrl+f", *"cat")
        await wait_for(pilot, lambda: "1 of 3" in screen_text(pilot))
        assert editor.selection.start == (4, 2)
        await pilot.press("enter", "enter")
        assert editor.selection.start == (5, 2)
        await pilot.press("up")
        assert "2 of 3" in screen_text(pilot)
        await pilot.press("alt+c")
        await wait_for(pilot, lambda: "of 2" in screen_text(pilot))
        await pilot.press("escape")
        assert app.screen is app.main
        assert editor.selected_text == "cat"
        await pilot.press("alt+shift+n")
        assert editor.selection.start == (4, 2)
        await pilot.press("alt+shift+b")
        assert editor.selection.start == (5, 2)


async def test_replacing_one_and_all_are_one_undo_step_each(space: Path) -> None:
    async with opened(space) as (app, pilot):
        editor = app.main.editor
        app.home.finding.pattern = r"(c)(at)"
        app.home.finding.regular = True
        await pilot.press("alt+shift+r", *r"\2-\1", "enter")
        assert editor.document[4] == "A at-c and a Cat."
        await pilot.press("alt+a")
        await wait_for(pilot, lambda: "2 replaced" in screen_text(pilot))
        assert editor.text == TEXT.replace("cat", "at-c").replace("Cat", "at-C")
        await pilot.press("escape")
        editor.undo()
        assert editor.document[4] == "A at-c and a Cat."
        editor.undo()
        assert editor.text == TEXT


@pytest.mark.parametrize(
    ("pattern", "replacement", "told"),
    [("(cat", "", "the pattern is wrong"), ("cat", r"\7", "the replacement is wrong"), ("zebra", "", "not found")],
)
async def test_what_is_wrong_is_told(space: Path, pattern: str, replacement: str, told: str) -> None:
    async with opened(space) as (app, pilot):
        finding = app.home.finding
        finding.pattern, finding.replacement, finding.regular = pattern, replacement, True
        await pilot.press("alt+shift+r", "alt+a")
        await wait_for(pilot, lambda: told in screen_text(pilot))
        assert app.main.editor.text == TEXT


async def test_a_catastrophic_pattern_ends_soon_and_is_told(space: Path) -> None:
    async with opened(space) as (app, pilot):
        app.main.editor.load_text("a" * 2000 + "!\n" + TEXT)
        app.home.finding.pattern, app.home.finding.regular = r"(a|aa)+$", True
        before = monotonic()
        await pilot.press("ctrl+f")
        await wait_for(pilot, lambda: "takes too long" in screen_text(pilot))
        assert monotonic() - before < SEARCH_SECONDS + 3
        await pilot.press("escape", "x")
        assert app.main.editor.text.startswith("x")


def test_a_slow_pattern_is_bounded_in_each_of_its_uses() -> None:
    lines = ["a" * 3000 + "!"] * 20
    uses: list[Callable[[Query], object]] = [
        lambda query: query.search(lines),
        lambda query: query.replaced(lines, "b"),
        lambda query: query.spans(lines[0]) or query.search(lines),
    ]
    for use in uses:
        before = monotonic()
        with pytest.raises(UsageError, match="too long"):
            use(Query(r"(a|aa)+$", regular=True))
        assert monotonic() - before < SEARCH_SECONDS + 1


async def test_the_output_and_the_prompt_can_be_searched(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pieces=[f"line {number}\n" for number in range(200)])
    async with opened(space) as (app, pilot):
        await run_to_end(app, pilot)
        await pilot.press("alt+4", "ctrl+f", *"line 17")
        await wait_for(pilot, lambda: "1 of 11" in screen_text(pilot))
        assert app.main.output.marked_line == 18
        await pilot.press("up")
        assert app.main.output.marked_line == 180
        assert "Replace" not in screen_text(pilot).splitlines()[-3]
        await pilot.press("escape", "alt+shift+n")
        assert app.main.output.marked_line == 18
        await pilot.press("alt+3", "alt+shift+n")
        assert not isinstance(app.screen, FindScreen)


async def test_a_line_typed_ahead_of_the_question_stands_in_its_field(space: Path) -> None:
    async with opened(space) as (app, pilot):
        before = app.main.editor.text
        # In one piece, as a slow link sends it.
        for key, character in [("ctrl+l", "\x0c"), ("5", "5"), ("colon", ":"), ("3", "3")]:
            app.post_message(events.Key(key, character))
        await wait_for(pilot, lambda: isinstance(app.screen, AskText) and app.screen.query_one(Input).value == "5:3")
        assert app.main.editor.text == before


async def test_lines_are_commented_moved_and_gone_to(space: Path) -> None:
    async with opened(space) as (app, pilot):
        editor = app.main.editor
        await pilot.press("ctrl+l", *"5:3", "enter")
        await wait_for(pilot, lambda: editor.cursor_location == (4, 2))
        await pilot.press("alt+shift+c")
        assert editor.document[4] == "{# A cat and a Cat. #}"
        await pilot.press("ctrl+underscore")
        assert editor.text == TEXT
        await pilot.press("shift+down", "alt+shift+i")
        assert editor.document.lines[4:6] == ["  A cat and a Cat.", "    catalogue"]
        await pilot.press("alt+shift+u", "alt+shift+u")
        assert editor.document.lines[4:6] == ["A cat and a Cat.", "catalogue"]
        for _ in range(3):
            editor.undo()
        assert editor.text == TEXT
        editor.go_to(2)
        await pilot.press("alt+shift+c")
        assert editor.document[1] == "# title = 'x'"


def test_comments_come_back_as_they_were() -> None:
    body = ["  a", "", "    b", "\tc"]
    assert toggled_body(toggled_body(body)) == body
    header = ['x = "#"', "", "[slots.a]"]
    assert toggled_header(header) == ['# x = "#"', "", "# [slots.a]"]
    assert toggled_header(toggled_header(header)) == header
    assert toggled_body(["a {# b #} c"]) == ["a {# b #} c"]
    assert outdented(indented(["a", "", " b"])) == ["a", "", " b"]
    lines = TEXT.split("\n")
    assert [in_header(lines, row) for row in range(len(lines))] == [False, True, True, *[False] * 4]


async def test_undo_and_redo_survive_a_save(space: Path) -> None:
    file = space / "templates" / "london.j2"
    async with opened(space) as (app, pilot):
        editor = app.main.editor
        await pilot.press("x", "ctrl+s")
        await wait_for(pilot, lambda: file.read_text(encoding="utf-8") == "x" + TEXT)
        await wait_for(pilot, lambda: not app.main.editing.dirty)
        await pilot.press("ctrl+z")
        assert editor.text == TEXT
        assert app.main.editing.dirty
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: file.read_text(encoding="utf-8") == TEXT)
        await pilot.press("ctrl+y")
        assert editor.text == "x" + TEXT
