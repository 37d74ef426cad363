"""Make a group node of an accepted brace pair: header, options, weights, layout blanks, escapes, merging."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from workbench.template.tree import Escape, GroupMode, GroupNode, Node, Option, Span, Text

_HEADER = re.compile(
    r"""\{(?:(?P<name>[^\W\d]\w*):=)?
    (?:\s*(?P<mode>any|each|cycle)?\s*(?P<range>\d{1,9}\s*-\s*\d{1,9}|\d{1,9}\s*-|-\s*\d{1,9}|\d{1,9})?\s*(?P<of>of)?
    \s*\$\$(?:(?P<separator>(?:(?!\$\$)[^{}])*)\$\$)?)?""",
    re.X,
)
# So many digits that no number takes long to read.
_WEIGHT = re.compile(r"(\d{1,15}\.?\d{0,15}|\.\d{1,15})::")
_ESCAPE = re.compile(r"\\([|{}$:\\])")

DEFAULT_SEPARATOR = ", "


@dataclass(frozen=True, slots=True)
class GroupHeader:
    """What stands between the brace and the first option. ``end``: where the options begin."""

    end: int
    name: str = ""
    mode: GroupMode = ""
    low: int = 1
    high: int = 1
    ranged: bool = False
    ordered: bool = True
    separator: str = DEFAULT_SEPARATOR
    explicit: bool = False


def read_header(source: str, start: int, limit: int) -> GroupHeader | None:
    """The header of the brace at ``start``, read no further than ``limit``; None for neither a name nor a header."""
    match = _HEADER.match(source, start, limit)
    if match is None or match.end() == start + 1:
        return None
    name, mode, span, separator = match.group("name") or "", match["mode"] or "", match["range"], match["separator"]
    if not mode and not span:
        end = match.end("name") + 2 if name else 0
        return GroupHeader(end, name) if name else None
    low, high = _bounds(span)
    return GroupHeader(
        match.end(), name, mode, low, high, span is not None, not match["of"],  # type: ignore[arg-type]
        DEFAULT_SEPARATOR if separator is None else _ESCAPE.sub(r"\1", separator), True,
    )  # fmt: skip


def _bounds(span: str | None) -> tuple[int, int]:
    """``n``, ``n-m``, ``n-`` and ``-m`` as (low, high); high -1 means all; ``-m`` starts at one."""
    if not span:
        return 1, 1
    left, dash, right = (part.strip() for part in span.partition("-"))
    if not dash:
        return int(left), int(left)
    low, high = int(left) if left else 1, int(right) if right else -1
    return (high, low) if 0 <= high < low else (low, high)


@dataclass(slots=True)
class _Cut:
    start: int
    end: int


class GroupBuilder:
    """Builds groups of one source and collects their spans in ``marks``."""

    def __init__(self, source: str, marks: list[Span]) -> None:
        self._source = source
        self._marks = marks

    def options(
        self, header: GroupHeader | None, start: int, end: int, bars: Sequence[int], children: Sequence[Node]
    ) -> tuple[Option, ...] | None:
        """The options between the brace at ``start`` and its fellow at ``end``; None if all are empty."""
        cuts = self._cuts(header, header.end if header else start + 1, end, bars)
        marks: list[Span] = []
        merged: dict[str, Option] = {}
        position = 0
        for cut in cuts:
            first = position
            while position < len(children) and children[position].start < cut.end:
                position += 1
            option = self._option(cut, children[first:position], marks)
            known = merged.get(option.source)
            merged[option.source] = replace(known, weight=known.weight + option.weight) if known else option
        if not any(merged):
            return None
        self._marks += marks
        self._marks += [Span(bar, bar + 1, "bar") for bar in bars]
        self._marks += [Span(start, start + 1, "group"), Span(end, end + 1, "group")]
        if header:
            self._marks.append(Span(start + 1, header.end, "header", name=header.name))
        return tuple(merged.values())

    def _cuts(self, header: GroupHeader | None, start: int, end: int, bars: Sequence[int]) -> list[_Cut]:
        source = self._source
        edges = [start - 1, *bars, end]
        cuts = [_Cut(left + 1, right) for left, right in pairwise(edges)]
        if header and header.explicit:
            strip_left = strip_right = [True] * len(cuts)
        else:
            both = [cut.end > cut.start and source[cut.end - 1].isspace() for cut in cuts]
            after = [cut.end > cut.start and source[cut.start].isspace() for cut in cuts]
            braces = after[0] and both[-1]
            inner = [left and right for left, right in zip(both, after[1:], strict=False)]
            strip_left, strip_right = [braces, *inner], [*inner, braces]
        for cut, left, right in zip(cuts, strip_left, strip_right, strict=True):
            while left and cut.start < cut.end and source[cut.start].isspace():
                cut.start += 1
            while right and cut.start < cut.end and source[cut.end - 1].isspace():
                cut.end -= 1
        return cuts

    def _option(self, cut: _Cut, children: Sequence[Node], marks: list[Span]) -> Option:
        weight = Fraction(1)
        match = _WEIGHT.match(self._source, cut.start, cut.end)
        start = cut.start
        if match and not (children and children[0].start < match.end()):
            weight = Fraction(match.group(1).rstrip(".") if match.group(1) != "." else "0")
            marks.append(Span(match.start(), match.end(), "weight"))
            start = match.end()
        items = tuple(self.fill(start, cut.end, children, marks))
        return Option(start, cut.end, weight, items, self._source[start : cut.end])

    def fill(self, start: int, end: int, children: Iterable[Node], marks: list[Span]) -> list[Node]:
        """Children and, between them, text with its escapes resolved."""
        items: list[Node] = []
        position = start
        for child in children:
            if child.start > position:
                self._text(position, child.start, items, marks)
            items.append(child)
            position = child.end
        if position < end:
            self._text(position, end, items, marks)
        return items

    def fill_plain(self, start: int, end: int, children: Iterable[Node]) -> list[Node]:
        """The same outside of groups, where a backslash is a backslash."""
        items: list[Node] = []
        position = start
        for child in children:
            if child.start > position:
                items.append(Text(position, child.start, self._source[position : child.start]))
            items.append(child)
            position = child.end
        if position < end:
            items.append(Text(position, end, self._source[position:end]))
        return items

    def _text(self, start: int, end: int, items: list[Node], marks: list[Span]) -> None:
        source = self._source
        position = start
        for match in _ESCAPE.finditer(source, start, end) if "\\" in source[start:end] else ():
            if match.start() > position:
                items.append(Text(position, match.start(), source[position : match.start()]))
            items.append(Escape(match.start(), match.end(), match.group(1)))
            marks.append(Span(match.start(), match.end(), "escape"))
            position = match.end()
        if position < end:
            items.append(Text(position, end, source[position:end]))

    def group(
        self, header: GroupHeader | None, start: int, end: int, options: tuple[Option, ...], key: str, height: int
    ) -> GroupNode:
        head = header or GroupHeader(start + 1)
        many = head.ranged and (head.low, head.high) != (1, 1)
        return GroupNode(
            start, end + 1, head.name, head.mode, head.low, head.high, many, head.ordered, head.separator,
            options, key, height,
        )  # fmt: skip
