"""Colours for templates, line by line: what a line looks like depends on it and on the state it begins in.

Header lines (TOML between two ``+++``), Jinja tags, expressions and comments, slots, groups, wildcards and
weights. It only colours; what a template means is decided by the scanner. Cost is linear in the line, and a
line never looks back.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Mode = Literal["start", "header", "body", "comment", "tag", "expression", "raw"]
Kind = Literal["header", "key", "string", "comment", "tag", "expression", "slot", "group", "wildcard", "weight"]

# Longer lines are coloured up to here only.
LINE_CAP = 4000


class State(NamedTuple):
    """Where a line begins: inside what, and how many groups are open."""

    mode: Mode = "start"
    depth: int = 0


class Span(NamedTuple):
    """Characters ``start`` to ``end`` (excluded) of a line are of ``kind``."""

    start: int
    end: int
    kind: Kind


_OPEN: dict[str, tuple[Mode, Kind]] = {
    "{#": ("comment", "comment"),
    "{%": ("tag", "tag"),
    "{{": ("expression", "expression"),
}
_CLOSE: dict[Mode, str] = {"comment": "#}", "tag": "%}", "expression": "}}"}
_RAW = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}")
_END_RAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_BODY = re.compile(
    r"(?P<jinja>\{[{%#])"
    r"|(?P<escape>\\[{}|\\])"
    r"|(?P<slot>\{(?:\d+|[^\W\d]\w*(?:\.[^\W\d]\w*)*)\})"
    r"|(?P<open>\{(?:[^\W\d]\w*:=)?(?:(?:any|each|cycle)?(?:\d*-?\d*)(?:of)?\$\$)?)"
    r"|(?P<close>\})"
    r"|(?P<bar>\||(?<=[{|])\s*\d+(?:\.\d+)?::)"
    r"|(?P<wildcard>__[\w*/.-]+?__)"
    r"|(?P<weight>:\d*\.?\d+(?=\)))"
)
_TOML = re.compile(
    r"(?P<comment>#.*)|(?P<string>\"(?:\\.|[^\"\\])*\"?|'[^']*'?)|(?P<key>^\s*[\w.\"-]+(?=\s*=)|^\s*\[\[?[^\]]*\]\]?)"
)


def lex_line(line: str, state: State) -> tuple[list[Span], State]:
    """The coloured spans of ``line``, in order and apart, and the state that the next line begins in."""
    if state.mode in ("start", "header") and (state.mode == "header" or line.rstrip() == "+++"):
        return _header(line, state)
    if state.mode == "start":
        state = State("body")
    return _Body(line[:LINE_CAP], state).lex()


def _header(line: str, state: State) -> tuple[list[Span], State]:
    if line.rstrip() == "+++":
        return [Span(0, len(line), "header")], State("header" if state.mode == "start" else "body")
    spans: list[Span] = []
    for match in _TOML.finditer(line[:LINE_CAP]):
        spans.append(Span(match.start(), match.end(), _NAMED[match.lastgroup or "comment"]))
    return spans, state


class _Body:
    """One pass over a body line."""

    def __init__(self, line: str, state: State) -> None:
        self.line = line
        self.mode: Mode = state.mode
        self.depth = state.depth
        self.spans: list[Span] = []
        self.at = 0

    def lex(self) -> tuple[list[Span], State]:
        while self.at < len(self.line):
            if self.mode == "raw":
                self._raw()
            elif self.mode in _CLOSE:
                self._inside(self.at, _KINDS[self.mode])
            elif not self._next():
                break
        return self.spans, State(self.mode, self.depth)

    def _raw(self) -> None:
        end = _END_RAW.search(self.line, self.at)
        if end is None:
            self.at = len(self.line)
            return
        self._span(end.start(), end.end(), "tag")
        self.mode = "body"

    def _inside(self, start: int, kind: Kind) -> None:
        """Colour up to the end of the Jinja region, which may be on a later line."""
        end = self._region_end(_CLOSE[self.mode])
        if end < 0:
            self._span(start, len(self.line), kind)
            return
        self._span(start, end, kind)
        self.mode = "body"

    def _region_end(self, close: str) -> int:
        if self.mode == "comment":
            found = self.line.find(close, self.at)
            return found + 2 if found >= 0 else -1
        quote, depth, at = "", 0, self.at
        while at < len(self.line):
            character = self.line[at]
            if quote:
                if character == "\\":
                    at += 1
                elif character == quote:
                    quote = ""
            elif character in "\"'":
                quote = character
            elif depth == 0 and self.line.startswith(close, at):
                return at + 2
            elif character in "{[(":
                depth += 1
            elif character in "}])":
                depth = max(0, depth - 1)
            at += 1
        return -1

    def _next(self) -> bool:
        match = _BODY.search(self.line, self.at)
        if match is None:
            return False
        start, end = match.span()
        kind = match.lastgroup
        self.at = end
        if kind == "jinja":
            self._jinja(match.group(), start)
        elif kind in _NAMED:
            self._span(start, end, _NAMED[kind])
        elif kind == "open":
            self.depth += 1
            self._span(start, end, "group")
        elif self.depth and kind in ("close", "bar"):
            self.depth -= kind == "close"
            self._span(start, end, "group")
        return True

    def _jinja(self, opener: str, start: int) -> None:
        raw = _RAW.match(self.line, start)
        if raw is not None:
            self._span(start, raw.end(), "tag")
            self.mode = "raw"
            return
        self.mode, kind = _OPEN[opener]
        self._inside(start, kind)

    def _span(self, start: int, end: int, kind: Kind) -> None:
        if end > start:
            self.spans.append(Span(start, end, kind))
        self.at = end


_NAMED: dict[str, Kind] = {
    "comment": "comment",
    "string": "string",
    "key": "key",
    "slot": "slot",
    "wildcard": "wildcard",
    "weight": "weight",
}
_KINDS: dict[Mode, Kind] = {"comment": "comment", "tag": "tag", "expression": "expression"}


class LineStates:
    """The state each line begins in, worked out as far as it is asked for and kept until an edit above it."""

    def __init__(self) -> None:
        self._states: list[State] = [State()]

    def changed_from(self, row: int) -> None:
        """Line ``row`` or later ones were edited."""
        del self._states[max(0, row) + 1 :]

    def state(self, lines: list[str], row: int) -> State:
        """The state that line ``row`` of ``lines`` begins in."""
        states = self._states
        while len(states) <= row:
            index = len(states) - 1
            states.append(lex_line(lines[index], states[index])[1])
        return states[row]
