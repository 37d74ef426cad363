"""Themes from TOML files: checked before they are used, so that none can stop the app.

A theme comes from the workspace, the user's folder or the bundled set; the first that has the name wins.
Every field is checked by itself, and the whole against the app's style sheet, before it is switched to. A
problem names file and line and leaves the last good theme in place.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from textual.app import App
from textual.color import Color, ColorParseError
from textual.css.errors import StylesheetError
from textual.css.stylesheet import StylesheetParseError
from textual.css.tokenizer import TokenError
from textual.theme import Theme

from workbench.error import ConfigError, WorkbenchError
from workbench.textio import read_text, toml_loads
from workbench.workspace import Workspace, starter_root, user_config_dir

SIZE_LIMIT = 64 << 10
COLOURS = (
    "primary",
    "secondary",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
    "boost",
    "success",
    "warning",
    "error",
)
STYLE_WORDS = frozenset(("none", "bold", "dim", "italic", "underline", "reverse", "strike", "blink", "not"))
COLOUR_HINT = 'Write a colour as "#rrggbb", by name ("teal") or as one of the 16 ("ansi_blue").'
_NUMBERS = {"luminosity_spread": (0.0, 1.0), "text_alpha": (0.0, 1.0)}
_FLAGS = ("dark", "ansi")
_KNOWN = {field.name for field in fields(Theme)}
_SHEET_ERRORS = (StylesheetError, StylesheetParseError, TokenError, ColorParseError, ValueError)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[a-z][a-z0-9-]*")


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


def load_theme(path: Path) -> Theme:
    """The theme of a file. Raises ConfigError naming file and line, StorageError when it cannot be read."""
    return parse_theme(read_text(path, limit=SIZE_LIMIT), file=str(path), stem=path.stem)


def parse_theme(text: str, *, file: str, stem: str = "theme") -> Theme:
    """A theme from TOML; ``stem`` names it when it does not. Raises ConfigError that names file and line."""
    check = _Check(text, file)
    data = toml_loads(text, file=file)
    data.setdefault("name", stem)
    for key in data:
        if key not in _KNOWN:
            check.fail(key, f"unknown field {key!r}", _near(key, _KNOWN))
    if "primary" not in data:
        raise ConfigError(f"{file}:1: the field 'primary' is missing", hint='Write: primary = "#7aa2c8"')
    if not isinstance(data["name"], str) or not _NAME.fullmatch(data["name"]):
        check.fail("name", "a name is made of small letters, digits, - and _")
    for key in COLOURS:
        if key in data:
            check.colour(key, data[key])
    for key, (low, high) in _NUMBERS.items():
        check.number(key, data.get(key, low), low, high)
    for key in _FLAGS:
        if not isinstance(data.get(key, False), bool):
            check.fail(key, f"{key} must be true or false")
    variables = data.get("variables", {})
    if not isinstance(variables, dict):
        check.fail("variables", "variables must be a table: [variables]")
    check.variables(variables)
    return Theme(**data)


def _is_colour(value: str) -> bool:
    """Is ``value`` a colour, perhaps with a strength: ``#rrggbb 35%``?"""
    colour, _, strength = value.strip().partition(" ")
    if strength and not re.fullmatch(r"\d{1,3}(\.\d+)?%", strength.strip()):
        return False
    try:
        Color.parse(colour)
    except ColorParseError:
        return False
    return True


class _Check:
    """The checks of one file; each failure names the line of its key."""

    def __init__(self, text: str, file: str) -> None:
        self.lines = text.splitlines()
        self.file = file

    def line(self, key: str, table: str = "") -> int:
        """The line, from 1, on which ``key`` of ``table`` is set."""
        inside = ""
        pattern = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
        for number, line in enumerate(self.lines, 1):
            header = re.match(r"\s*\[\s*([^\]]*?)\s*\]", line)
            if header:
                inside = header.group(1)
                if not table and inside == key:
                    return number
            elif inside == table and pattern.match(line):
                return number
        return 1

    def fail(self, key: str, message: str, hint: str = "", *, table: str = "") -> None:
        raise ConfigError(f"{self.file}:{self.line(key, table)}: {message}", hint=hint)

    def colour(self, key: str, value: object) -> None:
        if not isinstance(value, str):
            self.fail(key, f"{key} must be a colour in quotes", COLOUR_HINT)
        elif not _is_colour(value):
            self.fail(key, f"{key}: {value!r} is no colour", COLOUR_HINT)

    def number(self, key: str, value: object, low: float, high: float) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            self.fail(key, f"{key} must be a number from {low} to {high}")

    def variables(self, variables: Mapping[str, Any]) -> None:
        for key, value in variables.items():
            if not _VARIABLE.fullmatch(key):
                self.fail(key, f"{key!r} is no variable name", table="variables")
            if not isinstance(value, str):
                self.fail(key, f"{key} must be text in quotes", table="variables")
            elif any(character in value for character in ";{}\n$"):
                self.fail(key, f"{key}: {value!r} is no value for a style", table="variables")
            elif key.endswith("style") and not STYLE_WORDS.issuperset(value.split()):
                hint = "A style is made of: " + " ".join(sorted(STYLE_WORDS))
                self.fail(key, f"{key}: {value!r} is no style", hint, table="variables")
            elif key.endswith(("background", "foreground", "color")) and not _is_colour(value):
                self.fail(key, f"{key}: {value!r} is no colour", COLOUR_HINT, table="variables")


def check_in_app(app: App[Any], theme: Theme, *, file: str = "", text: str = "") -> None:
    """Try ``theme`` on a copy of the app's style sheet. Raises ConfigError; the app is not touched."""
    where = file or theme.name
    try:
        known = {**app.get_theme_variable_defaults(), **theme.to_color_system().generate()}
        for key in theme.variables:
            if key not in known:
                place = f"{where}:{_Check(text, where).line(key, 'variables')}"
                raise ConfigError(f"{place}: unknown variable {key!r}", hint=_near(key, known))
            # A style sheet is only tried with the widgets that were seen so far; others come later.
            if _is_colour(known[key]) and not _is_colour(theme.variables[key]):
                place = f"{where}:{_Check(text, where).line(key, 'variables')}"
                message = f"{place}: {key}: {theme.variables[key]!r} is no colour"
                raise ConfigError(message, hint=COLOUR_HINT)
        _parse(app, {**known, **theme.variables})
    except _SHEET_ERRORS as error:
        # One at a time: the style sheet's own message names a line of the style sheet, not of the theme.
        key = _culprit(app, theme)
        place = f"{where}:{_Check(text, where).line(key, 'variables') if key else 1}"
        message = f"{key}: {theme.variables[key]!r} cannot be used" if key else "these values cannot be used"
        raise ConfigError(f"{place}: {message}", hint="docs/themes.md says what it takes.") from error


def _parse(app: App[Any], variables: dict[str, str]) -> None:
    sheet = app.stylesheet.copy()
    sheet.set_variables(variables)
    sheet.reparse()


def _culprit(app: App[Any], theme: Theme) -> str:
    known = {**app.get_theme_variable_defaults(), **theme.to_color_system().generate()}
    for key, value in theme.variables.items():
        try:
            _parse(app, {**known, key: value})
        except _SHEET_ERRORS:
            return key
    return ""


def use_theme(app: App[Any], theme: Theme, *, file: str = "", text: str = "") -> None:
    """Check ``theme`` in the app and switch to it, also when it is a newer version of the one in use.

    Raises ConfigError and leaves the theme in use as it is.
    """
    check_in_app(app, theme, file=file, text=text)
    app.register_theme(theme)
    if app.theme == theme.name:
        app.refresh_css(animate=False)
    else:
        app.theme = theme.name


def reload_theme(app: App[Any], path: Path, *, only: str = "") -> Theme:
    """Read a theme file again and switch to it. Raises WorkbenchError; the last good theme stays.

    With ``only`` a theme of another name is checked and made known, not switched to.
    """
    text = read_text(path, limit=SIZE_LIMIT)
    theme = parse_theme(text, file=str(path), stem=path.stem)
    if only and theme.name != only:
        check_in_app(app, theme, file=str(path), text=text)
        app.register_theme(theme)
        return theme
    use_theme(app, theme, file=str(path), text=text)
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
            hint = _near(name, app.available_themes)
            problems.append(ThemeProblem(Path(name), f"there is no theme {name!r}", hint))
            continue
        try:
            use_theme(app, theme_or_none)
        except ConfigError as error:
            problems.append(ThemeProblem(Path(name), error.message, error.hint))
        else:
            break
    return problems


def _near(word: str, known: Iterable[str]) -> str:
    match = difflib.get_close_matches(word, sorted(known), n=1)
    return f"Did you mean {match[0]!r}?" if match else "See docs/themes.md for all of them."
