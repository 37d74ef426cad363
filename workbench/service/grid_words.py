"""A grid in words, the same for both faces: what it will cost, how exactly it can be repeated, what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.display import counted

if TYPE_CHECKING:
    from workbench.compare.state import CellState
    from workbench.service.grid_estimate import Estimate
    from workbench.service.grid_plan import Grid
    from workbench.service.grid_sums import Sums

# More lines than this for one axis are no summary.
_MOST_VALUES = 24


def duration(seconds: float) -> str:
    """``40 s``, ``3 min``, ``2 h 10 min``."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def estimate_lines(told: Estimate, grid: Grid, *, how: str) -> list[str]:
    """Runs, what is on disk, tokens, time; how exactly it can be repeated. ``how`` has every prompt read anew."""
    lines = [told.sentence]
    if told.to_run:
        about = "at most " if told.most else "about "
        time_told = f"{about}{duration(told.seconds)}" if told.seconds is not None else "time unknown"
        lines.append(f"{time_told} ({told.seconds_basis})")
        lines.append(
            "every prompt is read anew: runs can be repeated exactly"
            if told.cold
            else "shared beginnings of prompts are read once: such runs are marked as likely to repeat, not exactly; "
            f"{how} reads every prompt anew"
        )
    return lines + [f"note: {notice}" for notice in grid.notices]


def unmade_lines(states: Sequence[CellState]) -> list[str]:
    """Each reason why a check could not be made, once."""
    told: dict[tuple[str, str], int] = {}
    for state in states:
        for check in state.checks:
            if check.passed is None and check.error:
                told[check.name, check.error] = told.get((check.name, check.error), 0) + 1
    return [f"{name} could not be made ({count} times): {why}" for (name, why), count in told.items()]


def result_lines(states: Sequence[CellState]) -> list[str]:
    """What came of it: ``contains=London: 7/9 (45-94 %)`` for each check, the verdicts of all together, and the means.

    Indented below each stand the values of each axis with more than one.
    """
    from workbench.service.grid_sums import grid_sums

    sums = grid_sums(states)
    named: dict[str, Sums[Any]] = dict(sums.checks)
    rated = f", {counted(sums.rated, 'run')} rated by hand" if sums.rated else ""
    if sums.passed.whole is not None and (len(sums.checks) > 1 or sums.rated):
        named[f"{'all checks' if sums.checks else 'passed'}{rated}"] = sums.passed
    named |= {f"{name}, mean ± sd": found for name, found in sums.means.items()}
    lines = []
    if sums.alike and named:
        lines.append(f"same seed, same text: {counted(sums.alike, 'repeat')} counted once with another")
    for name, found in named.items():
        lines.append(f"{name}: {found.whole}")
        for axis, values in found.axes.items():
            if len(values) > _MOST_VALUES:
                lines.append(f"  {axis}: {len(values)} values, each in --format json")
            elif len(values) > 1:
                lines += [f"  {axis} = {value}: {told}" for value, told in values.items()]
    return lines
