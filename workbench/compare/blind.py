"""Judging without names: outputs in an order drawn from a seed, one key a vote, names only after it.

The order depends on the seed and on the round alone, so that a sitting can be repeated and audited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Any, cast, get_args

from workbench.compare.ranking import Outcome, Vote
from workbench.error import UsageError

LABELS = "ABCDEF"
TIE = "tie"
BAD = "both bad"


@dataclass(frozen=True, slots=True)
class Round:
    """One choice: ``order`` holds the places of the shown outputs among the round's own, label A first."""

    key: str
    names: tuple[str, ...]
    order: tuple[int, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(LABELS[: len(self.order)])

    def shown(self, label: str) -> int:
        """Which of the round's outputs stands under a label. Raises UsageError."""
        if label not in self.labels:
            raise UsageError(f"{label!r} is none of {', '.join(self.labels)}")
        return self.order[self.labels.index(label)]

    def reveal(self) -> Mapping[str, str]:
        """Label to name."""
        return {label: self.names[place] for label, place in zip(self.labels, self.order, strict=True)}

    def vote(self, choice: str) -> tuple[Vote, ...]:
        """``choice`` is a label (better than every other), ``TIE`` or ``BAD``; one vote for each pair that it decides.

        The better of three says nothing about the other two. Raises UsageError.
        """
        names = [self.names[place] for place in self.order]
        if choice in (TIE, BAD):
            outcome: Outcome = "tie" if choice == TIE else "bad"
            return tuple(Vote(a, b, outcome) for a, b in combinations(names, 2))
        best = self.names[self.shown(choice)]
        return tuple(Vote(best, other, "a") for other in names if other != best)


def blind_round(names: Sequence[str], *, seed: int, key: str = "") -> Round:
    """2 to 6 different names in an order drawn from seed and key. Raises UsageError."""
    if not 2 <= len(names) <= len(LABELS):
        raise UsageError(f"{len(names)} outputs cannot be judged blind", hint=f"Choose 2 to {len(LABELS)}.")
    if len(set(names)) < len(names):
        raise UsageError("two of the outputs have the same name", hint="Compare outputs of different kinds.")
    order = list(range(len(names)))
    Random(f"{seed}/{key}").shuffle(order)
    return Round(key, tuple(names), tuple(order))


def last_votes(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of rows in the order they were cast, the last of each two outputs: judged again they are no further evidence."""
    return list({frozenset((str(row.get("a")), str(row.get("b")))): row for row in rows}.values())


def votes_of(rows: Iterable[Mapping[str, Any]]) -> list[Vote]:
    """Votes from plain data; what is none is left out."""
    found = []
    for row in rows:
        a, b, outcome = (row.get(key) for key in ("a", "b", "outcome"))
        if isinstance(a, str) and isinstance(b, str) and a != b and outcome in get_args(Outcome):
            found.append(Vote(a, b, cast(Outcome, outcome)))
    return found
