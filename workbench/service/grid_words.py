"""A grid in words, the same for both faces: what it will cost, how exactly it can be repeated, what its checks say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.compare.state import CellState
    from workbench.service.grid_estimate import Estimate
    from workbench.service.grid_plan import Grid


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


def check_lines(states: Sequence[CellState]) -> list[str]:
    """``contains=London: 7/9 (45-94 %)`` for each check, then for each value of each axis with more than one."""
    from workbench.compare.stats import rate_of, rates_by_axis

    names = list(dict.fromkeys(check.name for state in states for check in state.checks))
    lines = []
    for name in names:
        lines.append(f"{name}: {rate_of([c.passed for s in states for c in s.checks if c.name == name])}")
    rows = [(s.cell.axes, s.passed) for s in states if s.checks]
    for axis, values in rates_by_axis(rows).items():
        if len(values) > 1:
            lines += [f"  {axis} = {value}: {rate}" for value, rate in values.items()]
    return lines
