"""Seeded draws as pure functions: the same on every machine and Python version, each needing no earlier one.

A draw is ``BLAKE2b-64(seed, item, key [, draw])`` with the fields joined by U+001F. Weights are exact fractions.
``permute`` is a keyed Feistel permutation of ``0 .. size - 1`` with cycle walking: the shuffled order of a space of
any size, without memory and without repeats.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction

_SEPARATOR = "\x1f"
_SCALE = 1 << 64
_ROUNDS = 6


def uniform(seed: int, item: int, key: str, draw: int | None = None) -> int:
    """An integer in ``0 .. 2**64 - 1``."""
    fields = [str(seed), str(item), key]
    if draw is not None:
        fields.append(str(draw))
    data = _SEPARATOR.join(fields).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def site_key(name: str, text: str, occurrence: int) -> str:
    """The key of a pattern: its name, its exact source text, and how many equal ones stand before it."""
    return f"{name}:{text}#{occurrence}"


def below(limit: int, seed: int, item: int, key: str) -> int:
    """An integer in ``0 .. limit - 1``; ``limit`` must be positive."""
    return uniform(seed, item, key) * limit // _SCALE


def weighted(weights: Sequence[Fraction], value: int) -> int:
    """The first position whose cumulative weight exceeds ``value / 2**64 * total``. The total must be positive."""
    target = value * sum(weights, Fraction(0)) / _SCALE
    reached = Fraction(0)
    last = 0
    for position, weight in enumerate(weights):
        if weight > 0:
            reached += weight
            last = position
            if reached > target:
                return position
    return last


def permute(index: int, size: int, seed: int) -> int:
    """Where ``index`` stands in the shuffled order of ``0 .. size - 1``: a bijection for every seed."""
    if not 0 <= index < size:
        raise IndexError(index)
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << half) - 1
    value = index
    while True:
        left, right = value >> half, value & mask
        for turn in range(_ROUNDS):
            left, right = right, left ^ (_mix(seed, turn, size, right, half) & mask)
        value = left << half | right
        if value < size:
            return value


def _mix(seed: int, turn: int, size: int, value: int, bits: int) -> int:
    """``bits`` or more pseudo-random bits of the arguments."""
    text = _SEPARATOR.join(("shuffle", str(seed), str(turn), hex(size), hex(value)))
    length = (bits + 7) // 8
    if length <= 64:
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=length).digest(), "big")
    return int.from_bytes(hashlib.shake_256(text.encode()).digest(length), "big")
