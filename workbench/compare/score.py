"""Many scored runs together: rates for each check and along each axis, and where a person's rating decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.compare.check import CheckResult, Score
from workbench.compare.stats import Mean, Rate, mean_spread, rate_of, rates_by_axis

# Of 1 to 5; from here on a rated run passes.
PASSING_RATING = 3


@dataclass(frozen=True)
class Scored:
    """One run with its checks. ``rating`` is a person's, 1 to 5, 0 for none; ``cell`` its values by axis.

    ``draw`` is the same for runs with one prompt, model, seed and text, which count once.
    """

    run: str
    results: tuple[CheckResult, ...]
    checks: Score
    rating: int = 0
    cell: Mapping[str, Any] = field(default_factory=dict)
    draw: str = ""

    @property
    def verdict(self) -> Score:
        """The rating, where there is one; it goes before all checks. Else what the checks say."""
        if self.rating:
            return Score(self.rating >= PASSING_RATING, (self.rating - 1) / 4)
        return self.checks


@dataclass(frozen=True)
class Summary:
    """``checks`` by label; ``axes`` by axis and value, of the verdicts. ``value`` is None without runs."""

    verdicts: Rate
    checks: Mapping[str, Rate]
    axes: Mapping[str, Mapping[str, Rate]]
    value: Mean | None
    rated: int

    @property
    def failed(self) -> bool:
        """Whether any run failed."""
        return self.verdicts.passes < self.verdicts.n

    @property
    def open(self) -> bool:
        """Whether some check could not be made, and no rating decides."""
        return bool(self.verdicts.unknown)


def summarise(rows: Sequence[Scored]) -> Summary:
    """Rates of all rows together; each with its interval when it is printed. The same draw counts once."""
    rated = sum(bool(row.rating) for row in rows)
    draws: dict[object, Scored] = {}
    for place, row in enumerate(rows):
        verdicts = (row.verdict.passed, *(result.passed for result in row.results))
        draws.setdefault((row.draw, verdicts) if row.draw else place, row)
    rows = list(draws.values())
    found: dict[str, list[bool | None]] = {}
    for row in rows:
        for result in row.results:
            found.setdefault(result.name, []).append(result.passed)
    return Summary(
        verdicts=rate_of(row.verdict.passed for row in rows),
        checks={name: rate_of(verdicts) for name, verdicts in found.items()},
        axes=rates_by_axis((row.cell, row.verdict.passed) for row in rows),
        value=mean_spread([row.verdict.value for row in rows]) if rows else None,
        rated=rated,
    )
