"""The streaming pane: exact text in, inert rows out, following only when asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.selection import Selection
from textual.strip import Strip

from workbench.display import display
from workbench.tui.stream import StreamView
from workbench.tui.wrap import expand


class Pane(App[None]):
    """One pane and nothing else."""

    def __init__(self, *, jump: bool = False) -> None:
        super().__init__()
        self.view = StreamView(placeholder="Press F5 to run", jump=jump)

    def compose(self) -> ComposeResult:
        yield self.view


def screen(app: App[None]) -> list[str]:
    """The rows on screen, without their padding."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


async def settle(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.pause()


async def test_pieces_appear_and_the_exact_text_is_kept() -> None:
    app = Pane()
    async with app.run_test(size=(20, 5)) as pilot:
        await settle(pilot)
        assert screen(app)[0] == "Press F5 to run"
        for piece in ("Hello ", "日本", "語 \ud83d", "\ude00\r", "\n[bold]x[/]\x1b[2J"):
            app.view.append(piece)
        await settle(pilot)
        assert screen(app)[:2] == ["Hello 日本語 😀", "[bold]x[/]␛[2J"]
        assert app.view.text == "Hello 日本語 \ud83d\ude00\r\n[bold]x[/]\x1b[2J"
        app.view.clear()
        await settle(pilot)
        assert screen(app)[0] == "Press F5 to run"
        assert app.view.text == ""


async def test_it_follows_unless_scrolled_up_and_end_resumes() -> None:
    app = Pane()
    async with app.run_test(size=(20, 5)) as pilot:
        app.view.focus()
        app.view.append("\n".join(f"line {n}" for n in range(50)))
        await settle(pilot)
        assert screen(app)[-1] == "line 49"
        await pilot.press("up")
        app.view.append("\nline 50\nline 51")
        await settle(pilot)
        assert screen(app)[-1] == "line 48"
        assert not app.view.following
        await pilot.press("end")
        app.view.append("\nline 52")
        await settle(pilot)
        assert screen(app)[-1] == "line 52"
        await pilot.press("home")
        assert screen(app)[0] == "line 0"
        await pilot.press("pagedown")
        assert screen(app)[0] == "line 4"


async def test_jump_scrolling_moves_a_third_of_a_page() -> None:
    app = Pane(jump=True)
    offsets = set()
    async with app.run_test(size=(20, 9)) as pilot:
        for n in range(40):
            app.view.append(f"line {n}\n" if n < 39 else "line 39")
            await pilot.pause()
            offsets.add(app.view.scroll_offset.y)
            assert app.view.following
            assert any(f"line {n}" in row for row in screen(app))
    assert all(offset % 3 == 0 for offset in offsets)
    assert len(offsets) < 14


async def test_every_attack_is_inert_on_screen() -> None:
    cases = (Path(__file__).parent / "data" / "escapes.jsonl").read_text("utf-8").splitlines()
    app = Pane()
    async with app.run_test(size=(120, 30)) as pilot:
        for line in cases:
            text = json.loads(line)["text"]
            app.view.clear()
            for character in text[:300]:
                app.view.append(character)
            app.view.finish()
            await pilot.pause()
            shown = app.view.shown_text
            assert shown == display(text[:300])
            assert not set(shown) & {chr(code) for code in [*range(9), *range(11, 32), *range(0x7F, 0xA0)]}
            first = expand(shown.split("\n")[0])
            assert first.startswith(screen(app)[0].rstrip())
            assert screen(app)[0] == first.rstrip() or cell_len(first) > 120


async def test_a_line_of_200_kb_stays_quick_and_whole() -> None:
    app = Pane()
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.append("x" * 200_000)
        await settle(pilot)
        assert app.view.row_count == 2500
        assert screen(app)[-1] == "x" * 80


async def test_an_append_paints_only_the_rows_that_changed() -> None:
    app = Pane()
    async with app.run_test(size=(40, 10)) as pilot:
        app.view.append("one\ntwo\nthree")
        await settle(pilot)
        drawn: list[int] = []
        original = app.view.render_line

        def recorded(y: int) -> Strip:
            drawn.append(y)
            return original(y)

        app.view.render_line = recorded  # type: ignore[method-assign]
        app.view.append(" more")
        await settle(pilot)
        assert set(drawn) == {2}


async def test_a_narrower_pane_wraps_anew_and_keeps_the_place() -> None:
    app = Pane()
    async with app.run_test(size=(40, 6)) as pilot:
        app.view.focus()
        app.view.append("\n".join(f"this is line number {n} of many" for n in range(60)))
        await settle(pilot)
        await pilot.press("home", "pagedown", "pagedown")
        top = screen(app)[0]
        await pilot.resize_terminal(20, 6)
        await settle(pilot)
        assert top.startswith(screen(app)[0])
        await pilot.press("end")
        await pilot.resize_terminal(60, 6)
        await settle(pilot)
        assert screen(app)[-1] == "this is line number 59 of many"


async def test_selection_gives_the_text_without_wrapping() -> None:
    app = Pane()
    async with app.run_test(size=(8, 6)) as pilot:
        app.view.append("one two three\n\tfour")
        await settle(pilot)
        assert app.view.get_selection(Selection(None, None)) == ("one two three\n\tfour", "\n")
        assert app.view.get_selection(Selection(Offset(4, 0), Offset(5, 1))) == ("two three", "\n")
        app.screen.selections = {app.view: Selection(Offset(4, 0), Offset(5, 1))}
        await settle(pilot)
        assert screen(app)[:3] == ["one two", "three", "    four"]


async def test_marks_dims_and_finds() -> None:
    app = Pane()
    async with app.run_test(size=(20, 3)) as pilot:
        app.view.set_text("\n".join(f"row {n}" for n in range(30)))
        app.view.marked_line = 2
        app.view.action_start()
        await settle(pilot)
        bright = [next(iter(strip)).style for strip in app.screen._compositor.render_strips()]
        app.view.dimmed = True
        await settle(pilot)
        styles = [next(iter(strip)).style for strip in app.screen._compositor.render_strips()]
        assert [bool(style and style.underline) for style in styles] == [False, True, False]
        assert all(a and b and a.color != b.color for a, b in zip(bright, styles, strict=True))
        app.view.show_line(20)
        await settle(pilot)
        assert "row 19" in screen(app)


@pytest.mark.parametrize("width", [1, 2, 3])
async def test_very_narrow_panes_do_not_fail(width: int) -> None:
    app = Pane()
    async with app.run_test(size=(width, 4)) as pilot:
        app.view.append("日本語 and\ttabs")
        await settle(pilot)
        assert app.view.row_count > 3


async def test_text_before_the_first_layout_is_kept() -> None:
    app = Pane()
    app.view.append("early ")
    async with app.run_test(size=(20, 4)) as pilot:
        app.view.append("late")
        await settle(pilot)
        assert screen(app)[0] == "early late"


async def test_a_finished_text_keeps_its_place_when_replaced_or_resized() -> None:
    app = Pane()
    async with app.run_test(size=(30, 5)) as pilot:
        app.view.set_text("\n".join(f"row {n}" for n in range(30)))
        await settle(pilot)
        assert screen(app)[0] == "row 0"
        await pilot.resize_terminal(20, 4)
        await settle(pilot)
        assert screen(app)[0] == "row 0"
        app.view.show_line(11)
        await settle(pilot)
        before = app.view.scroll_offset.y
        app.view.set_text("\n".join(f"new {n}" for n in range(30)))
        await settle(pilot)
        assert screen(app)[0] == f"new {before}"
        app.view.set_text("short")
        await settle(pilot)
        assert screen(app) == ["short", "", "", ""]
