"""How alike two texts are, as a number."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.compare.diff import Part, word_diff


def similarity(a: str, b: str) -> float:
    """0 to 1: the share of characters in both texts that stand in both, in the same order; 1 for equal texts.

    Exact for ordinary answers; for very long and very different ones what was found in bounded time.
    """
    return 1.0 if a == b else similarity_of(word_diff(a, b))


def similarity_of(parts: Sequence[Part]) -> float:
    """The same, of a diff that is there already."""
    same = sum(len(part.text) for part in parts if part.kind == "same")
    other = sum(len(part.text) for part in parts if part.kind != "same")
    return 2 * same / (2 * same + other) if parts else 1.0
