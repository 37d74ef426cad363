"""What ``workbench grid`` says on stderr: the plan with its cost, how far it is, and the summary; and its exit code."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.compare.prompts import prompt_name
from workbench.error import ExitCode
from workbench.service.grid_events import CellFailed, CellFinished, CellStarted, GridEvent, Totals
from workbench.service.grid_words import duration, estimate_lines, result_lines, unmade_lines

if TYPE_CHECKING:
    from workbench.cli.out import Talk
    from workbench.compare.state import CellState
    from workbench.service.grid import GridRun
    from workbench.service.grid_estimate import Estimate
    from workbench.service.grid_plan import Grid

# Without a terminal: a line at the first end, then not more often than this.
LINE_SECONDS = 10.0


def say_estimate(told: Estimate, grid: Grid, talk: Talk) -> None:
    """What it will cost, and how exactly it can be repeated."""
    for line in estimate_lines(told, grid, how="--param cold_cache=true"):
        talk.say(line)


class GridTalk:
    """A bar on a terminal, sparse lines elsewhere."""

    def __init__(self, talk: Talk, grid: Grid) -> None:
        self._talk = talk
        self._grid = grid
        self._model = ""
        self._due = 0.0
        self._totals = Totals(len(grid.cells))

    def show(self, event: GridEvent) -> None:
        """Say what is worth saying of one event."""
        if isinstance(event, CellStarted):
            self._model = self._grid.cells[event.number].state.model
        elif isinstance(event, CellFailed):
            told = [f"{name} = {value}" for name, value in event.state.cell.axes.items()]
            told += [f"prompt {prompt_name(event.state)}"] if event.state.cell.prompt >= 0 else []
            values = ", ".join(told)
            first = event.state.error.partition("\n")[0]
            self._talk.error(f"failed: {values or 'the run'}: {first}")
        elif isinstance(event, CellFinished) and event.state.problem:
            self._talk.error(f"workbench: {event.state.problem}")
        elif isinstance(event, Totals):
            self._totals = event
            self._progress(event)

    def _progress(self, totals: Totals) -> None:
        ended = totals.done + totals.failed
        if self._talk.tty:
            self._talk.bar(_progress_text(totals, self._model), ended, totals.planned)
        elif totals.left and ended > totals.reused and time.monotonic() >= self._due:
            self._due = time.monotonic() + LINE_SECONDS
            self._talk.say(f"{ended} of {totals.planned}  {_progress_text(totals, self._model)}")

    def end(self, run: GridRun) -> None:
        """The summary: counts, where it is, rates and means, how exactly it can be repeated."""
        totals = run.totals
        self._talk.clear_bar()
        parts = [f"{totals.done} of {totals.planned} done"]
        for count, what in ((totals.reused, "from disk"), (totals.failed, "failed"), (totals.left, "not run")):
            if count:
                parts.append(f"{count} {what}")
        if totals.tokens_out and totals.seconds > 0:
            parts.append(f"{totals.tokens_out} tokens, {totals.tokens_per_s:.1f} tokens/s")
            parts.append(duration(totals.seconds))
        self._talk.say(", ".join(parts))
        if totals.tokens_cached:
            self._talk.say(f"{totals.tokens_in - totals.tokens_cached} of {totals.tokens_in} prompt tokens were read")
        for line in result_lines(run.grid.states):
            self._talk.say(line)
        for line in unmade_lines(run.grid.states):
            self._talk.error(line)
        if run.session is not None and run.group is not None:
            self._talk.say(f"session {run.session.dir.name}, group {run.group.id}")
        if flags := _what_is_left(run.grid.states):
            self._talk.say(f"'workbench grid {self._grid.spec.document.path} {flags}' runs what is left")


def _what_is_left(states: Sequence[CellState]) -> str:
    """The options that run it: a failed run has a record, a cell that was not tried has none."""
    errors = any(state.status == "failed" and state.run_id for state in states)
    missing = any(not state.ended or (state.status == "failed" and not state.run_id) for state in states)
    return " ".join(["--resume"] * missing + ["--retry-errors"] * errors)


def _progress_text(totals: Totals, model: str) -> str:
    parts = [model] if model else []
    if totals.tokens_per_s:
        parts.append(f"{totals.tokens_per_s:.1f} tokens/s")
    if totals.seconds_left:
        parts.append(f"{duration(totals.seconds_left)} left")
    if totals.failed:
        parts.append(f"{totals.failed} failed")
    return ", ".join(parts)


def exit_code(states: Sequence[CellState], *, stopped: bool) -> ExitCode:
    """Stopped, then errors, then what is not on disk, then failed cells, then checks that could not be made."""
    if stopped:
        return ExitCode.CANCELLED
    if any(state.status == "failed" for state in states):
        return ExitCode.ENGINE
    if any(state.problem for state in states):
        return ExitCode.STORAGE
    verdicts = [state.passed for state in states if state.judged]
    if False in verdicts:
        return ExitCode.DIFFERS
    return ExitCode.USAGE if None in verdicts else ExitCode.OK
