"""Rows of a screen that moved up or down as a whole, found from what is shown and what shall be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

C = TypeVar("C")
# What setting a region, scrolling it and going back costs, in cells that could be written instead.
COST = 24


class Shift(NamedTuple):
    """Rows ``top`` to ``bottom`` (exclusive) of the screen move up by ``rows``, down when negative."""

    top: int
    bottom: int
    rows: int


def find_shift(
    wanted: Sequence[Sequence[C]], shown: Sequence[Sequence[C]], dirty: Sequence[int], blank: Sequence[C]
) -> Shift | None:
    """The shift that saves most of what would be written, None when none saves enough."""
    changed = [y for y in dirty if wanted[y] != shown[y]]
    if len(changed) < 2:
        return None
    rows = _distance(wanted, shown, changed)
    if not rows:
        return None
    best, best_saved = None, COST
    for shift in _stretches(wanted, shown, rows):
        saved = _saved(wanted, shown, shift, blank)
        if saved > best_saved:
            best, best_saved = shift, saved
    return best


def _distance(wanted: Sequence[Sequence[C]], shown: Sequence[Sequence[C]], changed: list[int]) -> int:
    """By how many rows most of the changed rows moved; 0 when it cannot be told."""
    places: dict[tuple[C, ...], int] = {}
    for y in changed:
        key = tuple(shown[y])
        # A row that stands there twice, a blank one above all, tells nothing.
        places[key] = -1 if key in places else y
    votes = Counter(place - y for y in changed if (place := places.get(tuple(wanted[y]), -1)) >= 0)
    votes.pop(0, None)
    return votes.most_common(1)[0][0] if votes else 0


def _stretches(wanted: Sequence[Sequence[C]], shown: Sequence[Sequence[C]], rows: int) -> list[Shift]:
    """The regions in which every row, but for those that come in, stood ``rows`` further down."""
    found: list[Shift] = []
    height = len(wanted)
    last = height - max(0, rows)
    begin: int | None = None
    for y in range(max(0, -rows), last + 1):
        if y < last and wanted[y] == shown[y + rows]:
            begin = y if begin is None else begin
        elif begin is not None:
            found.append(Shift(begin, y + rows, rows) if rows > 0 else Shift(begin + rows, y, rows))
            begin = None
    return found


def _saved(wanted: Sequence[Sequence[C]], shown: Sequence[Sequence[C]], shift: Shift, blank: Sequence[C]) -> int:
    """Cells that need not be written when the region is scrolled."""
    saved = 0
    for y in range(shift.top, shift.bottom):
        source = y + shift.rows
        after = shown[source] if shift.top <= source < shift.bottom else blank
        saved += _unlike(wanted[y], shown[y]) - _unlike(wanted[y], after)
    return saved


def _unlike(one: Sequence[C], other: Sequence[C]) -> int:
    return 0 if one == other else sum(a != b for a, b in zip(one, other, strict=True))
