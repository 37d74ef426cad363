"""Which runs are evidence of their own: the same seed again and again gives one text, and one text is one draw."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.compare.state import CellState
from workbench.compare.stats import Rate, rate_of


def distinct_draws(states: Sequence[CellState]) -> list[CellState]:
    """Without repeats of a cell that drew with the same seed, said the same and were judged alike.

    Repeats that differ all the same are draws of their own, and so are all of an engine that takes no seed.
    """
    found: dict[object, CellState] = {}
    for state in states:
        where = (*state.cell.where, state.cell.prompt, state.seed, state.text)
        verdicts = (state.passed, *(check.passed for check in state.checks))
        known = state.status == "done" and state.seed is not None and state.repro != "none"
        found.setdefault((where, verdicts) if known else state.number, state)
    return list(found.values())


def draws_rate(states: Sequence[CellState]) -> Rate:
    """Of the verdicts of what was checked or rated, each draw once."""
    return rate_of(state.passed for state in distinct_draws(states) if state.judged)
