"""The tree of a body: what is a slot, a group, a list, Jinja or plain text, with exact offsets.

Nodes hold offsets into ``Tree.source``. Gaps between nodes are ``Text`` nodes, whose ``text`` is what they print (an
escape prints less than it spans). ``Tree.spans`` covers the source: every character belongs to exactly one span.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from workbench.template.diagnostic import Diagnostic, LineIndex

if TYPE_CHECKING:
    from workbench.template.wildcard import WildcardSource

PatternMode = Literal["native", "slots", "off"]
JinjaKind = Literal["expr", "stmt", "comment", "raw", "broken"]
SpanKind = Literal[
    "text", "slot", "unbound-slot", "group", "bar", "header", "weight", "wildcard", "escape", "code",
    "jinja-expr", "jinja-stmt", "jinja-comment", "jinja-broken", "raw",
]  # fmt: skip
GroupMode = Literal["", "any", "each", "cycle"]

MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Text:
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Escape:
    """A backslash and the bare character that it gives."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class SlotNode:
    """``{name}``: a bound variable, or a named pick."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class JinjaNode:
    start: int
    end: int
    kind: JinjaKind
    trim_before: bool = False
    trim_after: bool = False


@dataclass(frozen=True, slots=True)
class WildcardNode:
    """``__name__``. ``key`` is its site key for draws."""

    start: int
    end: int
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Option:
    """One option. Options of equal text have been merged: their weights are added, the first one's place counts."""

    start: int
    end: int
    weight: Fraction
    items: tuple[Node, ...]
    source: str


@dataclass(frozen=True, slots=True)
class GroupNode:
    """``{..|..}``. ``low`` and ``high`` are the numbers of picks; ``high`` -1: all. ``height`` counts nesting."""

    start: int
    end: int
    name: str
    mode: GroupMode
    low: int
    high: int
    many: bool
    ordered: bool
    separator: str
    options: tuple[Option, ...]
    key: str
    height: int

    def __repr__(self) -> str:
        return f"GroupNode({self.start}..{self.end}, {self.name or self.mode!r}, {len(self.options)} options)"


Node: TypeAlias = Text | Escape | SlotNode | JinjaNode | WildcardNode | GroupNode


@dataclass(frozen=True, slots=True)
class Span:
    """``source[start:end]`` is of this kind; ``depth`` is the nesting in groups, ``name`` that of a slot or list."""

    start: int
    end: int
    kind: SpanKind
    depth: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class SlotSite:
    """A brace with a name in it, bound or not."""

    name: str
    start: int
    end: int
    bound: bool


@dataclass(frozen=True)
class Tree:
    """What ``parse_body`` found. Immutable; safe to share between threads."""

    source: str
    items: tuple[Node, ...]
    spans: tuple[Span, ...]
    diagnostics: tuple[Diagnostic, ...]
    slots: tuple[SlotSite, ...]
    groups: tuple[GroupNode, ...]
    named_picks: dict[str, GroupNode]
    has_jinja: bool
    broken: bool
    patterns: PatternMode
    wildcards: WildcardSource | None = field(default=None, repr=False)
    bound: frozenset[str] = frozenset()

    @property
    def slot_names(self) -> dict[str, bool]:
        """Name to bound, in order of first use."""
        names: dict[str, bool] = {}
        for site in self.slots:
            names[site.name] = names.get(site.name, False) or site.bound
        return names

    @cached_property
    def lines(self) -> LineIndex:
        return LineIndex(self.source)


class SpanWriter:
    """Turns items and marks into spans that cover the source."""

    def __init__(self, source: str, marks: Sequence[Span]) -> None:
        self._source = source
        self._marks = marks

    def spans(self) -> tuple[Span, ...]:
        """The marks in order, gaps filled with text. Marks must not overlap."""
        result: list[Span] = []
        position = depth = 0
        for mark in sorted(self._marks, key=lambda item: item.start):
            if mark.start > position:
                result.append(Span(position, mark.start, "text", depth))
            closing = mark.kind == "group" and self._source[mark.start] == "}"
            depth += mark.kind == "group" and not closing
            if mark.end > mark.start:
                result.append(Span(mark.start, mark.end, mark.kind, depth, mark.name))
            depth -= closing
            position = mark.end
        if position < len(self._source):
            result.append(Span(position, len(self._source), "text"))
        return tuple(result)
