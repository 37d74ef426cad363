"""From a body to its tree: slots, groups, lists and escapes in the text between Jinja regions.

One pass matches braces with a stack; a pair is judged when it closes, by looks at its ends and by flags gathered on the
way, so the whole is linear. What is not recognised stays text, byte for byte, with a diagnostic where it was near.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from workbench.template.build import GroupBuilder, read_header
from workbench.template.diagnostic import DiagnosticList, LineIndex
from workbench.template.draw import site_key
from workbench.template.fence import code_intervals
from workbench.template.guard import HINT, MESSAGES, Frame, kept_as_text, object_delimiter
from workbench.template.region import Region, regions
from workbench.template.remark import TreeRemarks
from workbench.template.tree import (
    MAX_DEPTH,
    Escape,
    GroupNode,
    JinjaNode,
    Node,
    PatternMode,
    SlotNode,
    SlotSite,
    Span,
    SpanKind,
    SpanWriter,
    Tree,
    WildcardNode,
)
from workbench.template.wildcard import WildcardSource

_TOKEN = re.compile(r"""\\+["'{}|\[\]]?|[{}|"'\[\]]|\n\s*|__""")
_NAME = re.compile(r"\d{1,9}(?!\w)|[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_CODE_SLOT = re.compile(r"\{(\d{1,9}|[^\W\d]\w*(?:\.[^\W\d]\w*)*)\}")
_CODE_GROUP = re.compile(r"\{[^{}|\n]*\|[^{}\n]*\}")
_PICK = re.compile(r"\{([^\W\d]\w*):=")
_WILDCARD = re.compile(r"__((?:(?!__)[\w\-./*])+)__")
_BARE_BAR = re.compile(r"\s*\|")
_JINJA_SPAN: dict[str, SpanKind] = {
    "expr": "jinja-expr", "stmt": "jinja-stmt", "comment": "jinja-comment", "raw": "raw", "broken": "jinja-broken",
}  # fmt: skip


def parse_body(
    body: str,
    bound: Collection[str] = (),
    *,
    patterns: PatternMode = "native",
    jinja: bool = True,
    wildcards: WildcardSource | None = None,
) -> Tree:
    """The tree of ``body``. Never raises for what stands in it; faults are diagnostics of severity ``error``.

    ``bound`` names the slots that have a value or are declared; names of picks are added by themselves.
    """
    names = set(_PICK.findall(body)) if patterns == "native" else set()
    while True:
        scanner = _Scanner(body, frozenset(bound), names, patterns, jinja, wildcards)
        tree = scanner.tree()
        missing = names - tree.named_picks.keys()
        if not missing:
            return tree
        names -= missing


@dataclass(slots=True)
class _Hole:
    """Where an escaped brace stands; it becomes an Escape if it turns out to protect something."""

    start: int
    end: int
    text: str
    live: bool = False


class _Scanner:
    def __init__(
        self,
        source: str,
        bound: frozenset[str],
        picks: set[str],
        patterns: PatternMode,
        jinja: bool,
        wildcards: WildcardSource | None,
    ) -> None:
        self.source, self.bound, self.picks, self.patterns, self.wildcards = source, bound, picks, patterns, wildcards
        self.regions = regions(source) if jinja else [Region("text", 0, len(source))] if source else []
        self.marks: list[Span] = []
        self.found = DiagnosticList(LineIndex(source))
        self.builder = GroupBuilder(source, self.marks)
        self.out: list[Node | _Hole] = []
        self.stack: list[Frame] = []
        self.barriers: list[Frame] = []
        self.sites: list[SlotSite] = []
        self.groups: list[GroupNode] = []
        self.seen: dict[str, int] = {}
        self.quotes = 0
        self.skip = 0

    def tree(self) -> Tree:
        code = self._code()
        starts = [interval[0] for interval in code]
        for region in self.regions:
            if region.kind == "text":
                self._region(region, code, bisect_right(starts, region.start))
                continue
            if region.kind in ("stmt", "broken"):
                self._unwind(0, wall=region.start)
            self.marks.append(Span(region.start, region.end, _JINJA_SPAN[region.kind]))
            self.out.append(JinjaNode(region.start, region.end, region.kind, region.trim_before, region.trim_after))
        self._unwind(0)
        items = self.builder.fill_plain(0, len(self.source), _settled(self.out))
        picks = {group.name: group for group in reversed(self.groups) if group.name}
        has_jinja = any(region.kind != "text" for region in self.regions)
        broken = any(region.kind == "broken" for region in self.regions)
        TreeRemarks(self.source, self.found, self.wildcards).add(self.groups, self.regions, self.marks)
        return Tree(
            self.source, tuple(items), SpanWriter(self.source, self.marks).spans(), self.found.sorted(),
            tuple(sorted(self.sites, key=lambda site: site.start)), tuple(self.groups), picks, has_jinja, broken,
            self.patterns, self.wildcards, self.bound,
        )  # fmt: skip

    # -- reading

    def _code(self) -> list[tuple[int, int]]:
        """Code intervals of the text, Jinja blanked out."""
        if self.patterns == "off":
            return []
        masked = "".join(
            self.source[region.start : region.end] if region.kind == "text" else " " * (region.end - region.start)
            for region in self.regions
        )
        return code_intervals(masked)

    def _region(self, region: Region, code: list[tuple[int, int]], following: int) -> None:
        position = region.start
        for start, end in code[max(0, following - 1) :] if code else ():
            if start >= region.end:
                break
            if end <= position:
                continue
            self._text(position, max(position, start))
            self._in_code(max(position, start), min(end, region.end))
            position = min(end, region.end)
        self._text(position, region.end)

    def _in_code(self, start: int, end: int) -> None:
        """Only bound slots work in code (G8)."""
        for match in _CODE_SLOT.finditer(self.source, start, end):
            name = match.group(1)
            if self._is_bound(name) and not self._glued(match.start(), name):
                self._slot(match.start(), match.end(), name)
        for match in _CODE_GROUP.finditer(self.source, start, end) if self.patterns == "native" else ():
            self._kept(match.start(), match.end(), "G8", "it stands in code")
        if self.stack:
            self.stack[-1].any_newline |= "\n" in self.source[start:end]

    def _text(self, start: int, end: int) -> None:
        if self.patterns == "off":
            return
        for match in _TOKEN.finditer(self.source, start, end):
            if match.start() < self.skip:
                continue
            token = match.group()
            last = token[-1] if token[0] != "\n" else "\n"
            slashes = len(token) - 1 if token[0] == "\\" and last != "\\" else 0
            escaped = slashes % 2 == 1 if self.stack else slashes > 0
            where = match.end() - 1
            if last == "{":
                self._open(where, escaped, end)
            elif last == "}":
                self._close(where, escaped)
            elif last == "\n":
                self._newline(match.start(), match.end())
            elif last in "\"'":
                self._quote(where, slashes, last)
            elif last == "_":
                self._wildcard(match.start(), end)
            elif self.stack and not escaped:
                self._mark(where, last)

    def _open(self, where: int, escaped: bool, limit: int) -> None:
        if escaped:
            if self.stack and _BARE_BAR.match(self.source, where + 1, limit):
                return
            self.out.append(_Hole(where - 1, where + 1, "{"))
        frame = Frame(where, len(self.out), escaped, quotes=self.quotes, last_edge=where + 1)
        if not escaped:
            frame.delimiter = object_delimiter(self.source, where)
        frame.header = read_header(self.source, where) if self.patterns == "native" else None
        if frame.header:
            self.skip = frame.last_edge = frame.header.end
        self.stack.append(frame)

    def _mark(self, where: int, kind: str) -> None:
        """A bar or a square bracket directly in the innermost brace."""
        frame = self.stack[-1]
        if kind == "[":
            frame.brackets.append(len(frame.bars))
        elif kind == "]":
            if frame.brackets:
                del frame.bars[frame.brackets.pop() :]
        elif kind == "|":
            source = self.source
            if frame.last_edge == where and frame.bars and source[where - 2].isspace():
                frame.spaced_or |= source[where + 1 : where + 2].isspace()
            frame.bars.append(where)
            frame.last_edge = where + 1

    def _newline(self, start: int, end: int) -> None:
        if not self.stack:
            return
        frame = self.stack[-1]
        frame.any_newline = True
        before = start
        while self.source[before - 1] in " \t\r" and before > frame.last_edge:
            before -= 1
        frame.bad_newline |= before != frame.last_edge and self.source[end : end + 1] not in ("|", "}")

    def _quote(self, where: int, slashes: int, kind: str) -> None:
        if kind == '"':
            self.quotes += 1
        for barrier in reversed(self.barriers):
            depth, quote = barrier.delimiter or (0, "")
            if quote == kind and slashes >= depth and (slashes - depth) % (2 * depth + 2) == 0:
                self._unwind(self.stack.index(barrier))
                return
        frame = self.stack[-1] if self.stack else None
        if frame and frame.delimiter and not frame.barrier and frame.delimiter[0] == slashes:
            barrier = Frame(where, len(self.out), barrier=True, delimiter=(slashes, kind), last_edge=where + 1)
            self.stack.append(barrier)
            self.barriers.append(barrier)

    def _wildcard(self, start: int, end: int) -> None:
        match = _WILDCARD.match(self.source, start, end)
        if match is None or self.patterns != "native":
            return
        before = self.source[start - 1 : start]
        if before.isalnum() or before == "_":
            return
        name = match.group(1)
        if self.wildcards is not None and self.wildcards.has(name):
            key = self._key("", match.group())
            self.out.append(WildcardNode(start, match.end(), name, key))
            self.marks.append(Span(start, match.end(), "wildcard", name=name))
            self.skip = match.end()
            return
        near = self.wildcards.near(name) if self.wildcards is not None else ""
        if near or "/" in name or "*" in name:
            hint = f"did you mean __{near}__?" if near else "put a file of that name into the wildcards folder"
            self.found.add("warning", "unknown-wildcard", f"no list {name!r}", hint, start, match.end())

    # -- judging

    def _unwind(self, level: int, wall: int = -1) -> None:
        """Give up the open braces from ``level`` on: their content belongs to the text around."""
        newline = False
        for frame in reversed(self.stack[level:]):
            newline |= frame.any_newline
            if frame.barrier:
                self.barriers.pop()
                if level and frame is self.stack[level] and frame.bars:
                    self.stack[level - 1].string_bars = True
            elif frame.bars and not frame.escaped:
                crosses = wall >= 0
                code, message = (
                    ("crosses-tag", "kept as text: a group may not cross a Jinja tag")
                    if crosses
                    else ("unclosed-group", "kept as text: this brace is never closed")
                )
                hint = "put the tag outside, or use {% raw %}" if crosses else "close it with }"
                self.found.add("warning" if crosses else "info", code, message, hint, frame.start, frame.start + 1)
        del self.stack[level:]
        if self.stack and newline:
            self.stack[-1].any_newline = True
            self.stack[-1].bad_newline |= not self.stack[-1].barrier

    def _close(self, end: int, escaped: bool) -> None:
        if not self.stack or self.stack[-1].barrier:
            return
        frame = self.stack[-1]
        if escaped and not frame.escaped:
            return
        self.stack.pop()
        if frame.escaped:
            self._close_escaped(frame, end, escaped)
        elif not self._close_slot(frame, end) and not self._close_group(frame, end):
            pass
        else:
            return
        if self.stack and frame.any_newline:
            self.stack[-1].any_newline = self.stack[-1].bad_newline = True

    def _close_escaped(self, frame: Frame, end: int, escaped: bool) -> None:
        match = _NAME.match(self.source, frame.start + 1)
        protects = bool(match and match.end() == end and self._is_bound(match.group()))
        if frame.header or frame.bars:
            protects = bool(frame.header) or not kept_as_text(self.source, frame, end, self.quotes)
            protects = protects and self.patterns == "native"
        if not protects:
            if frame.bars and self.patterns == "native":
                self.found.add(
                    "info", "nothing-escaped", "this backslash escapes nothing", "it stays as it is",
                    frame.start - 1, frame.start + 1,
                )  # fmt: skip
            return
        hole = self.out[frame.mark - 1]
        if isinstance(hole, _Hole):
            hole.live = True
            self.marks.append(Span(hole.start, hole.end, "escape"))
        if escaped:
            self.out.append(Escape(end - 1, end + 1, "}"))
            self.marks.append(Span(end - 1, end + 1, "escape"))

    def _close_slot(self, frame: Frame, end: int) -> bool:
        match = _NAME.match(self.source, frame.start + 1)
        if match is None or match.end() != end:
            return False
        name, start = match.group(), frame.start
        bound, glued = self._is_bound(name), self._glued(start, match.group())
        if bound and not glued:
            self._slot(start, end + 1, name)
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

    def _slot(self, start: int, end: int, name: str) -> None:
        self.out.append(SlotNode(start, end, name))
        self.sites.append(SlotSite(name, start, end, True))
        self.marks.append(Span(start, end, "slot", name=name))

    def _is_bound(self, name: str) -> bool:
        return name in self.bound or name in self.picks or name.partition(".")[0] in self.bound

    def _glued(self, start: int, name: str) -> bool:
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

    def _close_group(self, frame: Frame, end: int) -> bool:
        if self.patterns != "native" or not (frame.header or frame.bars):
            if frame.string_bars and self.patterns == "native":
                self._kept(frame.start, end + 1, "G1", MESSAGES["G1"])
            return False
        if frame.header is None:
            guard = kept_as_text(self.source, frame, end, self.quotes)
            if guard:
                self._kept(frame.start, end + 1, guard, MESSAGES[guard])
                return False
        elif not frame.header.explicit and not frame.bars:
            return False
        children = _settled(self.out[frame.mark :])
        height = 1 + max((child.height for child in children if isinstance(child, GroupNode)), default=0)
        if height > MAX_DEPTH:
            self._kept(frame.start, end + 1, "too-deep", f"groups nest deeper than {MAX_DEPTH}")
            return False
        options = self.builder.options(frame.header, frame.start, end, frame.bars, children)
        if options is None:
            return False
        name = frame.header.name if frame.header else ""
        key = self._key(name, self.source[frame.start : end + 1])
        group = self.builder.group(frame.header, frame.start, end, options, key, height)
        del self.out[frame.mark :]
        self.out.append(group)
        self.groups.append(group)
        return True

    def _key(self, name: str, text: str) -> str:
        seen = self.seen.get(text, 0)
        self.seen[text] = seen + 1
        return site_key(name, text, seen)

    def _kept(self, start: int, end: int, code: str, why: str) -> None:
        self.found.add("info", code, f"kept as text: {why}", HINT, start, end)


def _settled(out: Iterable[Node | _Hole]) -> list[Node]:
    """Nodes, with escapes that protect something; the others are text."""
    return [
        Escape(item.start, item.end, item.text) if isinstance(item, _Hole) else item
        for item in out
        if not isinstance(item, _Hole) or item.live
    ]
