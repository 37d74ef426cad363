"""Split a template's source into text and Jinja, as Jinja's own lexer would, with exact offsets.

``Environment.lex`` cannot be used: it drops white space before ``{{-`` and normalises newlines, so offsets are lost.
The scan knows strings and nested brackets inside tags. One pass, linear in time; regions cover the source.
A tag that Jinja would refuse becomes a ``broken`` region: the caller then hands the source to Jinja as it is, so that
Jinja's own error with its own line is what the author sees.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

RegionKind = Literal["text", "expr", "stmt", "comment", "raw", "broken"]

_OPEN = re.compile(r"\{[{%#]")
_RAW_OPEN = re.compile(r"\{%[-+]?\s*raw\s*-?%\}")
_RAW_CLOSE = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_COMMENT_CLOSE = re.compile(r"[-+]?#\}")
_EXPR_TOKEN = re.compile(r"""[^'"{}()\[\]-]+|'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"|-?\}\}|.""", re.S)
_STMT_TOKEN = re.compile(r"""[^'"{}()\[\]%+-]+|'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"|[-+]?%\}|.""", re.S)
_SHORT = 120
_PAIRS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Region:
    """``source[start:end]``. ``trim_before`` and ``trim_after``: the tag's ``-`` eats the white space there."""

    kind: RegionKind
    start: int
    end: int
    trim_before: bool = False
    trim_after: bool = False


def regions(source: str) -> list[Region]:
    """All regions in order; together they are exactly ``source``."""
    found: list[Region] = []
    position, length = 0, len(source)
    faulty = False
    while position < length:
        opening = _OPEN.search(source, position)
        if opening is None:
            found.append(Region("text", position, length))
            break
        start = opening.start()
        if start > position:
            found.append(Region("text", position, start))
        # After a first fault Jinja refuses the whole anyway; short tags then keep a hostile text linear.
        limit = min(_line_end(source, start), start + _SHORT) if faulty else length
        region = _tag(source, start, limit)
        faulty = faulty or region.kind == "broken"
        found.append(region)
        position = region.end
    return found


def _line_end(source: str, start: int) -> int:
    end = source.find("\n", start)
    return len(source) if end < 0 else end


def _tag(source: str, start: int, limit: int) -> Region:
    mark = source[start + 1]
    if mark == "#":
        sign = 1 if source[start + 2 : start + 3] in ("-", "+") else 0
        close = _COMMENT_CLOSE.search(source, start + 2 + sign, limit)
        return _region("comment", source, start, close.end()) if close else _broken(source, start)
    if mark == "%":
        raw = _RAW_OPEN.match(source, start)
        if raw:
            close = _RAW_CLOSE.search(source, raw.end(), limit)
            return _region("raw", source, start, close.end()) if close else _broken(source, start)
    end = _tag_end(source, start, limit, _EXPR_TOKEN if mark == "{" else _STMT_TOKEN)
    if end < 0:
        return _broken(source, start)
    return _region("expr" if mark == "{" else "stmt", source, start, end)


def _region(kind: RegionKind, source: str, start: int, end: int) -> Region:
    trim_after = source[end - 3] == "-" and end - 3 > start + 2
    return Region(kind, start, end, source[start + 2] == "-", trim_after)


def _tag_end(source: str, start: int, limit: int, token: re.Pattern[str]) -> int:
    """Offset after the closing delimiter, or -1 where Jinja would refuse."""
    position = start + 2
    if source[position : position + 1] in ("-", "+"):
        position += 1
    stack: list[str] = []
    while position < limit:
        match = token.match(source, position, limit)
        if match is None:
            return -1
        text = match.group()
        if text in ("'", '"'):
            return -1
        if len(text) >= 2 and text[-1] == "}" and text[0] not in "'\"":
            if not stack:
                return match.end()
            position += 1
            if text[0] == "}" and stack.pop() != "{":
                return -1
            continue
        if text in ("(", "[", "{"):
            stack.append(text)
        elif text in _PAIRS and (not stack or stack.pop() != _PAIRS[text]):
            return -1
        position = match.end()
    return -1


def _broken(source: str, start: int) -> Region:
    """From a faulty tag to its delimiter or to the end of the line, whichever comes first."""
    line = _line_end(source, start)
    mark = {"{": "}}", "%": "%}", "#": "#}"}[source[start + 1]]
    close = source.find(mark, start + 2, line)
    return Region("broken", start, close + 2 if close >= 0 else line)
