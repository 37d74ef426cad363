"""Patterns in the app: their colours and remarks, the keys that change them, and the marked prompt."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_app import opened, screen_text, wait_for
from workbench.workspace import init_workspace


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    return init_workspace(tmp_path / "space").root


BODY = 'a {red|blue} cat, {nobody} and {"k": x|y}'


async def test_remarks_stand_on_their_row_and_below_the_editor(space: Path) -> None:
    async with opened(space, (160, 36)) as (app, pilot):
        editor = app.main.editor
        editor.load_text(BODY)
        await wait_for(pilot, lambda: editor.remarks_at(0))
        assert [item.severity for item in editor.remarks_at(0)] == ["info", "info"]
        await wait_for(pilot, lambda: "give nobody a value to make it a slot" in screen_text(pilot))
        assert "looks like an object" in str(app.main._problem.render())
        # The brace that a guard keeps has no colour of a choice; the real choice has.
        line = editor.get_line(0)
        group = editor._component("group")
        coloured = {line.plain[span.start : span.end] for span in line.spans if span.style == group}
        assert coloured >= {"{", "|", "}"}
        assert not any(span.start > BODY.index('{"k"') and span.style == group for span in line.spans)


async def test_weight_keys_change_the_word_and_undo_takes_it_back(space: Path) -> None:
    async with opened(space) as (app, pilot):
        editor = app.main.editor
        editor.load_text("a cat")
        editor.move_cursor((0, 3))
        await pilot.press("alt+u")
        assert editor.text == "a (cat:1.1)"
        await pilot.press("ctrl+up")
        assert editor.text == "a (cat:1.2)"
        await pilot.press("alt+d", "ctrl+down")
        assert editor.text == "a cat"
        editor.undo()
        assert editor.text == "a (cat:1.1)"


async def test_turn_goes_from_word_to_slot_to_choice(space: Path) -> None:
    async with opened(space) as (app, pilot):
        main = app.main
        main.editor.load_text("see London now")
        main.editor.move_cursor((0, 6))
        await pilot.press("alt+a")
        await wait_for(pilot, lambda: "{{ london }}" in main.editor.text)
        await wait_for(pilot, lambda: main.preview.text == "see London now")
        await wait_for(pilot, lambda: main.form.values.get("london") == "London")
        main.editor.move_cursor((main.editor.document.line_count - 1, 6))
        await pilot.press("alt+a")
        await wait_for(pilot, lambda: main.editor.text.endswith("see {London|} now"))
        await pilot.press("P", "a", "r", "i", "s")
        await wait_for(pilot, lambda: main.editing.count == 2)


async def test_the_rest_of_a_word_is_offered_and_right_takes_it(space: Path) -> None:
    async with opened(space) as (app, pilot):
        editor = app.main.editor
        await pilot.press("ctrl+n")
        await wait_for(pilot, lambda: "topic" in editor.names)
        editor.move_cursor(editor.document.end)
        await pilot.press("{", "{", " ", "t", "o")
        assert editor.suggestion == "pic"
        await pilot.press("right")
        assert editor.text.endswith("{{ topic")
        await pilot.press("space", "|", "space", "u", "p", "alt+i")
        assert editor.text.endswith("| upper")


async def test_the_prompt_shows_what_was_put_in(space: Path) -> None:
    async with opened(space) as (app, pilot):
        preview = app.main.preview
        app.main.editor.load_text("a {red|blue} cat")
        await wait_for(pilot, lambda: preview.text == "a red cat")
        await wait_for(
            pilot, lambda: any("red" in seg.text and (seg.style and seg.style.bold) for seg in preview.render_line(0))
        )
        assert preview.render_line(0).text.rstrip() == "a red cat"


async def test_the_cursors_line_keeps_its_colours(space: Path) -> None:
    async with opened(space) as (app, pilot):
        editor = app.main.editor
        editor.load_text("a {red|blue} cat")
        await wait_for(pilot, lambda: any(segment.text == "{" for segment in editor.render_line(0)))
        wanted = editor._component("group").color
        assert {segment.style.color for segment in editor.render_line(0) if segment.text == "|" and segment.style} == {
            wanted
        }
