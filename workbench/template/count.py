"""How many prompts a tree stands for, and which is number ``i``: exact integers, nothing stored per prompt.

A sequence is a product, a choice a sum. ``k`` picks out of options with counts ``c1 .. cn`` are ``e_k(c1 .. cn)``
(elementary symmetric sums, because options may have several readings) times ``k!`` when the order counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import comb, factorial


def symmetric_sums(counts: Iterable[int], degree: int) -> list[int]:
    """``e_0 .. e_degree`` of the counts. Equal counts are taken together, so ten thousand ones are cheap."""
    sums = [1] + [0] * degree
    for value, times in Counter(counts).items():
        factor = [comb(times, i) * value**i for i in range(min(times, degree) + 1)]
        sums = [
            sum(sums[j - i] * factor[i] for i in range(min(j, len(factor) - 1) + 1) if sums[j - i])
            for j in range(degree + 1)
        ]
    return sums


def without(sums: Sequence[int], value: int) -> list[int]:
    """The symmetric sums after one count ``value`` has been taken out (exact synthetic division)."""
    result = [1]
    for degree in range(1, len(sums)):
        result.append(sums[degree] - value * result[-1])
    return result


def picks_count(counts: Sequence[int], low: int, high: int, ordered: bool) -> int:
    """Readings of ``low`` to ``high`` picks."""
    sums = symmetric_sums(counts, high)
    return sum(sums[k] * (factorial(k) if ordered else 1) for k in range(low, high + 1))


def picks_at(counts: Sequence[int], low: int, high: int, ordered: bool, index: int) -> tuple[list[int], int]:
    """Reading ``index``: the positions picked, and the index into the product of their counts.

    Order: fewer picks first, then as ``itertools.permutations`` or ``combinations``.
    """
    sums = symmetric_sums(counts, high)
    for size in range(low, high + 1):
        block = sums[size] * (factorial(size) if ordered else 1)
        if index < block:
            find = _permutation if ordered else _combination
            return find(counts, sums[: size + 1], size, index)
        index -= block
    raise IndexError(index)


def _permutation(counts: Sequence[int], sums: list[int], size: int, index: int) -> tuple[list[int], int]:
    left = list(range(len(counts)))
    chosen: list[int] = []
    scale = 1
    for remaining in range(size, 0, -1):
        blocks: dict[int, int] = {}
        for place, position in enumerate(left):
            value = counts[position]
            block = blocks.get(value)
            if block is None:
                block = blocks[value] = scale * value * factorial(remaining - 1) * without(sums, value)[remaining - 1]
            if index < block:
                chosen.append(position)
                del left[place]
                scale *= value
                sums = without(sums, value)[:remaining]
                break
            index -= block
    return chosen, index


def _combination(counts: Sequence[int], sums: list[int], size: int, index: int) -> tuple[list[int], int]:
    chosen: list[int] = []
    scale = 1
    position = 0
    while size:
        value = counts[position]
        sums = without(sums, value)
        block = scale * value * sums[size - 1]
        if index < block:
            chosen.append(position)
            scale *= value
            size -= 1
            sums = sums[: size + 1]
        else:
            index -= block
        position += 1
    return chosen, index


def digits(index: int, counts: Sequence[int]) -> list[int]:
    """Mixed radix, the last digit fastest, as ``itertools.product``."""
    result: list[int] = []
    for count in reversed(counts):
        index, digit = divmod(index, count)
        result.append(digit)
    result.reverse()
    return result
