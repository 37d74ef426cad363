"""From a body to its tree: slots, groups, lists and escapes in the text between Jinja regions.

One pass matches braces with a stack; a pair is judged when it closes, by looks at its ends and by flags gathered on the
way, so the whole is linear. What is not recognised stays text, byte for byte, with a diagnostic where it was near.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection

from workbench.template.build import read_header
from workbench.template.fence import code_intervals
from workbench.template.guard import CODE_HINT, Frame, last_visible, object_delimiter
from workbench.template.judge import Hole, Judge, settled, takes_escape
from workbench.template.region import Region, regions
from workbench.template.remark import TreeRemarks
from workbench.template.tree import Escape, JinjaNode, PatternMode, Span, SpanKind, SpanWriter, Tree, WildcardNode
from workbench.template.wildcard import WildcardSource

_TOKEN = re.compile(r"""\\+["'{}|\[\]]?|[{}|"'\[\]]|\n\s*|__|;(?=\s)""")
_CODE_SLOT = re.compile(r"\{(\d{1,9}|[^\W\d]\w*(?:\.[^\W\d]\w*)*)\}")
_CODE_GROUP = re.compile(r"\{[^{}|\n]*\|[^{}\n]*\}")
_PICK = re.compile(r"\{([^\W\d]\w*):=")
_WILDCARD = re.compile(r"__((?:(?!__)[\w\-./*])+)__")
_BARE_BAR = re.compile(r"\s*[|}]")
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
        self.stack: list[Frame] = []
        self.barriers: list[Frame] = []
        self.judge = Judge(source, bound, picks, patterns)
        self.skip = 0

    def tree(self) -> Tree:
        judge = self.judge
        code = self._code()
        starts = [interval[0] for interval in code]
        for region in self.regions:
            if region.kind == "text":
                self._region(region, code, max(0, bisect_right(starts, region.start) - 1))
                continue
            if region.kind in ("stmt", "broken"):
                self._unwind(0, wall=region.start)
            start, end = region.start, region.end
            judge.marks.append(Span(start, end, _JINJA_SPAN[region.kind]))
            judge.out.append(JinjaNode(start, end, region.kind, region.trim_before, region.trim_after))
        self._unwind(0)
        items = judge.builder.fill_plain(0, len(self.source), settled(judge.out))
        groups = sorted(judge.groups, key=lambda group: group.start)
        picks = {group.name: group for group in reversed(groups) if group.name}
        kinds = {region.kind for region in self.regions} - {"text"}
        TreeRemarks(self.source, judge.found, self.wildcards).add(groups, self.regions, judge.marks)
        return Tree(
            self.source, tuple(items), SpanWriter(self.source, judge.marks).spans(), judge.found.sorted(),
            tuple(sorted(judge.sites, key=lambda site: site.start)), tuple(groups), picks, bool(kinds),
            "broken" in kinds, self.patterns, self.wildcards, self.bound,
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
        for number in range(following, len(code)):
            start, end = code[number]
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
            if self.judge.is_bound(name) and not self.judge.glued(match.start(), name):
                self.judge.slot(match.start(), match.end(), name)
        for match in _CODE_GROUP.finditer(self.source, start, end) if self.patterns == "native" else ():
            self.judge.kept(match.start(), match.end(), "G8", "it stands in code", CODE_HINT)
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
            elif last == ";":
                if self.stack:
                    self.stack[-1].semicolon = True
            elif last == "_":
                self._wildcard(match.start(), end)
            elif self.stack and not escaped:
                self._mark(where, last)

    def _open(self, where: int, escaped: bool, limit: int) -> None:
        if escaped:
            if self.stack and _BARE_BAR.match(self.source, where + 1, limit):
                return
            self.judge.out.append(Hole(where - 1, where + 1, "{"))
        frame = Frame(where, len(self.judge.out), escaped, quotes=self.judge.quotes, last_edge=where + 1)
        if not escaped:
            frame.delimiter = object_delimiter(self.source, where)
        if self.patterns == "native":
            frame.header = read_header(self.source, where, self._string_end(where, limit))
        if frame.header:
            self.skip = frame.last_edge = frame.header.end
        self.stack.append(frame)

    def _string_end(self, where: int, limit: int) -> int:
        """How far a header may reach: not beyond the string of an object literal that it stands in."""
        for barrier in self.barriers:
            found = self.source.find(barrier.delimiter[1] if barrier.delimiter else '"', where, limit)
            limit = found if found >= 0 else limit
        return limit

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
                frame.code |= source[where + 1 : where + 2].isspace()
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
            self.judge.quotes += 1
        for barrier in reversed(self.barriers):
            depth, quote = barrier.delimiter or (0, "")
            if quote == kind and slashes >= depth and (slashes - depth) % (2 * depth + 2) == 0:
                self._unwind(barrier.level)
                return
        frame = self.stack[-1] if self.stack else None
        if frame and frame.delimiter and not frame.barrier and frame.delimiter[0] == slashes:
            barrier = Frame(where, len(self.judge.out), barrier=True, delimiter=(slashes, kind), last_edge=where + 1)
            barrier.level = len(self.stack)
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
            if takes_escape(self.source, start, in_group=bool(self.stack)):
                self.judge.out.append(Escape(start - 1, match.end(), match.group()))
                self.judge.marks.append(Span(start - 1, start, "escape"))
                self.skip = match.end()
                return
            key = self.judge.key("", match.group())
            self.judge.out.append(WildcardNode(start, match.end(), name, key))
            self.judge.marks.append(Span(start, match.end(), "wildcard", name=name))
            self.skip = match.end()
            return
        near = self.wildcards.near(name) if self.wildcards is not None else ""
        if near or "/" in name or "*" in name:
            hint = f"did you mean __{near}__?" if near else "put a file of that name into the wildcards folder"
            self.judge.found.add("warning", "unknown-wildcard", f"no list {name!r}", hint, start, match.end())
        else:
            # Python's own names look like this as well: a word aside, no warning.
            hint = "put a file of that name into the wildcards folder to make it a list"
            message = f"kept as text: there is no list {name!r}"
            self.judge.found.add("info", "no-list", message, hint, start, match.end())

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
                self.judge.found.add(
                    "warning" if crosses else "info", code, message, hint, frame.start, frame.start + 1
                )
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
            self.judge.close_escaped(frame, end, escaped)
        elif not self.judge.close_slot(frame, end) and not self.judge.close_group(frame, end):
            pass
        else:
            return
        if self.stack:
            outer = self.stack[-1]
            # A block of code inside makes what is around it code, too.
            outer.code |= last_visible(self.source, frame.start, end) == ";"
            if frame.any_newline:
                outer.any_newline = outer.bad_newline = True
