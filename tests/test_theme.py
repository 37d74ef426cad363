"""Themes: the bundled ones are sound, and a broken one is reported with file and line and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.color import Color
from textual.theme import Theme
from textual.widgets import Input

from workbench.error import ConfigError, WorkbenchError
from workbench.tui.editor import TemplateEditor
from workbench.tui.listview import LineList, Row
from workbench.tui.stream import StreamView
from workbench.tui.theme import install_themes, list_themes, load_theme, reload_theme, use_theme
from workbench.tui.theme_check import contrast

NAMES = ["workbench-ansi", "workbench-contrast", "workbench-dark", "workbench-light", "workbench-mono"]
GOOD = 'name = "mine"\nprimary = "#336699"\n\n[variables]\nblock-cursor-text-style = "bold"\n'

# What is wrong, the whole file, and the line that must be named (0: the file alone).
BROKEN = [
    ("empty", "", 1),
    ("no primary", 'name = "mine"\n', 1),
    ("not toml", 'primary = "#fff\n', 1),
    ("unknown field", 'primary = "#fff"\nprimry = "#000"\n', 2),
    ("no colour", '\nprimary = "#ggg"\n', 2),
    ("colour as number", "primary = 5\n", 1),
    ("colour as list", 'primary = ["#fff"]\n', 1),
    ("bad second colour", 'primary = "#fff"\n\n\naccent = "sparkle"\n', 4),
    ("colour with a line end", 'primary = "#fff"\naccent = """red\n"""\n', 2),
    ("colour with a blank", 'primary = "#fff"\naccent = " red"\n', 2),
    ("colour with a strength", 'primary = "#fff"\naccent = "red 30%"\n', 2),
    ("colour out of range", 'primary = "#fff"\naccent = "rgb(999,1,1)"\n', 2),
    ("hue out of range", 'primary = "#fff"\naccent = "hsl(20,300%,1%)"\n', 2),
    ("strength out of range", 'primary = "#fff"\n[variables]\nscrollbar = "red 300%"\n', 3),
    ("name with blanks", 'name = "my theme"\nprimary = "#fff"\n', 1),
    ("name as number", 'primary = "#fff"\nname = 3\n', 2),
    ("name of escapes", 'primary = "#fff"\nname = "\\u001b[2J"\n', 2),
    ("dark as text", 'primary = "#fff"\ndark = "yes"\n', 2),
    ("number out of range", 'primary = "#fff"\ntext_alpha = 7\n', 2),
    ("number as text", 'primary = "#fff"\nluminosity_spread = "wide"\n', 2),
    ("variables as text", 'primary = "#fff"\nvariables = "x"\n', 2),
    ("variable as number", 'primary = "#fff"\n[variables]\nblock-cursor-text-style = 1\n', 3),
    ("unknown variable", 'primary = "#fff"\n[variables]\n\nblock-cursor-txt-style = "bold"\n', 4),
    ("bad style", 'primary = "#fff"\n[variables]\nblock-cursor-text-style = "sparkle"\n', 3),
    ("style that takes away nothing", 'primary = "#fff"\n[variables]\nlink-style = "bold not"\n', 3),
    ("style that is none and more", 'primary = "#fff"\n[variables]\nlink-style-hover = "none bold"\n', 3),
    ("bad border colour", 'primary = "#fff"\n[variables]\nborder-blurred = "sparkle"\n', 3),
    ("bad variable colour", 'primary = "#fff"\n[variables]\nblock-cursor-background = "#12"\n', 3),
    ("style sheet inside", 'primary = "#fff"\n[variables]\nblock-cursor-text-style = "bold; } * {"\n', 3),
    ("twice the same", 'primary = "#fff"\nprimary = "#000"\n', 2),
    ("not toml further on", 'primary = "#fff"\n\n\naccent = \n', 4),
    ("never ended", 'primary = "#fff"\n\nvariables = {', 3),
    ("dotted variable", 'primary = "#fff"\n\n\nvariables.scrollbar = "zzz"\n', 4),
    ("inline variable", 'primary = "#fff"\n\nvariables = { link-style = "bold", scrollbar = "zzz" }\n', 3),
    ("deep nesting", "primary = " + "[" * 2000 + "\n", 0),
]


class Room(App[None]):
    """One of each of our widgets."""

    CSS = "* { color: $foreground; } Input { background: $block-cursor-background; }"

    def compose(self) -> ComposeResult:
        yield Input()
        yield TemplateEditor("+++\ntitle = 'x'\n+++\nSay {city}")
        yield StreamView("text")
        line_list = LineList(widths=(0,))
        line_list.set_rows([Row("a", ("row",))])
        yield line_list


def test_the_bundled_themes_are_all_there(repo: Path) -> None:
    themes, problems = list_themes([repo / "themes"])
    assert sorted(themes) == NAMES
    assert problems == []


@pytest.mark.parametrize("name", NAMES)
async def test_each_bundled_theme_can_be_used_and_read(name: str, repo: Path) -> None:
    theme = load_theme(repo / "themes" / f"{name}.toml")
    app = Room()
    async with app.run_test(size=(40, 16)) as pilot:
        assert install_themes(app, [repo / "themes"], name) == []
        await pilot.pause()
        assert app.theme == name
        assert any("Say {city}" in strip.text for strip in app.screen._compositor.render_strips())
    if not theme.ansi:
        for colour in (
            theme.foreground,
            theme.primary,
            theme.accent,
            theme.error,
            theme.success,
            theme.warning,
        ):
            assert colour
            assert contrast(Color.parse(colour), Color.parse(theme.background or "#000")) >= 4.5, colour


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ('background = "#000000"\nforeground = "#000000"', 3),
        ('background = "#000000"\nforeground = "#ffffff"\naccent = "#111111"', 4),
        ('background = "#ffffff"\nerror = "transparent"', 3),
        ('background = "#ffffff"\nerror = "#00000010"', 3),
        ('error = "transparent"', 2),
        ('dark = false\nerror = "#ffffff"', 3),
    ],
)
async def test_text_that_can_hardly_be_read_is_told_and_the_theme_used(tmp_path: Path, fields: str, line: int) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'primary = "#777777"\n{fields}\n')
    app = Room()
    async with app.run_test(size=(40, 16)):
        problems = install_themes(app, [tmp_path], "mine")
        assert app.theme == "mine"
    assert len(problems) == 1
    assert problems[0].message.startswith(f"{path}:{line}: ")
    assert "can hardly be read" in problems[0].message
    assert problems[0].hint


async def test_a_broken_theme_never_stops_the_app_and_names_file_and_line(tmp_path: Path) -> None:
    app = Room()
    path = tmp_path / "mine.toml"
    async with app.run_test(size=(40, 16)) as pilot:
        path.write_text(GOOD)
        reload_theme(app, path)
        assert app.theme == "mine"
        for what, text, line in BROKEN:
            path.write_text(text)
            with pytest.raises(WorkbenchError) as caught:
                reload_theme(app, path)
            assert str(path) in caught.value.message, what
            assert not line or f"{path}:{line}: " in caught.value.message, (what, caught.value)
            await pilot.pause()
            assert app.theme == "mine"
            assert app.current_theme.primary == "#336699"


async def test_a_theme_that_drawing_fails_of_is_taken_off_again(tmp_path: Path) -> None:
    app = Room()
    path = tmp_path / "mine.toml"
    async with app.run_test(size=(40, 16)) as pilot:
        path.write_text(GOOD)
        reload_theme(app, path)
        for name in ("mine", "other"):
            # Past the checks of the file: as a fault would that no check knows.
            theme = Theme(name=name, primary="#993366", variables={"link-style": "bold not"})
            with pytest.raises(ConfigError, match="cannot be drawn"):
                use_theme(app, theme)
            await pilot.pause()
            assert app.theme == "mine"
            assert app.theme_variables["primary"] == "#336699"


async def test_a_saved_change_of_the_theme_in_use_is_seen(tmp_path: Path) -> None:
    app = Room()
    path = tmp_path / "mine.toml"
    async with app.run_test(size=(40, 16)) as pilot:
        path.write_text(GOOD)
        reload_theme(app, path)
        path.write_text(GOOD.replace("#336699", "#993366"))
        reload_theme(app, path)
        await pilot.pause()
        assert app.theme_variables["primary"] == "#993366"


async def test_an_unknown_wish_falls_back_and_says_so(repo: Path) -> None:
    app = Room()
    async with app.run_test(size=(40, 16)):
        problems = install_themes(app, [repo / "themes"], "workbench-drak")
        assert [problem.hint for problem in problems] == ["Did you mean 'workbench-dark'?"]
        assert app.theme == "workbench-dark"


async def test_near_names_are_offered(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('primary = "#fff"\nsecundary = "#fff"\n')
    with pytest.raises(ConfigError) as caught:
        load_theme(path)
    assert caught.value.hint == "Did you mean 'secondary'?"
    app = Room()
    async with app.run_test(size=(40, 16)):
        path.write_text(GOOD)
        use_theme(app, load_theme(path))
        assert app.theme == "mine"


def test_the_workspace_wins_over_the_bundled(tmp_path: Path, repo: Path) -> None:
    (tmp_path / "a.toml").write_text('name = "workbench-dark"\nprimary = "#123456"\n')
    (tmp_path / "b.toml").write_text("nonsense")
    themes, problems = list_themes([tmp_path, repo / "themes"])
    assert themes["workbench-dark"].primary == "#123456"
    assert [problem.path.name for problem in problems] == ["b.toml"]


def test_every_field_is_documented(repo: Path) -> None:
    from dataclasses import fields

    from textual.theme import Theme

    page = (repo / "docs" / "themes.md").read_text("utf-8")
    for field in fields(Theme):
        assert f"`{field.name}`" in page
    for name in NAMES:
        assert f"`{name}`" in page
