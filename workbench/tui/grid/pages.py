"""What is read beside the table: one cell with its prompt, output and checks, and the rates of the whole grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from workbench.compare.check import CheckResult, Score
from workbench.compare.nway import nway
from workbench.compare.prompts import prompt_name
from workbench.compare.score import Scored, summarise
from workbench.compare.state import CellState
from workbench.compare.stats import means_by_axis
from workbench.error import WorkbenchError
from workbench.tui.grid.live import GridLive
from workbench.tui.grid.rows import GridRows, Marks

_VERDICTS = {True: "pass", False: "FAIL", None: "not made"}


class Stretch(NamedTuple):
    """A part of a page that is set off."""

    start: int
    end: int
    kind: str


def cell_text(live: GridLive, state: CellState, place: int, of: int) -> str:
    """Values, figures, checks, prompt and output of one run. Blocking where the run must be read from disk."""
    prompt, marks = _prompt(live, state), live.marks(state)
    lines = [f"{target} = {value}" for target, value in state.cell.axes.items()]
    if state.cell.prompt >= 0:
        lines.append(f"prompt {prompt_name(state)}")
    lines.append(f"run {place + 1} of {of}, repeat {state.cell.repeat}" if of > 1 else f"repeat {state.cell.repeat}")
    lines.append(f"{state.model}, {state.engine}, {_status(state)}")
    if state.ended:
        lines.append(
            f"{state.tokens_in} in, {state.tokens_out} out, first {state.ms_first / 1000:.2f} s, "
            f"seed {'none' if state.seed is None else state.seed}, repeatable: {state.repro}"
        )
    lines += [state.note] if state.note else []
    lines += [f"rated {marks['rating']} of 5"] if marks.get("rating") else []
    lines += ["starred"] if marks.get("star") else []
    lines += [f"note: {marks['note']}"] if marks.get("note") else []
    lines += [text for text in (state.error, state.problem) if text]
    checks = ["", "-- checks --", *map(_check, state.checks)] if state.checks else []
    return "\n".join([*lines, *checks, "", "-- prompt --", prompt, "", "-- output --", state.text])


def _prompt(live: GridLive, state: CellState) -> str:
    """As people read it from its record; of a run that goes on, as the model reads it."""
    if state.session and state.run_id and state.status != "running":
        try:
            return live.record(state).request.prompt.plain
        except WorkbenchError as error:
            return live.prompt(state) or str(error)
    return live.prompt(state)


def _status(state: CellState) -> str:
    status = f"{state.status} ({state.finish_reason})" if state.finish_reason else state.status
    return f"{status}, from disk" if state.reused else status


def _check(check: CheckResult) -> str:
    told = check.error or check.detail
    line = f"{_VERDICTS[check.passed]}: {check.name}"
    line += f", score {check.score:.2f}" if check.passed is not None and check.score not in (0.0, 1.0) else ""
    return f"{line} ({told})" if told else line


def rates_text(states: Sequence[CellState], marks: Marks) -> str:
    """Rates with their intervals, of all runs, of each check and of each value of each axis; means of the numbers."""
    ended = [state for state in states if state.ended]
    rows = list(_scored(ended, marks))
    lines = [f"{len(ended)} of {len(states)} runs have ended"]
    if rows:
        found = summarise(rows)
        lines += ["", f"passed: {found.verdicts}" + (f", {found.rated} rated by hand" if found.rated else "")]
        lines += [f"{name}: {rate}" for name, rate in found.checks.items()]
        lines += ["", "Passed, by axis"] if any(len(values) > 1 for values in found.axes.values()) else []
        for axis, values in found.axes.items():
            if len(values) > 1:
                lines += [f"  {axis} = {value}: {rate}" for value, rate in values.items()]
        lines += ["", "A rate stands with its 95 % Wilson interval. A rating goes before all checks: 3 or more passes."]
    else:
        lines += ["", "No run was checked or rated."]
    for name in ("tokens_out", "tokens_per_s"):
        means = means_by_axis((s.cell.axes, value) for s in ended if (value := s.metric(name)) is not None)
        if told := [f"  {a} = {v}: {m}" for a, values in means.items() if len(values) > 1 for v, m in values.items()]:
            lines += ["", f"{name}, mean and spread", *told]
    return "\n".join(lines)


def _scored(states: Sequence[CellState], marks: Marks) -> Iterator[Scored]:
    """The runs that were checked or rated."""
    for state in states:
        mine: Mapping[str, Any] = marks(state)
        rating = int(mine.get("rating") or 0)
        if state.checks or rating:
            made = [check.score for check in state.checks if check.passed is not None]
            value = sum(made) / len(made) if made else 0.0
            yield Scored(state.run_id, state.checks, Score(state.passed, value), rating, state.cell.axes)


def row_page(rows: GridRows, row: int) -> tuple[str, list[Stretch]]:
    """All outputs of a row: equal ones once, and in braces what not all of them have. Blocking: texts are aligned."""
    names, texts = [], []
    for column in range(rows.shape[1]):
        for state in rows.stack(row, column).states:
            if state.status == "done":
                names.append(f"{rows.column_head(column)} ({state.cell.repeat})")
                texts.append(state.text)
    head = ", ".join(filter(None, rows.row_head(row))) or "all"
    if not texts:
        return f"{head}\n\nNothing has ended in this row yet.", []
    found = nway(texts)
    told = "all are the same" if found.parts_at is None else f"they part at character {found.parts_at + 1}"
    parts = [f"{head}\n{len(texts)} runs, {len(found.stacks)} different; {told}, {found.agreement:.2f} in common"]
    marks: list[Stretch] = []
    place = len(parts[0])
    for stack in found.stacks:
        title = f"\n\n-- x{stack.count}: {', '.join(names[member] for member in stack.members)} --\n"
        pieces = [title]
        place += len(title)
        for span in stack.spans:
            text = span.text if span.kind == "agree" else f"{{{span.text}}}"
            if span.kind == "part":
                marks.append(Stretch(place, place + len(text), "pick"))
            pieces.append(text)
            place += len(text)
        parts += pieces
    return "".join(parts), marks
