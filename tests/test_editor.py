"""The editor: exact text, no crash on undo, whole characters, a row drawn again only when it changed."""

from __future__ import annotations

import random

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.document._edit import Edit
from textual.pilot import Pilot
from textual.strip import Strip

from workbench.tui.editor import PASTE_LIMIT, TemplateEditor


class Desk(App[None]):
    """One editor."""

    def __init__(self, text: str = "", *, soft_wrap: bool = True) -> None:
        super().__init__()
        self.editor = TemplateEditor(text, soft_wrap=soft_wrap)
        self.refused: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.editor

    def on_template_editor_paste_refused(self, message: TemplateEditor.PasteRefused) -> None:
        self.refused.append(message.size)


def screen(app: App[None]) -> list[str]:
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


async def settle(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.pause()


KEYS = (
    *("a", "{", "}", "|", "%", "#", "日", "space", "enter", "enter", "backspace", "delete", "left", "right"),
    *("up", "down", "pageup", "pagedown", "home", "end", "ctrl+z", "ctrl+z", "ctrl+y", "shift+left"),
    *("shift+down", "shift+up", "ctrl+x", "ctrl+k", "alt+up", "alt+down", "ctrl+a", "right"),
)
EXACT = [
    "",
    "\n",
    "a\r\nb\r\n",
    "a\rb\nc",
    "x\u2028y\x0cz\x85\x1c",
    "日本\n👩‍💻",
    "a\nb\r\nc",
    "\x1b[2J\u202e",
]


@pytest.mark.parametrize("text", EXACT)
async def test_text_is_kept_exactly_through_edits_and_undo(text: str) -> None:
    app = Desk(text)
    async with app.run_test(size=(40, 8)) as pilot:
        editor = app.editor
        assert editor.text == text
        editor.focus()
        await pilot.press("x", "ctrl+z")
        assert editor.text == text
        editor.replace_text("other")
        editor.undo()
        assert editor.text == text
        editor.redo()
        assert editor.text == "other"


async def test_controls_are_drawn_inert_and_the_cursor_keeps_its_column() -> None:
    app = Desk("a\x1b[2J\u202eb")
    async with app.run_test(size=(30, 3)) as pilot:
        app.editor.focus()
        await settle(pilot)
        assert "a␛[2J�b" in screen(app)[0]
        await pilot.press("end")
        assert app.editor.column == 8
        gutter = app.editor.gutter_width
        assert app.editor.cursor_screen_offset.x - app.editor.content_region.x - gutter == 7


async def test_undo_of_a_long_paste_does_not_fail() -> None:
    app = Desk("start")
    async with app.run_test(size=(40, 10)) as pilot:
        app.editor.focus()
        app.editor.post_message(events.Paste("\r".join(f"line {n}" for n in range(48))))
        await settle(pilot)
        assert app.editor.document.line_count == 48
        await pilot.press("ctrl+z")
        await settle(pilot)
        assert app.editor.text == "start"
        assert app.editor.virtual_size.height == 1
        await pilot.press("ctrl+y")
        assert app.editor.document.line_count == 48


async def test_undo_of_edits_in_two_places_keeps_every_row() -> None:
    app = Desk("\n".join(f"line number {n} with words" for n in range(68)))
    async with app.run_test(size=(30, 10)) as pilot:
        app.editor.focus()
        first = ("ctrl+x", "down", "}", "pagedown", "#", "ctrl+z")
        for key in (*first, "ctrl+z", "日", "ctrl+z", "down", "up", "end"):
            await pilot.press(key)
        wrapped = app.editor.wrapped_document
        rows = sum(len(wrapped.get_sections(n)) for n in range(app.editor.document.line_count))
        assert wrapped.height == rows


async def test_any_batch_of_edits_is_undone_and_redone_with_every_row_in_place() -> None:
    app = Desk("\n".join(f"line number {n} with some more words" for n in range(30)))
    async with app.run_test(size=(20, 10)) as pilot:
        editor, choose = app.editor, random.Random(7)
        for _ in range(80):
            before, edits = editor.text, []
            for _ in range(choose.randint(1, 5)):
                row = choose.randrange(editor.document.line_count)
                end = min(row + choose.randint(0, 3), editor.document.line_count - 1)
                inserted = choose.choice(["", "x", "a\nb\n\nc", "long words that wrap over rows\n" * 3])
                edits.append(Edit(inserted, editor.clamp_visitable((row, 1)), editor.clamp_visitable((end, 2)), False))
                editor.edit(edits[-1])
            after = editor.text
            for redo, text in ((False, before), (True, after)):
                editor._redo_batch(edits) if redo else editor._undo_batch(edits)
                assert editor.text == text
                wrapped = editor.wrapped_document
                rows = list(wrapped._offset_to_line_info)
                wrapped.wrap(editor.wrap_width, editor.indent_width)
                assert rows == wrapped._offset_to_line_info
        await settle(pilot)


@pytest.mark.parametrize("soft_wrap", [True, False])
@pytest.mark.parametrize("seed", range(2))
async def test_random_editing_never_fails_and_cached_rows_are_fresh_rows(seed: int, *, soft_wrap: bool) -> None:
    choose = random.Random(seed)
    app = Desk("+++\ntitle = 'x'\n+++\n" + "Say {city} {{ a }} 日本語 👩‍💻 {a|b}\n" * 12, soft_wrap=soft_wrap)
    async with app.run_test(size=(24, 9)) as pilot:
        app.editor.focus()
        for step in range(40):
            key = choose.choice(KEYS)
            await pilot.press(key)
            if choose.random() < 0.05:
                app.editor.post_message(events.Paste("{% if\r\nx %}\n\n"))
            if step % 4:
                continue
            await settle(pilot)
            drawn = [app.editor.render_line(y).text for y in range(9)]
            app.editor._line_cache.clear()
            assert drawn == [app.editor.render_line(y).text for y in range(9)]
            wrapped = app.editor.wrapped_document
            rows = sum(len(wrapped.get_sections(n)) for n in range(app.editor.document.line_count))
            assert wrapped.height == rows


async def test_characters_are_crossed_and_deleted_whole() -> None:
    app = Desk("a👩‍💻e\u0301b")
    async with app.run_test(size=(30, 3)) as pilot:
        app.editor.focus()
        columns = []
        for _ in range(4):
            await pilot.press("right")
            columns.append(app.editor.column)
        assert columns == [2, 5, 7, 8]
        await pilot.press("left", "backspace", "backspace")
        assert app.editor.text == "ab"


async def test_a_keypress_draws_only_its_row() -> None:
    app = Desk("\n".join(f"{{% if a{n} %}}text{{% endif %}}" for n in range(200)))
    async with app.run_test(size=(40, 20)) as pilot:
        app.editor.focus()
        await pilot.press("x")
        await settle(pilot)
        drawn: list[int] = []
        original = app.editor._render_line

        def recorded(y: int) -> Strip:
            drawn.append(y)
            return original(y)

        app.editor._render_line = recorded  # type: ignore[method-assign]
        await pilot.press("y")
        await settle(pilot)
        assert set(drawn) == {0}


async def test_the_error_line_is_marked_without_colour_alone() -> None:
    app = Desk("one\ntwo\nthree")
    async with app.run_test(size=(20, 4)) as pilot:
        app.editor.error_line = 2
        await settle(pilot)
        assert screen(app)[:3] == ["1  one", "2! two", "3  three"]
        app.editor.error_line = 0
        await settle(pilot)
        assert not any("!" in row for row in screen(app))


async def test_a_paste_over_the_limit_is_refused_and_nothing_is_lost() -> None:
    app = Desk("keep")
    async with app.run_test(size=(20, 4)) as pilot:
        app.editor.focus()
        app.editor.post_message(events.Paste("x" * (PASTE_LIMIT + 1)))
        await settle(pilot)
        assert app.refused == [PASTE_LIMIT + 1]
        assert app.editor.text == "keep"


async def test_find_and_replace_all_is_one_undo_step() -> None:
    app = Desk("cat dog\nCat bird")
    async with app.run_test(size=(30, 4)) as pilot:
        editor = app.editor
        assert editor.find("cat") == 2
        assert editor.find_next()
        assert editor.selected_text == "cat"
        assert editor.find_next()
        assert editor.selected_text == "Cat"
        assert editor.find_next(backwards=True)
        assert editor.selection.start == (0, 0)
        assert editor.replace_all(r"\n") == 2
        assert editor.text == "\\n dog\n\\n bird"
        editor.undo()
        assert editor.text == "cat dog\nCat bird"
        assert editor.find("(d)(o)", regex=True) == 1
        assert editor.replace_all(r"\2\1") == 1
        assert editor.text == "cat odg\nCat bird"
        await settle(pilot)


async def test_lines_move_and_double() -> None:
    app = Desk("one\ntwo\nthree")
    async with app.run_test(size=(30, 5)) as pilot:
        app.editor.focus()
        await pilot.press("alt+down")
        assert app.editor.text == "two\none\nthree"
        assert app.editor.line == 2
        app.editor.action_duplicate_line()
        assert app.editor.text == "two\none\none\nthree"
        app.editor.go_to(99, 99)
        assert (app.editor.line, app.editor.column) == (4, 6)
