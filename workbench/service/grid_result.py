"""The result of a grid as text: a table, CSV, JSON, JSON lines; pages and JUnit have their own modules.

Keys and columns are stable. It may be a grid that has just run or one that was read from disk.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.compare.plan import GridPlan
    from workbench.compare.state import CellState
    from workbench.service.grid import GridRun
    from workbench.service.grid_events import Totals
    from workbench.service.grid_plan import Grid

_TEXT_CELLS = 60
RUN_COLUMNS = (
    "status", "reused", "model", "engine", "seed", "repro", "tokens_in", "tokens_cached", "tokens_out", "ms_first",
    "ms_total", "finish_reason", "passed", "rating", "star", "remark", "session", "run", "error", "prompt_text",
    "text",
)  # fmt: skip


@dataclass(frozen=True)
class GridResult:
    """What the writers need. ``session`` is a folder's name, ``group`` an id; empty while nothing is on disk."""

    template: str
    title: str
    plan: GridPlan
    states: Sequence[CellState]
    totals: Totals
    cold: bool
    session: str = ""
    group: str = ""


def result_of(grid: Grid, run: GridRun) -> GridResult:
    """Of a grid that runs or has run."""
    document = grid.spec.document
    return GridResult(
        document.path,
        document.header.title or document.path,
        grid.plan,
        grid.states,
        run.totals,
        grid.cold,
        run.session.dir.name if run.session is not None else "",
        run.group.id if run.group is not None else "",
    )


def result_text(form: str, result: GridResult) -> str:
    """The whole grid in any format."""
    if form == "json":
        return json_text(grid_record(result), indent=2) + "\n"
    if form == "jsonl":
        return "".join(json_text(cell_record(state)) + "\n" for state in result.states)
    if form == "csv":
        return csv_text(result)
    if form == "table":
        return "".join("\t".join(row) + "\n" for row in table_rows(result))
    if form == "junit":
        from workbench.service.grid_junit import junit_text

        return junit_text(result)
    from workbench.service.grid_page import html_text, md_text

    return md_text(result) if form == "md" else html_text(result)


def json_text(value: Any, indent: int | None = None) -> str:
    """Readable; ASCII only where a lone surrogate makes it necessary."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return json.dumps(value, indent=indent) if re.search("[\ud800-\udfff]", text) else text


def cell_record(state: CellState) -> dict[str, Any]:
    """The JSON form of one cell; ``passed`` is null without a verdict, ``remark`` a person's note."""
    return {
        "cell": {**state.cell.record, "key": state.cell.key},
        "status": state.status,
        "reused": state.reused,
        "model": state.model,
        "engine": state.engine,
        "seed": state.seed,
        "repro": state.repro,
        "note": state.note,
        "picked": list(state.picked),
        "prompt_text": state.prompt_text or None,
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
        "rating": state.rating or None,
        "star": state.star,
        "remark": state.remark or None,
        "checks": [
            {"name": c.name, "passed": c.passed, "score": c.score, "detail": c.detail, "error": c.error or None}
            for c in state.checks
        ],
        "session": state.session or None,
        "run": state.run_id or None,
    }


def grid_record(result: GridResult) -> dict[str, Any]:
    """The JSON form of the whole grid."""
    from dataclasses import asdict

    from workbench.service.grid_sums import grid_sums, sums_record

    states = result.states
    sums = grid_sums(states)
    return {
        "template": result.template,
        "session": result.session or None,
        "group": result.group or None,
        "axes": [
            {"targets": list(axis.targets), "values": [list(row) for row in axis.rows]} for axis in result.plan.axes
        ],
        "repeats": result.plan.repeats,
        "count": result.plan.count,
        "cache": "cold" if result.cold else "warm",
        "totals": asdict(result.totals),
        "checks": {name: sums_record(found) for name, found in sums.checks.items()},
        "passed": sums_record(sums.passed),
        "rated": sums.rated,
        "means": {name: sums_record(found) for name, found in sums.means.items()},
        "cells": [cell_record(state) for state in states],
    }


def axis_columns(result: GridResult) -> list[str]:
    return [target for axis in result.plan.axes for target in axis.targets]


def csv_text(result: GridResult) -> str:
    """One row a run: a column for each axis, which prompt if there are several, ``repeat``, the run, each check."""
    axes = axis_columns(result)
    prompt = ["prompt", "picked"] if result.plan.several_prompts else []
    checks = list(dict.fromkeys(check.name for state in result.states for check in state.checks))
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow([*axes, *prompt, "repeat", *RUN_COLUMNS, *(f"check: {name}" for name in checks)])
    for state in result.states:
        record = cell_record(state)
        verdicts = {check.name: _verdict(check.passed) for check in state.checks}
        rows.writerow(
            [
                *(state.cell.axes.get(name, "") for name in axes),
                *([state.cell.prompt, ", ".join(state.picked)] if prompt else []),
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


def table_rows(result: GridResult) -> list[list[str]]:
    """A row for each cell, repeats stacked: equal texts are counted, the most frequent one is shown."""
    from workbench.compare.draws import draws_rate
    from workbench.compare.table import GridTable

    table = GridTable(result.plan, result.states)
    view = table.view()
    view = view.pivoted(sorted((*view.columns, *view.rows)), [])
    layout = table.layout(view)
    checked = any(state.judged for state in result.states)
    rated = any(state.rating for state in result.states)
    heading = [table.dimensions[axis].name for axis in view.rows]
    rows = [
        [
            *heading,
            "runs",
            "status",
            *(["checks"] if checked else []),
            *(["rating"] if rated else []),
            "tokens",
            "tokens/s",
            "text",
        ]
    ]
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
                *([str(draws_rate(stack.states))] if checked else []),
                *([", ".join(str(state.rating) for state in stack.states if state.rating)] if rated else []),
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
