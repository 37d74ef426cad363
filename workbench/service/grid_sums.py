"""Rates and means of a grid, of all runs and for each value of each axis: the numbers behind all of its summaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Generic, TypeVar

from workbench.compare.draws import distinct_draws
from workbench.compare.state import CellState
from workbench.compare.stats import Mean, Rate, mean_spread, means_by_axis, rate_of, rates_by_axis

MEANS = ("tokens_out", "tokens_per_s")
T = TypeVar("T", Rate, Mean)
Row = tuple[Mapping[str, object], bool | None]


@dataclass(frozen=True)
class Sums(Generic[T]):
    """``whole`` of all runs, None without any; ``axes`` by axis and value."""

    whole: T | None
    axes: Mapping[str, Mapping[str, T]]


@dataclass(frozen=True)
class GridSums:
    """``checks`` by name, as they came out; ``passed`` are the verdicts, where a rating goes before the checks.

    ``alike`` runs count once with another: the same seed gave the same text, which is no further evidence.
    """

    checks: Mapping[str, Sums[Rate]]
    passed: Sums[Rate]
    means: Mapping[str, Sums[Mean]]
    rated: int
    alike: int = 0


def grid_sums(states: Sequence[CellState]) -> GridSums:
    """As the cells stand now."""
    drawn = distinct_draws(states)
    checks: dict[str, list[Row]] = {}
    for state in drawn:
        for check in state.checks:
            checks.setdefault(check.name, []).append((state.cell.axes, check.passed))
    means = {}
    for name in MEANS:
        # Each run has a speed of its own; the same text has as many tokens each time.
        measured = states if name == "tokens_per_s" else drawn
        rows = [(state.cell.axes, value) for state in measured if (value := state.metric(name)) is not None]
        if rows:
            means[name] = Sums(mean_spread([value for _, value in rows]), means_by_axis(rows))
    return GridSums(
        {name: _rates(rows) for name, rows in checks.items()},
        _rates((state.cell.axes, state.passed) for state in drawn if state.judged),
        means,
        sum(bool(state.rating) for state in states),
        len(states) - len(drawn),
    )


def _rates(rows: Iterable[Row]) -> Sums[Rate]:
    known = list(rows)
    return Sums(rate_of(passed for _, passed in known) if known else None, rates_by_axis(known))


def sums_record(sums: Sums[Any]) -> dict[str, Any] | None:
    """The JSON form: the numbers of all runs, and in ``axes`` those of each value."""
    if sums.whole is None:
        return None
    axes = {axis: {value: _record(found) for value, found in values.items()} for axis, values in sums.axes.items()}
    return {**_record(sums.whole), "axes": axes}


def _record(found: Rate | Mean) -> dict[str, Any]:
    if isinstance(found, Rate):
        return {"passes": found.passes, "n": found.n, "unknown": found.unknown, "interval": list(found.interval)}
    # JSON has no infinity: one value bounds nothing.
    interval = [found.low, found.high] if isfinite(found.low) else None
    return {"n": found.n, "mean": found.mean, "sd": found.sd, "median": found.median, "interval": interval}
