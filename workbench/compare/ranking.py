"""A ranking from votes between two: the Bradley-Terry model, with intervals.

Item i wins over j with the chance 1 / (1 + exp(r_j - r_i)). A tie counts as half a win for each (Davidson's model needs
one more unknown and gives the same order). The ratings are the maximum of the likelihood, found by Newton's method, and
their errors come from the information matrix there. Source: Hunter, "MM algorithms for generalized Bradley-Terry
models", Annals of Statistics 32 (2004); Agresti, "Categorical Data Analysis", for the errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp
from statistics import NormalDist
from typing import Literal

Outcome = Literal["a", "b", "tie", "bad"]
Matrix = list[list[float]]
_STEPS = 100
_PRIOR = 0.5


@dataclass(frozen=True, slots=True)
class Vote:
    """One judgement between two items; ``bad`` is "both are bad", for a ranking a tie."""

    a: str
    b: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Rating:
    """``value`` is in natural logarithms of odds, the mean of all items is 0; ``low`` and ``high`` its interval."""

    item: str
    value: float
    error: float
    low: float
    high: float
    wins: int
    losses: int
    ties: int
    bad: int

    @property
    def votes(self) -> int:
        return self.wins + self.losses + self.ties + self.bad


@dataclass(frozen=True, slots=True)
class Ranking:
    """Best first. ``prior`` is not 0 when the votes alone have no finite answer (an item never lost, or two items
    cannot be linked): each item then got so many wins and losses against an average one.
    """

    ratings: tuple[Rating, ...]
    prior: float = 0.0


def bradley_terry(votes: Iterable[Vote], *, confidence: float = 0.95) -> Ranking:
    """The ranking of everything voted on. Raises ValueError for a vote of an item against itself."""
    cast = list(votes)
    items = sorted({name for vote in cast for name in (vote.a, vote.b)})
    place = {name: index for index, name in enumerate(items)}
    wins: Matrix = [[0.0] * len(items) for _ in items]
    for vote in cast:
        a, b = place[vote.a], place[vote.b]
        if a == b:
            raise ValueError(f"a vote of {vote.a!r} against itself")
        share = {"a": 1.0, "b": 0.0}.get(vote.outcome, 0.5)
        wins[a][b] += share
        wins[b][a] += 1.0 - share
    prior = 0.0 if _connected(wins) else _PRIOR
    values, errors = _fit(wins, prior)
    wide = NormalDist().inv_cdf((1 + confidence) / 2)
    ratings = [
        Rating(name, value, error, value - wide * error, value + wide * error, *_tally(cast, name))
        for name, value, error in zip(items, values, errors, strict=True)
    ]
    return Ranking(tuple(sorted(ratings, key=lambda rating: (-rating.value, rating.item))), prior)


def _tally(votes: Sequence[Vote], name: str) -> tuple[int, int, int, int]:
    wins = losses = ties = bad = 0
    for vote in votes:
        if name in (vote.a, vote.b):
            won = vote.outcome == ("a" if vote.a == name else "b")
            ties += vote.outcome == "tie"
            bad += vote.outcome == "bad"
            wins += won
            losses += vote.outcome in ("a", "b") and not won
    return wins, losses, ties, bad


def _connected(wins: Matrix) -> bool:
    """Whether every item is reached from every other along wins: exactly then the ratings are finite."""
    forward = [[other for other, count in enumerate(row) if count] for row in wins]
    backward = [[other for other in range(len(wins)) if wins[other][item]] for item in range(len(wins))]
    return all(len(_reached(edges)) == len(wins) for edges in (forward, backward))


def _reached(edges: Sequence[Sequence[int]]) -> set[int]:
    seen, todo = set[int](), [0] if edges else []
    while todo:
        item = todo.pop()
        if item not in seen:
            seen.add(item)
            todo += edges[item]
    return seen


def _fit(wins: Matrix, prior: float) -> tuple[list[float], list[float]]:
    """Ratings with mean 0, and their standard errors."""
    size = len(wins)
    values = [0.0] * size
    for _ in range(_STEPS):
        slope, information = _derivatives(wins, values, prior)
        step = _times(_spread(information, prior), slope)
        longest = max(map(abs, step), default=0.0)
        # Far from the maximum a whole step may overshoot.
        values = [value + item * min(1.0, 1.0 / (longest or 1.0)) for value, item in zip(values, step, strict=True)]
        if longest < 1e-12:
            break
    mean = sum(values) / size if size else 0.0
    _, information = _derivatives(wins, values, prior)
    spread = _spread(information, prior)
    means = [sum(row) / size for row in spread]
    # Of a rating less the mean of all, which with a prior has an error of its own.
    variances = [spread[item][item] - 2 * means[item] + sum(means) / size for item in range(size)]
    return [value - mean for value in values], [max(0.0, variance) ** 0.5 for variance in variances]


def _spread(information: Matrix, prior: float) -> Matrix:
    """The covariances of the ratings. A prior holds each of them, votes alone only their differences."""
    return _inverse(information if prior else _pinned(information))


def _derivatives(wins: Matrix, values: Sequence[float], prior: float) -> tuple[list[float], Matrix]:
    """Slope of the log likelihood, and its negative second derivative."""
    size = len(wins)
    slope = [0.0] * size
    information: Matrix = [[0.0] * size for _ in range(size)]
    for i in range(size):
        if prior:
            chance = _chance(values[i])
            slope[i] += prior - 2 * prior * chance
            information[i][i] += 2 * prior * chance * (1 - chance)
        for j in range(size):
            played = wins[i][j] + wins[j][i]
            if i == j or not played:
                continue
            chance = _chance(values[i] - values[j])
            slope[i] += wins[i][j] - played * chance
            weight = played * chance * (1 - chance)
            information[i][i] += weight
            information[i][j] -= weight
    return slope, information


def _chance(difference: float) -> float:
    return 1.0 / (1.0 + exp(-min(700.0, max(-700.0, difference))))


def _pinned(information: Matrix) -> Matrix:
    """With the constant direction added, a matrix of differences is one with an inverse."""
    size = len(information)
    return [[value + 1.0 / size for value in row] for row in information]


def _inverse(matrix: Matrix) -> Matrix:
    """Gauss-Jordan with the largest pivot."""
    size = len(matrix)
    rows = [[*row, *(float(i == j) for j in range(size))] for i, row in enumerate(matrix)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda item: abs(rows[item][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column][column]
        rows[column] = [value / head for value in rows[column]]
        for other in range(size):
            if other != column and (factor := rows[other][column]):
                rows[other] = [value - factor * top for value, top in zip(rows[other], rows[column], strict=True)]
    return [row[size:] for row in rows]


def _times(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    return [sum(value * item for value, item in zip(row, vector, strict=True)) for row in matrix]
