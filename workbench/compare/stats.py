"""What repeats tell: rates with Wilson intervals, means with their spread, and both along an axis.

A rate is never shown as a bare percentage: ``7/9 (45-94 %)`` says how much it is worth. Sources: Wilson, "Probable
inference", JASA 22 (1927), for the interval without continuity correction; Student's t for the mean of few numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, inf, lgamma, log, sqrt
from statistics import NormalDist, fmean, median, stdev
from typing import TypeVar

from workbench.compare.ranking import Ranking, Rating, Vote, bradley_terry

__all__ = [
    "Mean",
    "Ranking",
    "Rate",
    "Rating",
    "Vote",
    "bradley_terry",
    "mean_spread",
    "mean_text",
    "means_by_axis",
    "rate_of",
    "rate_text",
    "rates_by_axis",
    "wilson",
]


def wilson(passes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Bounds of the true rate, each 0 to 1; ``(0, 1)`` when nothing was tried. Raises ValueError."""
    if not 0 <= passes <= n:
        raise ValueError(f"{passes} of {n} is no rate")
    if not n:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, square = passes / n, z * z
    centre = (rate + square / (2 * n)) / (1 + square / n)
    half = z / (1 + square / n) * sqrt(rate * (1 - rate) / n + square / (4 * n * n))
    low = 0.0 if passes == 0 else max(0.0, centre - half)
    high = 1.0 if passes == n else min(1.0, centre + half)
    return low, high


@dataclass(frozen=True, slots=True)
class Rate:
    """``passes`` of ``n``; what could not be checked is in neither, ``unknown`` counts it."""

    passes: int
    n: int
    unknown: int = 0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.passes, self.n)

    def __str__(self) -> str:
        told = rate_text(self.passes, self.n)
        return f"{told}, {self.unknown} not checked" if self.unknown else told


def rate_text(passes: int, n: int, confidence: float = 0.95) -> str:
    """``7/9 (45-94 %)``; ``0/0`` when nothing was tried."""
    if not n:
        return "0/0"
    low, high = wilson(passes, n, confidence)
    # So many digits that the bounds do not read as one number: a rate of 1 in 100,000 is not exactly 0.
    digits = next(
        digits for digits in range(20) if f"{low * 100:.{digits}f}" != f"{high * 100:.{digits}f}" or low == high
    )
    return f"{passes}/{n} ({low * 100:.{digits}f}-{high * 100:.{digits}f} %)"


def rate_of(verdicts: Iterable[bool | None]) -> Rate:
    """The rate of checks that were made."""
    known = list(verdicts)
    made = [verdict for verdict in known if verdict is not None]
    return Rate(sum(made), len(made), len(known) - len(made))


@dataclass(frozen=True, slots=True)
class Mean:
    """``low`` and ``high`` bound the true mean; with one value they are infinitely wide. ``sd`` divides by n - 1."""

    n: int
    mean: float
    sd: float
    low: float
    high: float
    median: float

    def __str__(self) -> str:
        return mean_text(self)


def mean_spread(values: Sequence[float], confidence: float = 0.95) -> Mean:
    """Raises ValueError without values."""
    count = len(values)
    if not count:
        raise ValueError("no values")
    mean, middle = fmean(values), float(median(values))
    if count == 1:
        return Mean(1, mean, 0.0, -inf, inf, middle)
    deviation = stdev(values)
    half = student(count - 1, confidence) * deviation / sqrt(count)
    return Mean(count, mean, deviation, mean - half, mean + half, middle)


def mean_text(mean: Mean, digits: int = 1) -> str:
    """``41.3 ± 2.1 (n = 9)``, where the second number is the standard deviation."""
    if mean.n == 1:
        return f"{mean.mean:.{digits}f} (n = 1)"
    return f"{mean.mean:.{digits}f} ± {mean.sd:.{digits}f} (n = {mean.n})"


@lru_cache(maxsize=256)
def student(freedom: int, confidence: float = 0.95) -> float:
    """The two-sided quantile of Student's t: by bisection of its distribution."""
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        inside = 1.0 - _beta(freedom / 2, 0.5, freedom / (freedom + middle * middle))
        low, high = (middle, high) if inside < confidence else (low, middle)
    return (low + high) / 2


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function (DLMF 8.17.22, its continued fraction by Lentz's method)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _beta(b, a, 1 - x)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x)) / a
    c, d, fraction = 1.0, 0.0, 1.0
    for step in range(400):
        half = step // 2
        if step == 0:
            term = 1.0
        elif step % 2 == 0:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        else:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        d = 1.0 / ((1.0 + term * d) or 1e-300)
        c = (1.0 + term / c) or 1e-300
        fraction *= c * d
        if step and abs(c * d - 1.0) < 1e-15:
            break
    return front * (fraction - 1.0)


def rates_by_axis(rows: Iterable[tuple[Mapping[str, object], bool | None]]) -> dict[str, dict[str, Rate]]:
    """For each axis, for each of its values, how many rows that had it passed; in the order they first come."""
    return {
        axis: {value: rate_of(verdicts) for value, verdicts in values.items()}
        for axis, values in _by_axis(rows).items()
    }


def means_by_axis(rows: Iterable[tuple[Mapping[str, object], float]]) -> dict[str, dict[str, Mean]]:
    """The same for numbers."""
    return {
        axis: {value: mean_spread(numbers) for value, numbers in values.items()}
        for axis, values in _by_axis(rows).items()
    }


_T = TypeVar("_T")


def _by_axis(rows: Iterable[tuple[Mapping[str, object], _T]]) -> dict[str, dict[str, list[_T]]]:
    found: dict[str, dict[str, list[_T]]] = {}
    for cell, item in rows:
        for axis, value in cell.items():
            found.setdefault(axis, {}).setdefault(str(value), []).append(item)
    return found
