"""Screen-reader friendly mode: lines instead of counters and boxes, one area at a time, the cursor on the choice."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.content import Content
from textual.screen import ModalScreen

from tests.test_app import opened, play, run_to_end, screen_text, space, wait_for
from workbench.tui.listview import LineList
from workbench.tui.screens.shelf import ShelfScreen
from workbench.tui.status import StatusLine

__all__ = ["space"]

BOX = set("─│╭╮╰╯┌┐└┘━┃▔▁▏▕█▀▄▊▎")


@pytest.fixture(autouse=True)
def screen_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_SCREEN_READER", "1")


async def test_a_run_is_told_in_lines_and_nothing_is_drawn_by_itself(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, pieces=["one ", "two ", "three"], delay_ms=700)
    async with opened(space, (120, 36)) as (app, pilot):
        shown: list[str] = []
        update = StatusLine.update

        def kept(line: StatusLine, content: Content) -> None:
            shown.append(str(content))
            update(line, content)

        monkeypatch.setattr(StatusLine, "update", kept)
        await run_to_end(app, pilot)
        await wait_for(pilot, lambda: any(line.startswith("Run finished: 3 tokens") for line in app.linear.lines))
        lines = list(app.linear.lines)
        assert [line.split()[0] for line in lines][-3:] == ["Run", "First", "Run"]
        assert lines[-1] in screen_text(pilot)
        assert not any("tok" in line or "streaming" in line for line in shown)
        assert app.main.output.text == "one two three"


async def test_errors_and_notices_are_lines_not_boxes(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space, (120, 36)) as (app, pilot):
        await pilot.press("f6")
        await wait_for(pilot, lambda: "Nothing is running." in screen_text(pilot))
        assert not app._notifications
        await pilot.press("f8")
        await wait_for(pilot, lambda: isinstance(app.screen, ShelfScreen) and app.screen.rows.current)
        await pilot.press("v")
        await wait_for(pilot, lambda: "Put the cursor on a file" in screen_text(pilot))
        await pilot.press("escape")
        await wait_for(pilot, lambda: app.screen is app.main)
        for key in ("f7", "f1", "alt+q"):
            await pilot.press(key)
            await wait_for(pilot, lambda: app.screen is not app.main)
            assert not BOX & set(screen_text(pilot)), screen_text(pilot)
            await pilot.press("escape")
            await wait_for(pilot, lambda: app.screen is app.main)


async def test_questions_take_the_whole_width(space: Path) -> None:
    async with opened(space, (120, 36)) as (app, pilot):
        for command in ("help", "theme", "params", "go_to_line"):
            app.call(command)
            await wait_for(pilot, lambda: isinstance(app.screen, ModalScreen) and app.screen.query("Vertical"))
            await pilot.pause()
            assert app.screen.query("Vertical").first().region.width == 120, command
            app.pop_screen()
            await wait_for(pilot, lambda: app.screen is app.main)


async def test_one_area_at_a_time_and_the_cursor_follows_the_row(space: Path) -> None:
    async with opened(space, (160, 40)) as (app, pilot):
        assert app.main.has_class("narrow")
        await pilot.press("alt+1", "down", "down")
        rows = app.focused
        assert isinstance(rows, LineList)
        await wait_for(pilot, lambda: app.cursor_position.y == rows.region.y + 2)
        await pilot.press("up")
        await wait_for(pilot, lambda: app.cursor_position.y == rows.region.y + 1)
