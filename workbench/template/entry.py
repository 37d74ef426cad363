"""The options of a group or the lines of a list as one thing, with weights as integers and counts that are kept."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import lcm, prod
from typing import Any

from workbench.template.count import picks_count
from workbench.template.diagnostic import PatternCycle, PatternError
from workbench.template.scan import parse_body
from workbench.template.tree import GroupNode, Node, Tree, WildcardNode

MAX_CHAIN = 80


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that can be chosen. ``prefix`` goes before the site keys inside; empty for the body's own groups."""

    items: tuple[Node, ...]
    text: str
    option: int
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Entries:
    """What one site chooses from; everything of weight 0 is already gone."""

    entries: tuple[Entry, ...]
    weights: tuple[int, ...]
    reached: tuple[int, ...]
    counts: tuple[int, ...]
    counts_reached: tuple[int, ...]

    def bounds(self, group: GroupNode) -> tuple[int, int]:
        """The least and greatest number of picks that these entries allow."""
        size = len(self.entries)
        high = size if group.high < 0 else min(group.high, size)
        return min(group.low, high), high

    def at(self, value: int) -> int:
        """The entry of a draw ``0 .. 2**64 - 1``."""
        return bisect_right(self.reached, value * self.reached[-1] >> 64)

    def at_without(self, value: int, taken: set[int]) -> int:
        """The same, with some entries already taken."""
        left = [position for position in range(len(self.entries)) if position not in taken]
        reached = list(accumulate(self.weights[position] for position in left))
        return left[bisect_right(reached, value * reached[-1] >> 64)]


class EntryTable:
    """Entries and counts of one tree under one set of variables. Not safe for use by two threads at once."""

    def __init__(self, tree: Tree, variables: Mapping[str, Any]) -> None:
        self._tree = tree
        self._fixed = frozenset(tree.named_picks) & frozenset(variables)
        self._entries: dict[int, Entries] = {}
        self._lines: dict[str, Entries] = {}
        self._counts: dict[int, tuple[tuple[Node, ...], tuple[int, ...]]] = {}
        self._chain: list[str] = []

    def fixed(self, group: GroupNode) -> bool:
        """Whether a variable of that name has decided the pick."""
        return group.name in self._fixed

    def counts(self, items: tuple[Node, ...]) -> tuple[int, ...]:
        """The count of each item of a sequence."""
        known = self._counts.get(id(items))
        if known is None:
            known = self._counts[id(items)] = (items, tuple(self.count(item) for item in items))
        return known[1]

    def count(self, node: Node) -> int:
        if isinstance(node, WildcardNode):
            return self.entries(node).counts_reached[-1]
        if not isinstance(node, GroupNode) or node.mode in ("any", "cycle") or self.fixed(node):
            return 1
        entries = self.entries(node)
        if not node.many:
            return entries.counts_reached[-1]
        return picks_count(entries.counts, *entries.bounds(node), node.ordered)

    def entries(self, node: GroupNode | WildcardNode) -> Entries:
        """What the site chooses from. PatternError if nothing is left, PatternCycle for lists in a ring."""
        if isinstance(node, WildcardNode):
            return self._list(node.name)
        known = self._entries.get(id(node))
        if known is None:
            known = self._entries[id(node)] = self._make(self._options(node))
        return known

    def _options(self, group: GroupNode) -> list[tuple[Fraction, Entry]]:
        found: list[tuple[Fraction, Entry]] = []
        for number, option in enumerate(group.options):
            only = option.items[0] if len(option.items) == 1 else None
            if group.many and isinstance(only, WildcardNode):
                lines = self._list(only.name)
                total = lines.reached[-1]
                found += [
                    (option.weight * weight / total, Entry(entry.items, entry.text, number, entry.prefix))
                    for entry, weight in zip(lines.entries, lines.weights, strict=True)
                ]
            else:
                found.append((option.weight, Entry(option.items, option.source, number)))
        return found

    def _list(self, name: str) -> Entries:
        known = self._lines.get(name)
        if known is not None:
            return known
        if name in self._chain or len(self._chain) >= MAX_CHAIN:
            if name not in self._chain:
                raise PatternCycle("lists and groups nest too deeply", hint=f"at most {MAX_CHAIN} levels")
            chain = " -> ".join((*self._chain[self._chain.index(name) :], name))
            raise PatternCycle(f"lists name each other: {chain}", hint="take one of these names out of its list")
        source = self._tree.wildcards
        if source is None or not source.has(name):
            raise PatternError(f"the list {name!r} is gone", hint="read the template again")
        self._chain.append(name)
        try:
            lines = source.lines(name)
            found = [
                (line.weight, Entry(self._parsed(line.text), line.text, number, f"__{name}__"))
                for number, line in enumerate(lines)
            ]
            known = self._lines[name] = self._make(found, name)
        finally:
            self._chain.pop()
        return known

    def _parsed(self, text: str) -> tuple[Node, ...]:
        tree = self._tree
        return parse_body(text, tree.bound, patterns="native", jinja=False, wildcards=tree.wildcards).items

    def _make(self, found: Sequence[tuple[Fraction, Entry]], name: str = "") -> Entries:
        alive = [(weight, entry) for weight, entry in found if weight > 0]
        if not alive:
            what = f"the list {name!r} has no line" if name else "a group has no option"
            raise PatternError(f"{what} with a weight above 0", hint="give one a weight above 0")
        scale = lcm(*(weight.denominator for weight, _ in alive))
        weights = tuple(int(weight * scale) for weight, _ in alive)
        entries = tuple(entry for _, entry in alive)
        counts = tuple(prod(self.counts(entry.items)) for entry in entries)
        return Entries(entries, weights, tuple(accumulate(weights)), counts, tuple(accumulate(counts)))
