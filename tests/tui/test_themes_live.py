"""Themes that change under the app, the picker, the key viewer, jumping, and help for what has the focus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ptytool import Terminal
from tests.test_app import opened, screen_text, wait_for
from tests.test_theme import BROKEN, GOOD
from tests.tui.test_watching import replaced, told, watching
from workbench.tui.screens.keyview import KeyScreen, meaning, shown_bytes
from workbench.tui.screens.themes import ThemeScreen
from workbench.workspace import init_workspace


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    root = init_workspace(tmp_path / "space").root
    (root / "themes").mkdir(exist_ok=True)
    return root


async def test_the_theme_in_use_follows_its_file_and_20_ways_to_break_it_are_told(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = space / "themes" / "mine.toml"
    file.write_text(GOOD, encoding="utf-8")
    monkeypatch.setenv("WORKBENCH_THEME", "mine")
    assert len(BROKEN) >= 20
    async with opened(space) as (app, pilot):
        await watching(app, pilot)
        assert app.theme == "mine"
        replaced(file, GOOD.replace("#336699", "#993366"))
        await wait_for(pilot, lambda: app.theme_variables["primary"] == "#993366")
        # Once as it is saved; then each as it is read, without waiting for the watcher.
        replaced(file, BROKEN[3][1])
        await wait_for(pilot, lambda: "mine.toml:2" in told(app))
        await app.following.stop()
        for what, text, line in BROKEN:
            app.clear_notifications()
            file.write_text(text, encoding="utf-8")
            app.following.theme_saved(file)
            await pilot.pause()
            place = "mine.toml" + (f":{line}" if line else "")
            assert place in told(app) or f"line {line}" in told(app), what
            assert "The last good theme stays" in told(app), what
            assert app.theme_variables["primary"] == "#993366", what
            assert "Template" in screen_text(pilot), what


# How a theme that is wished for at the start is wrong, and what of it must be told.
AT_START = {
    "line end": ('primary = "#fff"\naccent = """red\n"""\n', "mine.toml:2: accent"),
    "style": ('primary = "#fff"\n[variables]\nlink-style = "bold not"\n', "mine.toml:3: link-style"),
    "unknown variable": ('primary = "#fff"\n[variables]\n\nscrolbar = "red"\n', "mine.toml:4: unknown variable"),
}


@pytest.mark.parametrize(("text", "said"), AT_START.values(), ids=AT_START.keys())
async def test_a_theme_that_is_wrong_at_the_start_is_told_as_people_read_it(
    space: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    (space / "themes" / "mine.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("WORKBENCH_THEME", "mine")
    async with opened(space) as (app, pilot):
        await wait_for(pilot, lambda: said in told(app))
        assert "ThemeProblem" not in told(app)
        assert app.theme == "workbench-dark"


@pytest.mark.parametrize("dark", ["true", "false"])
async def test_the_terminal_s_own_colours_need_no_variables_and_go_with_others(
    space: Path, monkeypatch: pytest.MonkeyPatch, dark: str
) -> None:
    text = f'ansi = true\ndark = {dark}\nprimary = "ansi_blue"\naccent = "#d7a657"\n'
    (space / "themes" / "mine.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("WORKBENCH_THEME", "mine")
    async with opened(space) as (app, pilot):
        await pilot.pause()
        assert app.theme == "mine"
        assert "mine" not in told(app)


async def test_what_fails_at_the_start_is_not_hidden_by_the_end(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> list[object]:
        raise RuntimeError("the start failed")

    monkeypatch.setattr("workbench.tui.app.install_themes", broken)
    with pytest.raises(RuntimeError, match="the start failed"):
        async with opened(space):
            pass


async def test_the_picker_wears_what_is_under_the_cursor_and_escape_takes_it_off(space: Path) -> None:
    (space / "themes" / "broken.toml").write_text("primary = 5\n", encoding="utf-8")
    async with opened(space, (80, 24)) as (app, pilot):
        before = app.theme
        await pilot.press("alt+t")
        await wait_for(pilot, lambda: isinstance(app.screen, ThemeScreen))
        await pilot.press("home")
        assert app.theme == "workbench-ansi" != before
        await pilot.press("end")
        await wait_for(pilot, lambda: "broken.toml:1" in screen_text(pilot))
        await pilot.press("escape")
        assert app.theme == before
        await pilot.press("alt+t", "home", "enter")
        await wait_for(pilot, lambda: app.screen is app.main)
        assert app.theme == "workbench-ansi"


async def test_jump_goes_to_areas_and_to_rows(space: Path) -> None:
    async with opened(space) as (app, pilot):
        main = app.main
        await pilot.press("alt+shift+j")
        await wait_for(pilot, lambda: len(app.screen._targets) > 10 if hasattr(app.screen, "_targets") else False)
        targets = app.screen._targets  # type: ignore[attr-defined]
        letter = next(key for key, item in targets.items() if item.widget is main.templates and item.row == 2)
        await wait_for(pilot, lambda: f" {letter} " in screen_text(pilot))
        await pilot.press(letter)
        await wait_for(pilot, lambda: main.focused is main.templates)
        assert main.templates.cursor == 2
        await pilot.press("f11")
        await pilot.pause()
        letter = next(key for key, item in targets.items() if item.widget is main.preview)
        await pilot.press(letter)
        await wait_for(pilot, lambda: main.focused is main.preview)
        await pilot.press("f11", "4")
        await wait_for(pilot, lambda: main.focused is main.output)
        await pilot.press("f11", "escape")
        await wait_for(pilot, lambda: app.screen is main)


async def test_help_begins_with_what_has_the_focus(space: Path) -> None:
    async with opened(space) as (app, pilot):
        for key, title in [("alt+2", "Template"), ("alt+3", "Prompt"), ("alt+4", "Output"), ("alt+1", "Lists")]:
            await pilot.press(key, "f1")
            await wait_for(pilot, lambda title=title: f"{title}: what has the focus" in screen_text(pilot))  # type: ignore[misc]
            assert "Everywhere here" in app.screen.focused.text  # type: ignore[union-attr]
            await pilot.press("escape")


async def test_the_key_viewer_names_keys_and_runs_none(space: Path) -> None:
    async with opened(space) as (app, pilot):
        await pilot.press("alt+shift+k")
        await wait_for(pilot, lambda: isinstance(app.screen, KeyScreen))
        await pilot.press("ctrl+q", "f1", "ctrl+p", "f5", "ctrl+k", "escape", "x")
        assert isinstance(app.screen, KeyScreen)
        text = app.screen.view.text
        assert "f5" in text
        assert "Run: send the prompt" in text
        assert "Quit: leave" in text
        assert "in the editor: Delete to line end" in text
        assert "no command" in text
        await pilot.press("escape", "escape")
        await wait_for(pilot, lambda: app.screen is app.main)


def test_bytes_are_written_as_people_do() -> None:
    assert shown_bytes(b"\x1b[15~") == "1b 5b 31 35 7e  ESC [ 1 5 ~"
    assert shown_bytes(b"\x06") == "06  ^F"
    assert shown_bytes("é".encode()) == "c3 a9"
    assert meaning("f35", (), lambda key: "") == "no command"


@pytest.fixture
def start(space: Path) -> Iterator[Terminal]:
    env = {"WORKBENCH_ENGINE": "scripted", "WORKBENCH_SCRIPT": json.dumps({"pieces": ["x"]})}
    terminal = Terminal(cwd=space, env={**env, "NO_COLOR": "1"})
    terminal.wait_for("city")
    yield terminal
    terminal.close()


@pytest.mark.pty
def test_the_key_viewer_shows_the_bytes_and_no_colour_is_honoured(start: Terminal) -> None:
    start.send(b"\x1bK")
    start.wait_for("Keys as they arrive")
    start.send(b"\x1b[15~")
    start.wait_for("1b 5b 31 35 7e")
    start.send(b"\x1bOP")
    start.wait_for("ESC O P")
    start.send(b"\x1b")
    start.wait_for("escape")
    start.send(b"\x1b")
    start.wait_for("[slots.city]")
    hues = {
        (cell.fg, cell.bg)
        for line in start.screen.buffer.values()
        for cell in line.values()
        for colour in (cell.fg, cell.bg)
        if colour != "default" and len({colour[0:2], colour[2:4], colour[4:6]}) > 1
    }
    assert not hues
