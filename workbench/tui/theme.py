"""Themes from TOML files: checked before they are used, so that none can stop the app.

A theme comes from the workspace, the user's folder or the bundled set; the first that has the name wins.
Every field is checked by itself, and the whole against the app's style sheet, before it is switched to. A
problem names file and line and leaves the last good theme in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from textual.app import App
from textual.color import ColorParseError
from textual.css.errors import StylesheetError
from textual.css.stylesheet import StylesheetParseError
from textual.css.tokenizer import TokenError
from textual.theme import Theme

from workbench.display import display
from workbench.error import ConfigError, WorkbenchError
from workbench.textio import read_text
from workbench.tui.theme_check import COLOUR_HINT, COLOURS, Check, FileTheme, faint, is_shade, near, parse_theme
from workbench.workspace import Workspace, starter_root, user_config_dir

SIZE_LIMIT = 64 << 10
_SHEET_ERRORS = (StylesheetError, StylesheetParseError, TokenError, ColorParseError, ValueError)
_HINT = "docs/themes.md says what it takes."


@dataclass(frozen=True, slots=True)
class ThemeProblem:
    """A theme file that cannot be used, and why; ``message`` begins with file and line."""

    path: Path
    message: str
    hint: str = ""


def theme_folders(workspace: Workspace | None) -> list[Path]:
    """Where themes are looked for, the strongest first: workspace, the user's folder, bundled."""
    folders = [workspace.themes] if workspace is not None else []
    return [*folders, user_config_dir() / "themes", starter_root() / "themes"]


def list_themes(folders: Iterable[Path]) -> tuple[dict[str, Theme], list[ThemeProblem]]:
    """The usable themes by name, and what is wrong with the others. Never raises."""
    themes: dict[str, Theme] = {}
    problems: list[ThemeProblem] = []
    for folder in folders:
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
            try:
                theme = load_theme(path)
            except WorkbenchError as error:
                problems.append(ThemeProblem(path, error.message, error.hint))
            else:
                themes.setdefault(theme.name, theme)
    return themes, problems


def load_theme(path: Path) -> FileTheme:
    """The theme of a file. Raises ConfigError naming file and line, StorageError when it cannot be read."""
    return parse_theme(read_text(path, limit=SIZE_LIMIT), file=str(path), stem=path.stem)


def check_in_app(app: App[Any], theme: Theme) -> None:
    """Try ``theme`` on a copy of the app's style sheet. Raises ConfigError; the app is not touched."""
    check = _check_of(theme)
    try:
        known = _known(app, theme)
        for key in theme.variables:
            if key not in known:
                check.fail(key, f"unknown variable {key!r}", near(key, known), table="variables")
            # A style sheet is only tried with the widgets that were seen so far; others come later.
            if is_shade(known[key]) and not is_shade(theme.variables[key]):
                check.fail(key, f"{key}: {theme.variables[key]!r} is no colour", COLOUR_HINT, table="variables")
        _parse(app, {**known, **theme.variables})
    except _SHEET_ERRORS as error:
        # One at a time: the style sheet's own message names a line of the style sheet, not of the theme.
        table, key = _culprit(app, theme)
        value = theme.variables[key] if table else getattr(theme, key, "")
        place = check.place(key, table) if key else f"{check.file}:1"
        kind = " in a theme with ansi = true" if theme.ansi and not table else ""
        message = f"{key}: {value!r} cannot be used{kind}" if key else "these values cannot be used together"
        raise ConfigError(f"{place}: {message}", hint=COLOUR_HINT if key and not table else _HINT) from error


def _known(app: App[Any], theme: Theme) -> dict[str, str]:
    """Every variable with its value when the theme sets none: the colour system repeats what the theme sets.

    The two kinds of theme know different names, and a style sheet may use any.
    """
    known = app.get_theme_variable_defaults()
    for ansi in (not theme.ansi, theme.ansi):
        known = {**known, **replace(theme, variables={}, ansi=ansi).to_color_system().generate()}
    return known


def _check_of(theme: Theme) -> Check:
    return Check(theme.text, theme.file) if isinstance(theme, FileTheme) else Check("", theme.name)


def _parse(app: App[Any], variables: dict[str, str]) -> None:
    sheet = app.stylesheet.copy()
    sheet.set_variables(variables)
    sheet.reparse()


def _culprit(app: App[Any], theme: Theme) -> tuple[str, str]:
    """Table and key of what the style sheet does not take; empty when each by itself is taken."""
    plain = Theme(theme.name, "ansi_blue", ansi=True) if theme.ansi else Theme(theme.name, "#7aa2c8", dark=theme.dark)
    for field in COLOURS:
        if value := getattr(theme, field):
            try:
                _parse(app, _known(app, replace(plain, **{field: value})))
            except _SHEET_ERRORS:
                return "", field
    known = _known(app, theme)
    for key, value in theme.variables.items():
        try:
            _parse(app, {**known, key: value})
        except _SHEET_ERRORS:
            return "variables", key
    return "", ""


def use_theme(app: App[Any], theme: Theme) -> None:
    """Check ``theme`` in the app and switch to it, also when it is a newer version of the one in use.

    Raises ConfigError and leaves the theme in use as it is.
    """
    check_in_app(app, theme)
    worn = app.current_theme
    try:
        _wear(app, theme)
    except Exception as error:
        # Whatever drawing fails of: a theme is no reason to end the app.
        _wear(app, worn)
        if theme.name != worn.name:
            app.unregister_theme(theme.name)
        message = f"{_check_of(theme).file}:1: the theme cannot be drawn: {display(str(error))}"
        raise ConfigError(message, hint=_HINT) from error


def _wear(app: App[Any], theme: Theme) -> None:
    app.register_theme(theme)
    app.theme = theme.name
    # A change of name is applied in a later turn, where nothing could be caught: so apply it here as well.
    app.refresh_css(animate=False)


def reload_theme(app: App[Any], path: Path, *, only: str = "") -> Theme:
    """Read a theme file again and switch to it. Raises WorkbenchError; the last good theme stays.

    With ``only`` a theme of another name is checked and made known, not switched to.
    """
    theme = load_theme(path)
    if only and theme.name != only:
        check_in_app(app, theme)
        app.register_theme(theme)
        return theme
    use_theme(app, theme)
    return theme


def install_themes(app: App[Any], folders: Sequence[Path], wanted: str) -> list[ThemeProblem]:
    """Register every usable theme and switch to ``wanted``, or to the bundled dark one when it is not."""
    themes, problems = list_themes(folders)
    for theme in themes.values():
        app.register_theme(theme)
    fallback = "workbench-dark" if "workbench-dark" in themes else "textual-dark"
    for name in dict.fromkeys((wanted, fallback)):
        theme_or_none = themes.get(name) or app.available_themes.get(name)
        if theme_or_none is None:
            hint = near(name, app.available_themes)
            problems.append(ThemeProblem(Path(name), f"there is no theme {name!r}", hint))
            continue
        try:
            use_theme(app, theme_or_none)
        except ConfigError as error:
            file = theme_or_none.file if isinstance(theme_or_none, FileTheme) else name
            problems.append(ThemeProblem(Path(file), error.message, error.hint))
        else:
            problems += doubts(theme_or_none)
            break
    return problems


def doubts(theme: Theme) -> list[ThemeProblem]:
    """What is told of a theme that is used all the same."""
    said, step = faint(theme) if isinstance(theme, FileTheme) else ("", "")
    return [ThemeProblem(Path(_check_of(theme).file), said, step)] if said else []
