"""The results of a grid on stdout or in a file: a table, CSV, JSON, JSON lines; pages and JUnit have their own modules.

Keys and columns are stable. JSON lines come as cells end; everything else at the end.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.service.grid_check import LATER
from workbench.service.grid_events import CellChecked, CellFailed, CellFinished, GridEvent

if TYPE_CHECKING:
    from workbench.cli.out import Console
    from workbench.compare.state import CellState
    from workbench.service.grid import GridRun
    from workbench.service.grid_plan import Grid

_TEXT_CELLS = 60
RUN_COLUMNS = (
    "status", "reused", "model", "engine", "seed", "repro", "tokens_in", "tokens_cached", "tokens_out", "ms_first",
    "ms_total", "finish_reason", "passed", "session", "run", "error", "text",
)  # fmt: skip


class Writer:
    """One format to one place. Raises StorageError when the file cannot be written, OutputClosed as stdout does."""

    def __init__(self, form: str, output: str, console: Console) -> None:
        self._form = form
        self._output = output
        self._console = console
        self._lines: list[str] = []
        self._waiting: dict[int, CellState] = {}

    def take(self, event: GridEvent, grid: Grid) -> None:
        """JSON lines as they come, with all checks made."""
        if self._form != "jsonl" or not isinstance(event, CellFinished | CellFailed | CellChecked):
            return
        state = event.state
        if isinstance(event, CellFinished) and any(check.error == LATER for check in state.checks):
            self._waiting[event.number] = state
        else:
            self._waiting.pop(event.number, None)
            self._line(state)

    def _line(self, state: CellState) -> None:
        if self._output:
            self._lines.append(_json(cell_record(state)))
        else:
            self._console.out.json(cell_record(state))

    def end(self, grid: Grid, run: GridRun) -> None:
        """Everything else; lines whose checks were never made."""
        for state in self._waiting.values():
            self._line(state)
        if self._form == "table" and not self._output:
            self._console.out.table(table_rows(grid))
            return
        text = (
            "".join(f"{line}\n" for line in self._lines)
            if self._form == "jsonl"
            else result_text(self._form, grid, run)
        )
        if self._output:
            from workbench.textio import atomic_write

            atomic_write(Path(self._output), text)
            self._console.talk.say(f"written to {self._output}")
        elif text:
            self._console.out.text(text)
            self._console.out.end_line()


def result_text(form: str, grid: Grid, run: GridRun) -> str:
    """The whole grid in any format but JSON lines."""
    if form == "json":
        return _json(grid_record(grid, run), indent=2) + "\n"
    if form == "csv":
        return csv_text(grid)
    if form == "table":
        return "".join("\t".join(row) + "\n" for row in table_rows(grid))
    if form == "junit":
        from workbench.cli.grid_out_junit import junit_text

        return junit_text(grid, run)
    from workbench.cli.grid_out_page import html_text, md_text

    return md_text(grid, run) if form == "md" else html_text(grid, run)


def _json(value: Any, indent: int | None = None) -> str:
    """Readable; ASCII only where a lone surrogate makes it necessary."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return json.dumps(value, indent=indent) if re.search("[\ud800-\udfff]", text) else text


def cell_record(state: CellState) -> dict[str, Any]:
    """The JSON form of one cell; ``passed`` is null without a verdict."""
    return {
        "cell": {**state.cell.record, "key": state.cell.key},
        "status": state.status,
        "reused": state.reused,
        "model": state.model,
        "engine": state.engine,
        "seed": state.seed,
        "repro": state.repro,
        "note": state.note,
        "text": state.text,
        "sha256": state.sha256,
        "finish_reason": state.finish_reason,
        "tokens_in": state.tokens_in,
        "tokens_cached": state.tokens_cached,
        "tokens_out": state.tokens_out,
        "ms_load": state.ms_load,
        "ms_first": state.ms_first,
        "ms_total": state.ms_total,
        "error": state.error or None,
        "passed": state.passed,
        "checks": [
            {"name": c.name, "passed": c.passed, "score": c.score, "detail": c.detail, "error": c.error or None}
            for c in state.checks
        ],
        "session": state.session or None,
        "run": state.run_id or None,
    }


def grid_record(grid: Grid, run: GridRun) -> dict[str, Any]:
    """The JSON form of the whole grid."""
    from dataclasses import asdict

    from workbench.compare.stats import rate_of

    states = grid.states
    rates = {}
    for name in dict.fromkeys(check.name for state in states for check in state.checks):
        rate = rate_of([check.passed for state in states for check in state.checks if check.name == name])
        rates[name] = {"passes": rate.passes, "n": rate.n, "unknown": rate.unknown, "interval": list(rate.interval)}
    return {
        "template": grid.spec.document.path,
        "session": run.session.dir.name if run.session is not None else None,
        "group": run.group.id if run.group is not None else None,
        "axes": [
            {"targets": list(axis.targets), "values": [list(row) for row in axis.rows]} for axis in grid.plan.axes
        ],
        "repeats": grid.plan.repeats,
        "count": grid.plan.count,
        "cache": "cold" if grid.cold else "warm",
        "totals": asdict(run.totals),
        "checks": rates,
        "cells": [cell_record(state) for state in states],
    }


def axis_columns(grid: Grid) -> list[str]:
    return [target for axis in grid.plan.axes for target in axis.targets]


def csv_text(grid: Grid) -> str:
    """One row a run: a column for each axis, ``prompt`` when there are several, ``repeat``, the run, each check."""
    axes = axis_columns(grid)
    prompt = ["prompt"] if grid.plan.several_prompts else []
    checks = list(dict.fromkeys(check.name for state in grid.states for check in state.checks))
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow([*axes, *prompt, "repeat", *RUN_COLUMNS, *(f"check: {name}" for name in checks)])
    for state in grid.states:
        record = cell_record(state)
        verdicts = {check.name: _verdict(check.passed) for check in state.checks}
        rows.writerow(
            [
                *(state.cell.axes.get(name, "") for name in axes),
                *([state.cell.prompt] if prompt else []),
                state.cell.repeat,
                *(_plain(record[name]) for name in RUN_COLUMNS),
                *(verdicts.get(name, "") for name in checks),
            ]
        )
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    if value is None:
        return ""
    return _verdict(value) if isinstance(value, bool) else value


def _verdict(passed: bool | None) -> str:
    return {True: "yes", False: "no", None: ""}[passed]


def table_rows(grid: Grid) -> list[list[str]]:
    """A row for each cell, repeats stacked: equal texts are counted, the most frequent one is shown."""
    from workbench.compare.stats import rate_of
    from workbench.compare.table import GridTable

    table = GridTable(grid.plan, grid.states)
    view = table.view()
    view = view.pivoted(sorted((*view.columns, *view.rows)), [])
    layout = table.layout(view)
    checked = any(state.checks for state in grid.states)
    heading = [table.dimensions[axis].name for axis in view.rows]
    rows = [[*heading, "runs", "status", *(["checks"] if checked else []), "tokens", "tokens/s", "text"]]
    for number, place in enumerate(layout.rows):
        stack = table.stack(layout, number, 0)
        if not stack.states:
            continue
        texts = stack.texts
        rows.append(
            [
                *table.labels(view.rows, place),
                str(len(stack.states)),
                _status(stack.status, stack.states),
                *([str(rate_of(stack.verdicts))] if checked else []),
                _number(stack.metric("tokens_out"), 0),
                _number(stack.metric("tokens_per_s"), 1),
                _stacked(texts, stack.states),
            ]
        )
    return rows


def _status(status: str, states: Sequence[CellState]) -> str:
    reused = sum(state.reused for state in states)
    return f"{status} ({reused} from disk)" if reused else status


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _stacked(texts: list[tuple[str, int, CellState]], states: Sequence[CellState]) -> str:
    if not texts:
        return next((state.error.partition("\n")[0] for state in states if state.error), "")
    text, count, _ = texts[0]
    shown = " ".join(text[:400].split())
    shown = shown if len(shown) <= _TEXT_CELLS else shown[: _TEXT_CELLS - 1] + "…"
    if len(states) == 1:
        return shown
    more = f", {len(texts)} different" if len(texts) > 1 else ""
    return f"{count}x{more}: {shown}"
