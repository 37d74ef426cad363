"""The list: ten thousand rows at once, a cursor that keeps its row, plain text only."""

from __future__ import annotations

import time

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from workbench.tui.listview import LineList, Row


class Screen(App[None]):
    """One list and a record of what it said."""

    def __init__(self, rows: int = 0) -> None:
        super().__init__()
        self.list = LineList(widths=(0, 5), placeholder="No sessions yet")
        self.list.set_rows(Row(f"k{n}", (f"name {n}", str(n))) for n in range(rows))
        self.said: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.list

    def on_line_list_selected(self, message: LineList.Selected) -> None:
        self.said.append(f"selected {message.key}")

    def on_line_list_highlighted(self, message: LineList.Highlighted) -> None:
        self.said.append(message.key)


def screen(app: App[None]) -> list[str]:
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def current_key(line_list: LineList) -> str:
    return line_list.current.key if line_list.current else ""


async def settle(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.pause()


async def test_moving_and_selecting() -> None:
    app = Screen(100)
    async with app.run_test(size=(20, 4)) as pilot:
        app.list.focus()
        await pilot.press("down", "down", "enter")
        await settle(pilot)
        assert app.said == ["k0", "k1", "k2", "selected k2"]
        assert screen(app)[0] == " name 0       0"
        await pilot.press("end")
        await settle(pilot)
        assert screen(app)[-1].startswith(" name 99")
        await pilot.press("pageup")
        assert app.list.current == Row("k96", ("name 96", "96"))
        await pilot.press("home", "up")
        assert app.list.cursor == 0


async def test_the_cursor_keeps_its_row() -> None:
    app = Screen(10)
    async with app.run_test(size=(20, 4)) as pilot:
        assert app.list.move_to("k7")
        app.list.set_rows([Row("new", ("new", "")), *app.list.rows])
        assert app.list.cursor == 8
        app.list.append(Row("k7", ("renamed", "7")))
        await settle(pilot)
        assert app.list.current == Row("k7", ("renamed", "7"))
        assert any("renamed" in row for row in screen(app))
        app.list.append(Row("last", ("last", "")))
        assert [row.key for row in app.list.rows][-1] == "last"
        app.list.set_rows([])
        await settle(pilot)
        assert current_key(app.list) == ""
        assert screen(app)[0] == "No sessions yet"


async def test_filtering_by_words() -> None:
    app = Screen(200)
    async with app.run_test(size=(20, 6)) as pilot:
        app.list.move_to("k119")
        app.list.filter_text = "NAME 19"
        await settle(pilot)
        assert [row.key for row in app.list.shown] == ["k19", "k119", *[f"k{n}" for n in range(190, 200)]]
        assert current_key(app.list) == "k119"
        app.list.append(Row("x", ("name 19x", "")))
        app.list.append(Row("y", ("other", "")))
        assert app.list.shown[-1].key == "x"
        app.list.filter_text = ""
        assert len(app.list.shown) == 202
        assert current_key(app.list) == "k119"


async def test_foreign_text_is_inert_and_long_text_is_cut() -> None:
    app = Screen()
    async with app.run_test(size=(20, 3)) as pilot:
        app.list.set_rows([Row("a", ("[red]\x1b[2J\n日本語日本語日本語", "1")), Row("b", ("短い", "2"))])
        await settle(pilot)
        assert screen(app)[:2] == [" [red]␛[2J⏎…  1", " 短い         2"]


async def test_a_click_moves_and_a_second_click_opens() -> None:
    app = Screen(5)
    async with app.run_test(size=(20, 6)) as pilot:
        await pilot.click(LineList, offset=(2, 3))
        await settle(pilot)
        assert app.said[-1] == "k3"
        await pilot.click(LineList, offset=(2, 3))
        await settle(pilot)
        assert app.said[-1] == "selected k3"


async def test_ten_thousand_rows_are_taken_in_at_once() -> None:
    app = Screen()
    rows = [Row(f"k{n}", (f"name {n}", str(n))) for n in range(10_000)]
    async with app.run_test(size=(80, 24)) as pilot:
        start = time.process_time()
        app.list.set_rows(rows)
        app.list.append(Row("more", ("more", "")))
        await settle(pilot)
        assert time.process_time() - start < 1
        drawn = app.list.render_line(0).text
        assert drawn.startswith(" name 0")
