"""Several outputs side by side: equal ones stacked with their count, and where all agree told from where they part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.compare.align import Budget, matching
from workbench.compare.diff import LINES_FIRST, Token, lines, tokens


@dataclass(frozen=True, slots=True)
class Span:
    """Words that every output has here, or that at least one has not. Blanks do not count."""

    kind: Literal["agree", "part"]
    text: str


@dataclass(frozen=True, slots=True)
class Stack:
    """Equal outputs: their places in the row, and the text in spans that give it back."""

    text: str
    members: tuple[int, ...]
    spans: tuple[Span, ...] = ()

    @property
    def count(self) -> int:
        return len(self.members)


@dataclass(frozen=True, slots=True)
class NWay:
    """``agreement`` is the share of all characters that all outputs have in common; ``parts_at`` the first character
    where they part, None when all are equal.
    """

    stacks: tuple[Stack, ...]
    agreement: float
    parts_at: int | None


def stacked(texts: Sequence[str]) -> list[Stack]:
    """Equal texts together, in the order they first come."""
    members: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        members.setdefault(text, []).append(place)
    return [Stack(text, tuple(places)) for text, places in members.items()]


def nway(texts: Sequence[str], *, baseline: int | None = None) -> NWay:
    """The view of a row. All are aligned to ``baseline``, else to the output that came most often."""
    stacks = stacked(texts)
    if len(stacks) < 2:
        alone = tuple(Stack(item.text, item.members, _spans([("", item.text)], [True])) for item in stacks)
        return NWay(alone, 1.0, None)
    long = sum(len(item.text) for item in stacks) > LINES_FIRST
    split = [[("", line) for line in lines(item.text)] if long else tokens(item.text) for item in stacks]
    most = max(range(len(stacks)), key=lambda place: (stacks[place].count, -place))
    pivot = next((place for place, item in enumerate(stacks) if baseline in item.members), most)
    shared = _shared(split, pivot)
    made = tuple(
        Stack(item.text, item.members, _spans(pieces, [place in marks for place in range(len(pieces))]))
        for item, pieces, marks in zip(stacks, split, shared, strict=True)
    )
    total = sum(len(item.text) for item in made)
    agreed = sum(len(span.text) for item in made for span in item.spans if span.kind == "agree")
    return NWay(made, agreed / total, _parting([item.text for item in made]))


def _shared(split: Sequence[Sequence[Token]], pivot: int) -> list[set[int]]:
    """For every output, the pieces that all of them have, by their places."""
    # One share of the steps for each, so that the whole row stays bounded.
    budget = Budget()
    share = budget.left // len(split)
    wanted = [word for _, word in split[pivot]]
    to_pivot: list[dict[int, int]] = []
    for place, pieces in enumerate(split):
        if place == pivot:
            to_pivot.append({at: at for at in range(len(pieces))})
        else:
            blocks = matching(wanted, [word for _, word in pieces], Budget(share))
            to_pivot.append({x + step: y + step for x, y, size in blocks for step in range(size)})
    common = set.intersection(*(set(found) for found in to_pivot))
    return [{found[at] for at in common} for found in to_pivot]


def _spans(pieces: Sequence[Token], agreed: Sequence[bool]) -> tuple[Span, ...]:
    spans: list[Span] = []
    held: list[str] = []
    for place, (blank, word) in enumerate(pieces):
        held.append(blank + word)
        if place + 1 == len(pieces) or agreed[place + 1] != agreed[place]:
            if text := "".join(held):
                spans.append(Span("agree" if agreed[place] else "part", text))
            held = []
    return tuple(spans)


def _parting(texts: Sequence[str]) -> int:
    """The length of the common beginning."""
    first, last = min(texts), max(texts)
    return next((at for at, character in enumerate(first) if last[at : at + 1] != character), len(first))
