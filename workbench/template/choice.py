"""Choose one prompt of a tree: by index, by seed, or in shuffled order. Pure tree work, no Jinja.

The result is either final text, or a Jinja source whose chosen texts are data: what stands between two Jinja regions is
one ``{{ __pw__[k] }}``, so the source is the same for all prompts whose options hold no Jinja, and no value is parsed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from workbench.template.count import digits, picks_at, picks_count
from workbench.template.diagnostic import PatternCycle, PatternError, UnsetSlot, first_error
from workbench.template.draw import below, permute, uniform
from workbench.template.emit import Chosen, Draft, Marker, Op, Owner, finish
from workbench.template.entry import MAX_CHAIN, Entries, Entry, EntryTable
from workbench.template.tree import GroupNode, JinjaNode, Node, SlotNode, Tree, WildcardNode


@dataclass
class Context:
    """What choosing needs besides the tree.

    ``variables`` gives slots their values; one with the name of a pick fixes that pick and takes it out of the count.
    ``seed`` is for ``{any$$..}`` in a combinatorial run. ``keep_unset``: a bound slot without a value stays as written
    (for previews) instead of raising ``UnsetSlot``. ``mark``: see ``finish``.
    """

    variables: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    keep_unset: bool = False
    file: str = ""
    mark: Marker | None = None
    _cache: dict[int, tuple[Tree, object, Chooser]] = field(default_factory=dict, repr=False, compare=False)

    def chooser(self, tree: Tree) -> Chooser:
        """One chooser per tree, made anew when its lists change."""
        version = tree.wildcards.version if tree.wildcards is not None else None
        known = self._cache.get(id(tree))
        if known is None or known[0] is not tree or known[1] != version:
            known = self._cache[id(tree)] = (tree, version, Chooser(tree, self))
        return known[2]


def count(tree: Tree, ctx: Context | None = None) -> int:
    """The exact number of prompts. Raises PatternError for a tree with a fault, PatternCycle for lists in a ring."""
    return (ctx or Context()).chooser(tree).count


def choose(tree: Tree, *, index: int = 0, ctx: Context | None = None) -> Chosen:
    """Prompt number ``index``, in the order of ``itertools.product``. PatternError outside of ``0 .. count - 1``."""
    return (ctx or Context()).chooser(tree).at(index)


def sample(tree: Tree, seed: int, item: int, ctx: Context | None = None) -> Chosen:
    """Item ``item`` of the endless random sequence of ``seed``; needs no earlier item."""
    return (ctx or Context()).chooser(tree).sample(seed, item)


def shuffled(tree: Tree, seed: int, item: int, ctx: Context | None = None) -> Chosen:
    """Item ``item`` of all prompts in the random order of ``seed``: no repeats, no memory."""
    chooser = (ctx or Context()).chooser(tree)
    chooser.check_index(item)
    return chooser.at(permute(item, chooser.count, seed))


def prompts(tree: Tree, ctx: Context | None = None) -> Iterator[Chosen]:
    """All prompts in order, lazily."""
    chooser = (ctx or Context()).chooser(tree)
    index = 0
    while index < chooser.count:
        yield chooser.at(index)
        index += 1


class Chooser:
    """Chooses from one tree with one set of variables; keeps counts and lists between prompts."""

    def __init__(self, tree: Tree, ctx: Context) -> None:
        fault = first_error(tree.diagnostics)
        if fault:
            raise fault.error(ctx.file)
        self._tree = tree
        self._ctx = ctx
        self._table = EntryTable(tree, ctx.variables)
        try:
            self.count = prod(self._table.counts(tree.items))
        except PatternCycle:
            raise
        except RecursionError:
            raise PatternCycle("lists and groups nest too deeply", hint=f"at most {MAX_CHAIN} levels") from None
        self._each = list(_outermost_each(tree.items))

    def check_index(self, index: int) -> None:
        if not 0 <= index < self.count:
            raise PatternError(
                f"there is no prompt {index}: the template has {self.count}",
                hint=f"choose one from 0 to {self.count - 1}",
                file=self._ctx.file,
            )

    def at(self, index: int) -> Chosen:
        """Prompt ``index``."""
        self.check_index(index)
        draft = Draft(self._ctx.seed, index)
        self._enumerate(self._tree.items, index, draft, None, "")
        return finish(self._tree, draft, index, self._ctx.mark)

    def sample(self, seed: int, item: int) -> Chosen:
        """Item ``item`` of ``seed``."""
        draft = Draft(seed, item)
        if self._each:
            counts = [self._table.count(group) for group in self._each]
            found = digits(item % prod(counts), counts)
            draft.each = {id(group): digit for group, digit in zip(self._each, found, strict=True)}
        self._draw_all(self._tree.items, draft, None, "")
        return finish(self._tree, draft, mark=self._ctx.mark)

    # -- walking

    def _enumerate(self, items: tuple[Node, ...], index: int, draft: Draft, owner: Owner | None, prefix: str) -> None:
        if index == 0:
            for node in items:
                self._place(node, 0, draft, owner, prefix)
            return
        for node, digit in zip(items, digits(index, self._table.counts(items)), strict=True):
            self._place(node, digit, draft, owner, prefix)

    def _draw_all(self, items: tuple[Node, ...], draft: Draft, owner: Owner | None, prefix: str) -> None:
        for node in items:
            self._place(node, draft.each.get(id(node), -1) if draft.each else -1, draft, owner, prefix)

    def _place(self, node: Node, digit: int, draft: Draft, owner: Owner | None, prefix: str) -> None:
        """Emit one node: reading ``digit``, or drawn by the item's seed if that is negative."""
        if isinstance(node, GroupNode | WildcardNode):
            draft.depth += 1
            if draft.depth > MAX_CHAIN:
                raise PatternCycle("lists and groups nest too deeply", hint=f"at most {MAX_CHAIN} levels")
            if isinstance(node, GroupNode):
                self._group(node, digit, draft, owner, prefix)
            else:
                mine = owner or Owner("wildcard", node.name, node.start, node.end)
                self._one(node, self._table.entries(node), digit, draft, mine, prefix)
            draft.depth -= 1
        elif isinstance(node, SlotNode):
            draft.ops.append(self._slot(node, owner))
        elif isinstance(node, JinjaNode):
            where = owner or Owner("jinja", "", node.start, node.end)
            draft.ops.append(Op("jinja", self._tree.source[node.start : node.end], where, node))
        else:
            draft.ops.append(Op("text", node.text, owner or Owner("text", "", node.start, node.end)))

    def _slot(self, node: SlotNode, owner: Owner | None) -> Op:
        where = owner or Owner("slot", node.name, node.start, node.end)
        found, value = lookup(self._ctx.variables, node.name)
        if found:
            return Op("value", str(value), where)
        if node.name in self._tree.named_picks or (node.name not in self._tree.bound and "." not in node.name):
            return Op("ref", node.name, where)
        if self._ctx.keep_unset:
            return Op("value", f"{{{node.name}}}", where)
        line, column = self._tree.lines.place(node.start) if owner is None else (0, 0)
        raise UnsetSlot(
            f"the slot {node.name!r} has no value",
            hint=f"fill it in, or on the command line: --set {node.name}=...",
            file=self._ctx.file, line=line, column=column,
        )  # fmt: skip

    def _group(self, group: GroupNode, digit: int, draft: Draft, owner: Owner | None, prefix: str) -> None:
        mine = Owner("pick", group.name, group.start, group.end) if not prefix or owner is None else owner
        if self._table.fixed(group):
            draft.ops.append(Op("value", str(self._ctx.variables[group.name]), mine))
            return
        if group.mode == "any":
            digit = -1
        first = len(draft.ops)
        entries = self._table.entries(group)
        if group.mode == "cycle":
            # The options themselves go round, or all choices of so many of them.
            places = [draft.item % len(entries.entries)]
            if group.many:
                ones, (low, high) = [1] * len(entries.entries), entries.bounds(group)
                number = draft.item % max(1, picks_count(ones, low, high, group.ordered))
                places, _ = picks_at(ones, low, high, group.ordered, number)
            option = self._several(group, [(entries.entries[place], -1) for place in places], draft, mine, prefix)
        elif group.many:
            option = self._several(group, self._picks(group, entries, digit, draft, prefix), draft, mine, prefix)
        else:
            option = self._one(group, entries, digit, draft, mine, prefix)
        ops = draft.ops[first:]
        draft.picks.append((_key(prefix, group.key), option, group.name, ops))
        if group.name:
            draft.named.setdefault(group.name, ops)

    def _one(
        self, node: GroupNode | WildcardNode, entries: Entries, digit: int, draft: Draft, owner: Owner, prefix: str
    ) -> int:
        if digit < 0:
            place, rest = entries.at(uniform(draft.seed, draft.item, _key(prefix, node.key))), -1
        else:
            place = bisect_right(entries.counts_reached, digit)
            rest = digit - (entries.counts_reached[place - 1] if place else 0)
        entry = entries.entries[place]
        self._entry(entry, rest, draft, owner, _inner(prefix, node, entry))
        return entry.option

    def _picks(
        self, group: GroupNode, entries: Entries, digit: int, draft: Draft, prefix: str
    ) -> list[tuple[Entry, int]]:
        low, high = entries.bounds(group)
        if digit >= 0:
            places, rest = picks_at(entries.counts, low, high, group.ordered, digit)
            inner = digits(rest, [entries.counts[place] for place in places])
            return [(entries.entries[place], number) for place, number in zip(places, inner, strict=True)]
        key = _key(prefix, group.key)
        # How many is drawn without a draw number, so that it shares none with the picks.
        size = low if low == high else low + below(high - low + 1, draft.seed, draft.item, key)
        taken: dict[int, None] = {}
        for number in range(size):
            taken[entries.at_without(uniform(draft.seed, draft.item, key, number), set(taken))] = None
        places = list(taken) if group.ordered else sorted(taken)
        return [(entries.entries[place], -1) for place in places]

    def _several(
        self, group: GroupNode, chosen: list[tuple[Entry, int]], draft: Draft, owner: Owner, prefix: str
    ) -> int:
        """Emit picks with the separator between; empty ones are left out."""
        written = False
        for entry, digit in chosen:
            first = len(draft.ops)
            self._entry(entry, digit, draft, owner, _inner(prefix, group, entry))
            if all(op.kind in ("text", "value") and not op.text for op in draft.ops[first:]):
                del draft.ops[first:]
                continue
            if written and group.separator:
                draft.ops.insert(first, Op("text", group.separator, owner))
            written = True
        return chosen[0][0].option if chosen else -1

    def _entry(self, entry: Entry, digit: int, draft: Draft, owner: Owner, prefix: str) -> None:
        if digit < 0:
            self._draw_all(entry.items, draft, owner, prefix)
        else:
            self._enumerate(entry.items, digit, draft, owner, prefix)


def _key(prefix: str, key: str) -> str:
    return f"{prefix}\x1e{key}" if prefix else key


def _inner(prefix: str, node: GroupNode | WildcardNode, entry: Entry) -> str:
    """Inside a list's line, keys start with the site that named the list."""
    return _key(prefix, f"{node.key}\x1e{entry.text}") if entry.prefix else prefix


def _outermost_each(items: tuple[Node, ...]) -> Iterator[GroupNode]:
    for node in items:
        if isinstance(node, GroupNode):
            if node.mode == "each":
                yield node
            else:
                for option in node.options:
                    yield from _outermost_each(option.items)


def lookup(variables: Mapping[str, Any], name: str) -> tuple[bool, Any]:
    """Whether ``name`` or a path into it has a value, and which: mappings by key, then sequences by number."""
    if name in variables:
        return True, variables[name]
    head, *rest = name.split(".")
    if head not in variables or not rest:
        return False, None
    value = variables[head]
    for part in rest:
        if not isinstance(value, Mapping) or part not in value:
            return False, None
        value = value[part]
    return True, value
