"""The remarks that need the whole tree: names defined twice, dead weights, picks in loops, lists in a ring."""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.template.diagnostic import DiagnosticList
from workbench.template.region import Region
from workbench.template.tree import GroupNode, Span
from workbench.template.wildcard import WildcardSource

_BLOCK = re.compile(r"\{%[-+]?\s*(if|for|endif|endfor)\b")
_BRANCH = {
    "if": ("in-branch", "counts also when this branch is not taken", "equal prompts can be dropped after rendering"),
    "for": ("in-loop", "one choice per prompt, not one per turn", "use {{ pick([...]) }} for a new one each turn"),
}
_BROKEN = {
    "{{": ("this {{ opens a Jinja expression that Jinja cannot read", "write { { with a blank for two braces"),
    "{%": ("this {% opens a Jinja tag that Jinja cannot read", "write { % with a blank for a brace and a sign"),
    "{#": ("this {# opens a Jinja comment that is never closed", "write { # with a blank for a brace and a sign"),
}
_PAREN = re.compile(r"\\.|[()]", re.S)
_WEIGHT = re.compile(r":\s*[+-]?(?:\d+\.?\d*|\.\d+)\s*\)")
_BACK = re.compile(r"[\s\d.+-]")


class TreeRemarks:
    def __init__(self, source: str, found: DiagnosticList, wildcards: WildcardSource | None) -> None:
        self._source, self._found, self._wildcards = source, found, wildcards

    def add(self, groups: Sequence[GroupNode], regions: Sequence[Region], marks: list[Span]) -> None:
        """Adds diagnostics, and the spans of weights."""
        names: dict[str, GroupNode] = {}
        for group in groups:
            self._group(group)
            if group.name and group.name in names:
                self._found.add(
                    "error", "defined-twice", f"the pick {group.name!r} is defined twice",
                    f"write {{{group.name}}} to use the first one again, or choose another name",
                    group.start, group.end,
                )  # fmt: skip
            names.setdefault(group.name, group)
        for region in regions:
            if region.kind == "broken":
                message, hint = _BROKEN[self._source[region.start : region.start + 2]]
                hint += ", {% raw %}, or jinja = false in the header"
                self._found.add("warning", "jinja-broken", message, hint, region.start, region.end)
        self._branches(groups, regions)
        self._weights(regions, marks)

    def _group(self, group: GroupNode) -> None:
        alive = sum(option.weight > 0 for option in group.options)
        if not alive:
            self._found.add(
                "error", "all-off", "every option has the weight 0", "give one a weight above 0", group.start, group.end
            )
        lists = any(type(item).__name__ == "WildcardNode" for option in group.options for item in option.items)
        if group.many and alive and max(group.low, group.high) > alive and not lists:
            self._found.add(
                "warning", "too-many-picks", f"{max(group.low, group.high)} picks of {alive} options: all are taken",
                "lower the number or add options", group.start, group.end,
            )  # fmt: skip

    def _branches(self, groups: Sequence[GroupNode], regions: Sequence[Region]) -> None:
        statements = [
            (region.start, match.group(1))
            for region in regions
            if region.kind == "stmt" and (match := _BLOCK.match(self._source, region.start))
        ]
        if not statements:
            return
        stack: list[str] = []
        position = 0
        for group in sorted(groups, key=lambda item: item.start):
            while position < len(statements) and statements[position][0] < group.start:
                word = statements[position][1]
                if word.startswith("end"):
                    if stack:
                        stack.pop()
                else:
                    stack.append(word)
                position += 1
            if stack:
                code, message, hint = _BRANCH["for" if "for" in stack else "if"]
                self._found.add("info", code, message, hint, group.start, group.end)

    def _weights(self, regions: Sequence[Region], marks: list[Span]) -> None:
        """Spans for ``(`` and ``:1.3)`` in what would otherwise be text."""
        taken = sorted((mark.start, mark.end) for mark in marks)
        cursor = 0
        stack: list[int] = []
        for match in _PAREN.finditer(self._source):
            where = match.start()
            while cursor < len(taken) and taken[cursor][1] <= where:
                cursor += 1
            if len(match.group()) > 1 or (cursor < len(taken) and taken[cursor][0] <= where):
                continue
            if match.group() == "(":
                stack.append(where)
                continue
            opened = stack.pop() if stack else -1
            colon = where - 1
            while colon > 0 and _BACK.match(self._source[colon]):
                colon -= 1
            free = cursor == 0 or taken[cursor - 1][1] <= colon
            if opened >= 0 and free and _WEIGHT.fullmatch(self._source, colon, where + 1):
                marks.append(Span(opened, opened + 1, "weight"))
                marks.append(Span(colon, where + 1, "weight"))
