"""Judge a closed brace pair: a slot, a group, an escape that protects something, or text with a remark.

The judge sees one pair at a time and keeps what it made of the earlier ones in ``out``, in order of place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from workbench.template.build import GroupBuilder
from workbench.template.diagnostic import DiagnosticList, LineIndex
from workbench.template.draw import site_key
from workbench.template.guard import HINT, MESSAGES, Frame, kept_as_text
from workbench.template.tree import MAX_DEPTH, Escape, GroupNode, Node, PatternMode, SlotNode, SlotSite, Span

NAME = re.compile(r"\d{1,9}(?!\w)|[^\W\d]\w*(?:\.[^\W\d]\w*)*")

_NOTHING = re.compile(r"[\s|]*")


@dataclass(slots=True)
class Hole:
    """Where an escaped brace stands; it becomes an Escape if it turns out to protect something."""

    start: int
    end: int
    text: str
    live: bool = False


class Judge:
    def __init__(self, source: str, bound: frozenset[str], picks: set[str], patterns: PatternMode) -> None:
        self.source, self.bound, self.picks, self.patterns = source, bound, picks, patterns
        self.marks: list[Span] = []
        self.found = DiagnosticList(LineIndex(source))
        self.builder = GroupBuilder(source, self.marks)
        self.out: list[Node | Hole] = []
        self.sites: list[SlotSite] = []
        self.groups: list[GroupNode] = []
        self.quotes = 0
        self._seen: dict[str, int] = {}

    def close_escaped(self, frame: Frame, end: int, escaped: bool) -> None:
        match = NAME.match(self.source, frame.start + 1)
        inner = end - escaped
        protects = bool(match and match.end() == inner and self.is_bound(match.group()))
        if frame.header or frame.bars:
            # With nothing but bars inside it would be no group either.
            first = frame.header.end if frame.header else frame.start + 1
            empty = _NOTHING.match(self.source, first, inner)
            protects = bool(frame.header) or not kept_as_text(self.source, frame, end, self.quotes)
            protects = protects and self.patterns == "native" and empty is not None and empty.end() < inner
        if not protects:
            if frame.bars and self.patterns == "native":
                self.found.add(
                    "info", "nothing-escaped", "this backslash escapes nothing", "it stays as it is",
                    frame.start - 1, frame.start + 1,
                )  # fmt: skip
            return
        hole = self.out[frame.mark - 1]
        if isinstance(hole, Hole):
            hole.live = True
            self.marks.append(Span(hole.start, hole.end, "escape"))
        if escaped:
            self.out.append(Escape(end - 1, end + 1, "}"))
            self.marks.append(Span(end - 1, end + 1, "escape"))

    def close_slot(self, frame: Frame, end: int) -> bool:
        match = NAME.match(self.source, frame.start + 1)
        if match is None or match.end() != end:
            return False
        name, start = match.group(), frame.start
        bound, glued = self.is_bound(name), self.glued(start, match.group())
        if bound and not glued:
            self.slot(start, end + 1, name)
        elif bound:
            self.found.add(
                "warning", "slot-glued", f"kept as text: {{{name}}} touches the text before it",
                f'write {{{{ slot["{name}"] }}}}' if name[0].isdigit() else f"write {{{{ {name} }}}}", start, end + 1,
            )  # fmt: skip
        elif not glued:
            self.sites.append(SlotSite(name, start, end + 1, False))
            self.marks.append(Span(start, end + 1, "unbound-slot", name=name))
            hint = f"give {name!r} a value to make it a slot"
            self.found.add("warning", "unbound-slot", f"kept as text: {name!r} has no value", hint, start, end + 1)
        return bound and not glued

    def slot(self, start: int, end: int, name: str) -> None:
        self.out.append(SlotNode(start, end, name))
        self.sites.append(SlotSite(name, start, end, True))
        self.marks.append(Span(start, end, "slot", name=name))

    def is_bound(self, name: str) -> bool:
        return name in self.bound or name in self.picks or name.partition(".")[0] in self.bound

    def glued(self, start: int, name: str) -> bool:
        """Whether the brace at ``start`` touches text in a way that says: this is not a slot."""
        source = self.source
        before = source[start - 1] if start else ""
        if not before or (self.out and self.out[-1].end == start):
            return False
        if before in "\\$#%@":
            return True
        if name[0].isdigit():
            return before.isalnum() or before in "_^)]}"
        if not (before.isascii() and before.isalpha()):
            return False
        position = start - 1
        while position > 0 and source[position].isascii() and source[position].isalpha():
            position -= 1
        return source[position] == "\\"

    def close_group(self, frame: Frame, end: int) -> bool:
        if self.patterns != "native" or not (frame.header or frame.bars):
            if frame.string_bars and self.patterns == "native":
                self.kept(frame.start, end + 1, "G1", MESSAGES["G1"])
            return False
        if frame.header is None:
            guard = kept_as_text(self.source, frame, end, self.quotes)
            if guard:
                self.kept(frame.start, end + 1, guard, MESSAGES[guard])
                return False
        elif not frame.header.explicit and not frame.bars:
            if self.out[frame.mark :]:
                hint = f"write {{{frame.header.name}:=1$$...}} to make it a pick"
                self.kept(frame.start, end + 1, "one-option", "a pick needs a bar or a header", hint)
            return False
        children = settled(self.out[frame.mark :])
        height = 1 + max((child.height for child in children if isinstance(child, GroupNode)), default=0)
        if height > MAX_DEPTH:
            self.kept(frame.start, end + 1, "too-deep", f"groups nest deeper than {MAX_DEPTH}")
            return False
        options = self.builder.options(frame.header, frame.start, end, frame.bars, children)
        if options is None:
            return False
        name = frame.header.name if frame.header else ""
        key = self.key(name, self.source[frame.start : end + 1])
        group = self.builder.group(frame.header, frame.start, end, options, key, height)
        del self.out[frame.mark :]
        self.out.append(group)
        self.groups.append(group)
        return True

    def key(self, name: str, text: str) -> str:
        seen = self._seen.get(text, 0)
        self._seen[text] = seen + 1
        return site_key(name, text, seen)

    def kept(self, start: int, end: int, code: str, why: str, hint: str = HINT) -> None:
        self.found.add("info", code, f"kept as text: {why}", hint, start, end)


def takes_escape(source: str, start: int, *, in_group: bool) -> bool:
    """Whether a backslash takes the meaning of what stands at ``start``: in a group one that is not escaped itself,
    elsewhere any.
    """
    before = start
    while before and source[before - 1] == "\\":
        before -= 1
    slashes = start - before
    return slashes % 2 == 1 if in_group else slashes > 0


def settled(out: Iterable[Node | Hole]) -> list[Node]:
    """Nodes, with escapes that protect something; the others are text."""
    return [
        Escape(item.start, item.end, item.text) if isinstance(item, Hole) else item
        for item in out
        if not isinstance(item, Hole) or item.live
    ]
