"""Whole lines of a template: comments and indentation. Plain functions over lists of lines.

The header is TOML, where ``#`` begins a comment; the body is Jinja, where a comment is ``{# ... #}``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

STEP = "  "
_BODY = re.compile(r"(\s*)\{# ?((?:(?!#\}).)*?) ?#\}(\s*)")
_HEADER = re.compile(r"(\s*)# ?(.*)")
_FENCE = re.compile(r"\+\+\+\s*")


def in_header(lines: Sequence[str], row: int) -> bool:
    """Whether ``row`` lies in the TOML header, between two lines of ``+++``."""
    if not lines or not _FENCE.fullmatch(lines[0].removeprefix("\ufeff")):
        return False
    end = next((number for number, line in enumerate(lines[1:], 1) if _FENCE.fullmatch(line)), len(lines))
    return 0 < row < end


def toggled_header(lines: Sequence[str]) -> list[str]:
    """All lines commented out, or all back when all are."""
    return _toggled(lines, _HEADER, "# {}")


def toggled_body(lines: Sequence[str]) -> list[str]:
    """All lines commented out, or all back when all are. A line that ends a comment itself stays as it is."""
    return _toggled(lines, _BODY, "{{# {} #}}", never="#}")


def _toggled(lines: Sequence[str], pattern: re.Pattern[str], form: str, *, never: str = "\n") -> list[str]:
    filled = [line for line in lines if line.strip()]
    if filled and all(pattern.fullmatch(line) for line in filled):
        return ["".join(match.groups()) if (match := pattern.fullmatch(line)) else line for line in lines]
    # One column for all, so that they can be taken back as they were.
    margin = min((len(line) - len(line.lstrip()) for line in filled), default=0)
    return [
        line[:margin] + form.format(line[margin:]) if line.strip() and never not in line else line for line in lines
    ]


def indented(lines: Sequence[str]) -> list[str]:
    """Two columns to the right; empty lines stay empty."""
    return [STEP + line if line.strip() else line for line in lines]


def outdented(lines: Sequence[str]) -> list[str]:
    """Up to two columns, or one tab, to the left."""
    return [line[1:] if line.startswith("\t") else line[min(2, len(line) - len(line.lstrip(" "))) :] for line in lines]
