"""What stands in the table: a view of the grid's cells as signs with words or numbers, made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.compare.score import PASSING_RATING
from workbench.compare.state import METRICS, CellState
from workbench.compare.table import GridTable, Layout, Place, Stack, View
from workbench.display import cell_width
from workbench.tui.grid.table import Shown

# Runs that have ended, by what their checks say; other states by their names.
LEGEND = ". planned > running ! failed ~ stopped o done + pass - fail ? open ° disk"
_SIGNS = {"planned": ".", "running": ">", "failed": "!", "cancelled": "~"}
_VERDICTS = {True: "+", False: "-", None: "?"}
_FIRST = 200
TEXT = "text"
_DIGITS = {"tokens_per_s": 1, "checks": 2}
_UNITS = {"ms_first": " ms", "ms_total": " ms", "tokens_out": " tok", "tokens_per_s": " tok/s", "characters": " ch"}

Marks = Callable[[CellState], Mapping[str, Any]]


def verdict(state: CellState, marks: Mapping[str, Any]) -> bool | None:
    """A person's rating, where there is one, goes before all checks."""
    rating = int(marks.get("rating") or 0)
    return rating >= PASSING_RATING if rating else state.passed


def modes(states: Sequence[CellState]) -> list[str]:
    """What cells can show: words, numbers, one check."""
    checks = dict.fromkeys(f"check:{check.name}" for state in states for check in state.checks)
    return [TEXT, *METRICS, *checks]


class GridRows:
    """One layout as the table's source. ``marks`` are a person's marks of a run; ``marked`` numbers of cells."""

    def __init__(self, table: GridTable, layout: Layout, marks: Marks, *, mode: str = TEXT) -> None:
        self.table, self.layout, self.mode = table, layout, mode
        self._marks = marks
        self.marked: set[int] = set()
        heads = [table.dimensions[axis] for axis in layout.view.rows]
        self.head_widths = tuple(max(map(cell_width, (item.name, *item.labels))) for item in heads) or (1,)
        self._rows = {place: row for row, place in enumerate(layout.rows)}
        self._columns = {place: column for column, place in enumerate(layout.columns)}

    @property
    def view(self) -> View:
        return self.layout.view

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.layout.rows), len(self.layout.columns)

    @property
    def corner(self) -> tuple[str, ...]:
        return tuple(self.table.dimensions[axis].name for axis in self.view.rows) or ("",)

    def row_head(self, row: int) -> tuple[str, ...]:
        return self.table.labels(self.view.rows, self.layout.rows[row]) or ("",)

    def column_head(self, column: int) -> str:
        labels = self.table.labels(self.view.columns, self.layout.columns[column])
        names = (self.table.dimensions[axis].name for axis in self.view.columns)
        name = ", ".join(f"{axis} {label}" for axis, label in zip(names, labels, strict=False)) or "answer"
        based = self.view.only == "baseline" and column == self.view.baseline
        return f"= {name}" if based else name

    def values(self, row: int, column: int) -> str:
        """The values of the axes of one cell, which heads may have to cut; empty where heads of one axis tell them."""
        view = self.layout.view
        if not all(self.shape) or len(view.columns) < 2:
            return ""
        axes, place = (*view.rows, *view.columns), (*self.layout.rows[row], *self.layout.columns[column])
        names = (self.table.dimensions[axis].name for axis in axes)
        return ", ".join(f"{name} {text}" for name, text in zip(names, self.table.labels(axes, place), strict=False))

    def stack(self, row: int, column: int) -> Stack:
        return self.table.stack(self.layout, row, column)

    def place_of(self, state: CellState) -> tuple[int, int] | None:
        """Row and column where a run is shown, if it is."""
        where: Place = (*state.cell.where, state.cell.prompt)
        view = self.view
        if any(where[axis] != value for axis, value in view.fixed.items()):
            return None
        row = self._rows.get(tuple(where[axis] for axis in view.rows))
        column = self._columns.get(tuple(where[axis] for axis in view.columns))
        return None if row is None or column is None else (row, column)

    def cell(self, row: int, column: int) -> Shown:
        stack = self.stack(row, column)
        if not stack.states:
            return Shown("")
        marked = any(state.number in self.marked for state in stack.states)
        if self.view.only != "all" and not self.table.differs(self.layout, row, column):
            return Shown("=" if stack.texts else self._sign(stack), "muted", marked)
        return Shown(f"{self._sign(stack)} {self._words(stack)}", self._kind(stack), marked)

    def _verdicts(self, stack: Stack) -> list[bool | None]:
        return [
            verdict(state, marks)
            for state in stack.states
            if (marks := self._marks(state)).get("rating") or (state.checks and state.ended)
        ]

    def _sign(self, stack: Stack) -> str:
        status = stack.status
        sign = _SIGNS.get(status, "")
        if not sign:
            verdicts = self._verdicts(stack)
            worst = False if False in verdicts else None if None in verdicts else True
            sign = _VERDICTS[worst] if verdicts else "o"
        marks = [self._marks(state) for state in stack.states]
        rating = next((str(item["rating"]) for item in marks if item.get("rating")), "")
        star = "*" if any(item.get("star") for item in marks) else ""
        reused = "°" if any(state.reused for state in stack.states) else ""
        return sign + (rating or star or reused or " ")

    def _kind(self, stack: Stack) -> str:
        status = stack.status
        if status in ("running", "failed"):
            return status
        if status != "done":
            return "muted"
        verdicts = self._verdicts(stack)
        return "no" if False in verdicts else "yes" if True in verdicts and None not in verdicts else ""

    def _words(self, stack: Stack) -> str:
        if self.mode != TEXT:
            return metric_text(self.mode, stack.metric(self.mode))
        texts, count = stack.texts, len(stack.states)
        if not texts:
            state = stack.states[0]
            return one_line(state.text) if state.text else state.error.partition("\n")[0]
        text, often, _ = texts[0]
        if count == 1:
            return one_line(text)
        # Equal texts are stacked: all of them the same, or so many as the most frequent one has of all.
        return f"x{often} {one_line(text)}" if often == count else f"x{often} of {count} {one_line(text)}"


def one_line(text: str) -> str:
    """The first words."""
    return " ".join(text[:_FIRST].split())


def metric_text(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.{_DIGITS.get(name, 2 if name.startswith('check:') else 0)}f}{_UNITS.get(name, '')}"
