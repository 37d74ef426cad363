"""What a theme's fields may hold: each is checked by itself, and a failure names the file and the line of its key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from rich.errors import StyleSyntaxError
from rich.style import Style
from textual.color import Color, ColorParseError
from textual.design import DEFAULT_DARK_BACKGROUND, DEFAULT_LIGHT_BACKGROUND
from textual.theme import Theme

from workbench.error import ConfigError
from workbench.textio import toml_loads
from workbench.tui.toml_place import line_of

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
# Colours of text. Below this ratio WCAG 2 calls even large text unreadable.
INKS = ("foreground", "primary", "secondary", "accent", "success", "warning", "error")
CONTRAST = 3.0
STYLE_WORDS = frozenset(("none", "bold", "dim", "italic", "underline", "reverse", "strike", "blink", "not"))
STYLE_HINT = 'A style is "none", or words such as "bold underline"; "not bold" takes one away. Known: ' + " ".join(
    sorted(STYLE_WORDS)
)
COLOUR_HINT = 'Write a colour as "#rrggbb", by name ("teal") or as one of the 16 ("ansi_blue").'
_NUMBERS = {"luminosity_spread": (0.0, 1.0), "text_alpha": (0.0, 1.0)}
_FLAGS = ("dark", "ansi")
_KNOWN = {field.name for field in fields(Theme)}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_PARTS = re.compile(r"(?:rgb|hsl)a?\((.*)\)")
_STRENGTH = re.compile(r" *[0-9]{1,3}(\.[0-9]+)?%")
_VARIABLE = re.compile(r"[a-z][a-z0-9-]*")


@dataclass
class FileTheme(Theme):
    """A theme with the file it came from, so that what is found wrong with it later can name the place as well."""

    file: str = ""
    text: str = ""


def parse_theme(text: str, *, file: str, stem: str = "theme") -> FileTheme:
    """A theme from TOML; ``stem`` names it when it does not. Raises ConfigError that names file and line."""
    check = Check(text, file)
    data = _loaded(text, file)
    data.setdefault("name", stem)
    for key in data:
        if key not in _KNOWN:
            check.fail(key, f"unknown field {key!r}", near(key, _KNOWN))
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
    if data.get("ansi"):
        # Style sheets of the screen library use these, which it sets for themes of the other kind only.
        ink, paper = ("white", "black") if data.get("dark", True) else ("black", "white")
        data["variables"] = {"ansi-foreground": f"ansi_{ink}", "ansi-background": f"ansi_{paper}", **variables}
    return FileTheme(**data, file=file, text=text)


def _loaded(text: str, file: str) -> dict[str, Any]:
    """The data. What is no TOML is placed like all else that is wrong: ``file:line``."""
    try:
        return toml_loads(text)
    except ConfigError as error:
        at = re.search(r"\(at line (\d+)", error.message)
        # Else it is the end of the text, or the nesting: no row is more to blame than the last.
        line = int(at[1]) if at else max(1, len(text.splitlines()))
        raise ConfigError(f"{file}:{line}: {error.message}", hint=error.hint) from error


def faint(theme: FileTheme) -> tuple[str, str]:
    """What is told of a theme whose text can hardly be read, and the next step; empty when all can.

    The terminal's own colours are not known here, and count as fine; so do those made from others.
    """
    usual = "ansi_default" if theme.ansi else DEFAULT_DARK_BACKGROUND if theme.dark else DEFAULT_LIGHT_BACKGROUND
    paper = Color.parse(theme.background or usual)
    for key in INKS:
        ink = Color.parse(getattr(theme, key) or "ansi_default")
        if ink.ansi is not None or paper.ansi is not None:
            continue
        ratio = contrast(paper + ink, paper)
        if ratio < CONTRAST:
            place = Check(theme.text, theme.file).place(key)
            said = f"{place}: {key} can hardly be read on the background: contrast {ratio:.1f}, wanted {CONTRAST:g}"
            return said, "Make one lighter or the other darker; docs/themes.md says which colour is what."
    return "", ""


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of WCAG 2: relative luminance, https://www.w3.org/TR/WCAG20/#contrast-ratiodef."""

    def luminance(colour: Color) -> float:
        parts = [part / 255 for part in colour.rgb]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def is_style(value: str) -> bool:
    """Is ``value`` a style? Known words alone are not enough: ``bold not`` has them, and drawing fails of it."""
    if not STYLE_WORDS.issuperset(value.split()):
        return False
    try:
        Style.parse(value)
    except StyleSyntaxError:
        return False
    return True


def is_colour(value: str) -> bool:
    """Is ``value`` a colour as it stands? Blanks around it are not taken away: who draws with it takes none away."""
    try:
        Color.parse(value)
    except ColorParseError:
        return False
    numbers = _PARTS.fullmatch(value)
    if numbers is None:
        return True
    # The parser cuts these to what there is: not what was meant.
    limits = (255, 255, 255, 1) if value.startswith("rgb") else (360, 100, 100, 1)
    parts = [float(part.strip().rstrip("%")) for part in numbers[1].split(",")]
    return all(0 <= part <= limit for part, limit in zip(parts, limits, strict=False))


def is_shade(value: str) -> bool:
    """Is ``value`` a colour, perhaps with a strength, as variables may be: ``#rrggbb 35%``, ``auto 60%``?"""
    colour, blank, strength = value.partition(" ")
    if blank and not (_STRENGTH.fullmatch(strength) and float(strength[:-1]) <= 100):
        return False
    return colour == "auto" or is_colour(colour)


class Check:
    """The checks of one file; each failure names the line of its key."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file

    def line(self, key: str, table: str = "") -> int:
        """The line, from 1, on which ``key`` of ``table`` is set."""
        return line_of(self.text, (table, key) if table else (key,))

    def place(self, key: str, table: str = "") -> str:
        return f"{self.file}:{self.line(key, table)}"

    def fail(self, key: str, message: str, hint: str = "", *, table: str = "") -> None:
        raise ConfigError(f"{self.place(key, table)}: {message}", hint=hint)

    def colour(self, key: str, value: object) -> None:
        if not isinstance(value, str):
            self.fail(key, f"{key} must be a colour in quotes", COLOUR_HINT)
        elif not is_colour(value):
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
            elif "style" in key.split("-") and not is_style(value):
                self.fail(key, f"{key}: {value!r} is no style", STYLE_HINT, table="variables")
            elif key.endswith(("background", "foreground", "color")) and not is_shade(value):
                self.fail(key, f"{key}: {value!r} is no colour", COLOUR_HINT, table="variables")


def near(word: str, known: Iterable[str]) -> str:
    match = difflib.get_close_matches(word, sorted(known), n=1)
    return f"Did you mean {match[0]!r}?" if match else "See docs/themes.md for all of them."
