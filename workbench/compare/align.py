"""The longest common subsequence of two sequences within a fixed number of steps.

Myers, "An O(ND) difference algorithm and its variations", Algorithmica 1 (1986), while it is cheap: its cost grows with
the square of the differences. Beyond that, elements (or short runs of them) that stand once in both sequences part
them into smaller gaps (patience diff), and a gap for which no steps are left counts as wholly different. The result is
then still an alignment, only not the longest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import isqrt

# About half a second of Python.
STEPS = 1_000_000
Block = tuple[int, int, int]
Gap = tuple[int, int, int, int]


@dataclass
class Budget:
    """Steps that are left; shared by all that belongs to one comparison."""

    left: int = STEPS


def matching(a: Sequence[Hashable], b: Sequence[Hashable], budget: Budget | None = None) -> list[Block]:
    """``(start in a, start in b, length)`` of equal stretches, rising in both, never empty or touching in both."""
    budget = budget or Budget()
    numbers: dict[Hashable, int] = {}
    left = [numbers.setdefault(item, len(numbers)) for item in a]
    right = [numbers.setdefault(item, len(numbers)) for item in b]
    blocks: list[Block] = []
    gaps: list[Gap] = [(0, len(left), 0, len(right))]
    while gaps:
        gap = _trimmed(left, right, gaps.pop(), blocks)
        if gap[0] == gap[1] or gap[2] == gap[3]:
            continue
        found = _shortest(left, right, gap, budget)
        if found is not None:
            blocks += found
        elif budget.left > 0:
            gaps += _parted(left, right, gap, blocks)
            budget.left -= 2 * (gap[1] - gap[0] + gap[3] - gap[2])
    return _joined(sorted(blocks))


def _trimmed(a: list[int], b: list[int], gap: Gap, blocks: list[Block]) -> Gap:
    """The gap without what both sides begin and end with, which becomes blocks."""
    a_low, a_high, b_low, b_high = gap
    most = min(a_high - a_low, b_high - b_low)
    size = 0
    while size < most and a[a_low + size] == b[b_low + size]:
        size += 1
    if size:
        blocks.append((a_low, b_low, size))
    a_low, b_low, most = a_low + size, b_low + size, most - size
    size = 0
    while size < most and a[a_high - 1 - size] == b[b_high - 1 - size]:
        size += 1
    if size:
        blocks.append((a_high - size, b_high - size, size))
    return a_low, a_high - size, b_low, b_high - size


def _shortest(a: list[int], b: list[int], gap: Gap, budget: Budget) -> list[Block] | None:
    """The blocks of a shortest edit script; None when it would take more than half of the steps that are left."""
    a_low, a_high, b_low, b_high = gap
    n, m = a_high - a_low, b_high - b_low
    allowed = max(0, budget.left // 2)
    steps = 0
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    for cost in range(min(n + m, isqrt(2 * allowed)) + 1):
        # Diagonals beyond the edges lead nowhere.
        low, high = -cost + 2 * max(0, cost - m), cost - 2 * max(0, cost - n)
        trace.append(furthest)
        furthest = dict(furthest)
        for k in range(low, high + 1, 2):
            down = k == -cost or (k != cost and furthest.get(k - 1, -1) < furthest.get(k + 1, -1))
            x = furthest[k + 1] if down else furthest[k - 1] + 1
            y = begun = x - k
            while x < n and y < m and a[a_low + x] == b[b_low + y]:
                x, y = x + 1, y + 1
            steps += 1 + y - begun
            furthest[k] = x
            if x >= n and y >= m:
                budget.left -= steps
                return [(a_low + i, b_low + j, size) for i, j, size in _way_back(trace, n, m)]
        # Copying a row costs as well.
        steps += cost // 8
        if steps > allowed:
            break
    budget.left -= steps
    return None


def _way_back(trace: list[dict[int, int]], n: int, m: int) -> list[Block]:
    blocks = []
    x, y = n, m
    for cost in range(len(trace) - 1, -1, -1):
        furthest, k = trace[cost], x - y
        if cost == 0:
            if x:
                blocks.append((0, 0, x))
            break
        down = k == -cost or (k != cost and furthest.get(k - 1, -1) < furthest.get(k + 1, -1))
        before = k + 1 if down else k - 1
        start = furthest[before] if down else furthest[before] + 1
        if x > start:
            blocks.append((start, start - k, x - start))
        x = furthest[before]
        y = x - before
    return blocks


def _parted(a: list[int], b: list[int], gap: Gap, blocks: list[Block]) -> list[Gap]:
    """The gaps between elements that stand once on both sides and keep their order; these become blocks."""
    a_low, a_high, b_low, b_high = gap
    rising: list[tuple[int, int]] = []
    # Characters of CJK and common words seldom stand once, but a few in a row do.
    for size in (1, 3, 8):
        in_a, in_b = _once(a, a_low, a_high, size), _once(b, b_low, b_high, size)
        rising = _rising([(at, in_b[key]) for key, at in in_a.items() if key in in_b])
        if rising:
            break
    if not rising:
        return []
    gaps = []
    a_at, b_at = a_low, b_low
    for x, y in rising:
        blocks.append((x, y, 1))
        gaps.append((a_at, x, b_at, y))
        a_at, b_at = x + 1, y + 1
    gaps.append((a_at, a_high, b_at, b_high))
    return gaps


def _once(items: list[int], low: int, high: int, size: int) -> dict[tuple[int, ...], int]:
    """Where each run of ``size`` elements begins that stands once within the bounds; in order."""
    places: dict[tuple[int, ...], int] = {}
    for at, key in enumerate(zip(*(items[low + step : high] for step in range(size)), strict=False), start=low):
        places[key] = -1 if key in places else at
    return {key: at for key, at in places.items() if at >= 0}


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run of pairs whose second numbers rise as well (patience sorting)."""
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, (_, y) in enumerate(pairs):
        pile = bisect_left(tops, y)
        before.append(ends[pile - 1] if pile else -1)
        tops[pile : pile + 1], ends[pile : pile + 1] = [y], [index]
    chain = []
    at = ends[-1] if ends else -1
    while at >= 0:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]


def _joined(blocks: list[Block]) -> list[Block]:
    out: list[Block] = []
    for x, y, size in blocks:
        if out and (out[-1][0] + out[-1][2], out[-1][1] + out[-1][2]) == (x, y):
            out[-1] = (out[-1][0], out[-1][1], out[-1][2] + size)
        else:
            out.append((x, y, size))
    return out
