"""The app's finer promises through its pilot: focus, names, recorded values, foreign text everywhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual import events

from tests.test_app import SIZES, opened, play, screen_text, space, wait_for
from workbench.service import open_workbench
from workbench.tui.app import WorkbenchApp

__all__ = ["space"]


@pytest.mark.parametrize("size", SIZES)
async def test_keys_go_where_the_area_key_led(space: Path, size: tuple[int, int]) -> None:
    async with opened(space, size) as (app, pilot):
        await pilot.press("alt+1", "alt+5", "end", "X")
        await wait_for(pilot, lambda: app.main.form.values["city"] == "LondonX")
        await pilot.press("alt+1", "alt+2", "Y")
        await wait_for(pilot, lambda: app.main.editor.text.startswith("Y"))
        assert isinstance(app.focused, type(app.main.editor))


@pytest.mark.parametrize("turns", range(0, 30, 3))
async def test_leaving_at_any_moment_of_the_start_is_no_crash(space: Path, turns: int) -> None:
    app = WorkbenchApp(open_workbench(space))
    async with app.run_test(size=(80, 24)):
        for _ in range(turns):
            await asyncio.sleep(0)
        app.exit(0)
    assert app.return_value == 0


async def test_a_new_template_does_not_take_the_screen_from_a_run(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pieces=["the answer"])
    async with opened(space, (80, 24)) as (app, pilot):
        app.do("new_template")
        app.do("run")
        await wait_for(pilot, lambda: app.main.output.text == "the answer" and not app.main.running.busy)
        await wait_for(pilot, lambda: "the answer" in screen_text(pilot))


async def test_keys_of_one_burst_act_in_their_order(space: Path) -> None:
    async with opened(space) as (app, pilot):
        editor = app.main.editor
        editor.load_text("a\nb\nc\n")
        editor.move_cursor((0, 0))
        editor.focus()
        await pilot.pause()
        # Without a pause between them, as they come in one read.
        for key, character in [
            ("down", None),
            ("down", None),
            ("x", "x"),
            ("end", None),
            ("y", "y"),
            ("up", None),
            ("z", "z"),
        ]:
            app.post_message(events.Key(key, character))
        await wait_for(pilot, lambda: "z" in editor.text)
        assert editor.text == "a\nbz\nxcy\n"


@pytest.mark.parametrize("key", ["f11", "f1", "alt+6"])
async def test_a_fast_second_key_leaves_no_second_screen(space: Path, key: str) -> None:
    async with opened(space) as (app, pilot):
        await pilot.press(key)
        await wait_for(pilot, lambda: app.screen is not app.main)
        # Both in the queue before the screen has gone.
        app.post_message(events.Key("escape", None))
        app.post_message(events.Key("escape", None))
        app.post_message(events.Key("down", None))
        await wait_for(pilot, lambda: app.screen is app.main)
        await pilot.pause()
        assert app.screen is app.main


async def test_an_output_that_was_not_on_the_screen_still_follows_its_end(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, pieces=["tick\n"] * 3000, delay_ms=5)
    async with opened(space, (80, 24)) as (app, pilot):
        app.main.running.params = {"max_tokens": 3000}
        output = app.main.output
        await pilot.press("f5")
        await wait_for(pilot, lambda: output.row_count > 40)
        for area in ("alt+2", "alt+4") * 3:
            await pilot.press(area)
            rows = output.row_count
            await wait_for(pilot, lambda rows=rows: output.row_count > rows + 30)  # type: ignore[misc]
        assert output.following
        await wait_for(pilot, lambda: output.scroll_offset.y >= output.row_count - output.size.height - 20)
        await pilot.press("f6")
        await wait_for(pilot, lambda: not app.main.running.busy)
        assert output.scroll_offset.y == output.row_count - output.size.height
