"""When a brace pair with a bar is *not* a choice: JSON, code, set builders, closures (guards G1 to G7, G10).

Each guard looks at one pair only, at its beginning, its end, or at flags gathered while it was read, so that a hostile
nest costs linear time. G8 (code) and G9 (strings of an object literal) are the scanner's, they change what a pair is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from workbench.template.build import GroupHeader

_QUOTED_KEY = re.compile(r"""\{\s*(\\*)(["'])((?:(?!\1\2)[^\n\\]|\\.)*?)\1\2\s*:""", re.S)
_BARE_KEY = re.compile(r"\{\s*(?:[A-Za-z_$][\w$-]*\s*(?:\??:(?![:=]|//)|\s=\s)|\.[A-Za-z_]\w*\s*=)")
_COLUMNS = re.compile(r"\{[|\s]*[lcrX](?:[|\s]*[lcrX])*[|\s]*\}")
_CLOSURE = re.compile(r"\{\s*(?:move\s+)?\|\s*[\w&*()_:, ]*\|(?=\s)")
_SET_LEFT = re.compile(r"\{\s*\(?\s*([A-Za-z_]\w*)\b")
_SET_RIGHT = re.compile(
    r"""\s*\(?\s*([A-Za-z_]\w*)\s*(?:[<>=≤≥≠∈∉⊂⊆∣~]|!=|\\(?:in|notin|le|leq|ge|geq|ne|neq|lt|gt|mid|subset)\b|(?:in|not|is)\s)"""
)

CODE_HINT = "in Markdown code only slots with a value work; move it out of the code to make it a choice"
HINT = "write {1$$...} to make it a choice"
MESSAGES = {
    "G1": "it looks like an object with a quoted key",
    "G2": "it looks like an object with a key",
    "G3": "it looks like a set builder",
    "G4": "it looks like a block of code",
    "G5": "it looks like a closure",
    "G6": "it would run from one string into another",
    "G7": "a line break inside stands next to no bar and no brace",
    "G10": "it looks like the columns of a table",
}


@dataclass(slots=True, eq=False)
class Frame:
    """An open brace (or, with ``barrier``, an open string of an object literal) and what is known of it so far."""

    start: int
    mark: int
    escaped: bool = False
    barrier: bool = False
    delimiter: tuple[int, str] | None = None
    quotes: int = 0
    level: int = 0
    bars: list[int] = field(default_factory=list)
    brackets: list[int] = field(default_factory=list)
    last_edge: int = 0
    bad_newline: bool = False
    any_newline: bool = False
    code: bool = False
    semicolon: bool = False
    string_bars: bool = False
    header: GroupHeader | None = None


def object_delimiter(source: str, start: int) -> tuple[int, str] | None:
    """For ``{"key":`` the number of backslashes before its quotes and the quote; None for anything else."""
    match = _QUOTED_KEY.match(source, start)
    return (len(match.group(1)), match.group(2)) if match else None


def kept_as_text(source: str, frame: Frame, end: int, quotes: int) -> str:
    """The guard that keeps ``source[frame.start:end + 1]`` as text, or ``""``. ``end`` is the closing brace."""
    start = frame.start
    if frame.delimiter or _QUOTED_KEY.match(source, start):
        return "G1"
    if _BARE_KEY.match(source, start):
        return "G2"
    if _is_set_builder(source, frame):
        return "G3"
    if frame.code or (frame.semicolon and source[start + 1].isspace() and source[end - 1].isspace()):
        return "G4"
    if last_visible(source, start, end) == ";":
        return "G4"
    if _CLOSURE.match(source, start):
        return "G5"
    if (quotes - frame.quotes) % 2:
        return "G6"
    if frame.bad_newline:
        return "G7"
    if start and source[start - 1] == "}" and _COLUMNS.match(source, start):
        return "G10"
    return ""


def _is_set_builder(source: str, frame: Frame) -> bool:
    left = _SET_LEFT.match(source, frame.start)
    if not left or left.end() > frame.bars[0]:
        return False
    right = _SET_RIGHT.match(source, frame.bars[0] + 1)
    return bool(right and right.group(1) == left.group(1))


def last_visible(source: str, start: int, end: int) -> str:
    """The last character before the closing brace that is not blank."""
    position = end - 1
    while position > start and source[position].isspace():
        position -= 1
    return source[position]
