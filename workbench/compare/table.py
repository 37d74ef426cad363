"""The live table of a grid: any axes as rows and columns, fixed, hidden, sorted, filtered; pure views of the cells.

A view is frozen data; changing it gives another one. A layout is the list of rows and columns of one view; what stands
in a cell is looked up when it is asked for, so that a screen costs what is on it, however large the grid is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from statistics import fmean
from typing import Literal

from workbench.compare.plan import GridPlan, axis_name
from workbench.compare.prompts import prompt_labels
from workbench.compare.state import CellState
from workbench.error import UsageError

Place = tuple[int, ...]
Only = Literal["all", "baseline", "row"]
Comparison = Literal["<", "<=", "=", ">=", ">"]
_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    "=": lambda one, other: one == other,
    ">=": lambda one, other: one >= other,
    ">": lambda one, other: one > other,
}


@dataclass(frozen=True, slots=True)
class Dimension:
    """One axis of the table: its name and the labels of its values."""

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sort:
    """By a metric (see ``compare.state``), in one column or (-1) the mean of the row."""

    metric: str
    column: int = -1
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """Rows in which some cell's metric compares so; ``status`` instead keeps rows with such a cell."""

    metric: str = ""
    sign: Comparison = ">="
    value: float = 0.0
    status: str = ""


@dataclass(frozen=True)
class View:
    """Which axes are rows, which columns; an axis that is neither is fixed, or its cells are stacked on one another.

    ``hidden`` has (axis, value) pairs. ``baseline`` is the column that others are compared with.
    """

    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()
    fixed: Mapping[int, int] = field(default_factory=dict)
    hidden: frozenset[tuple[int, int]] = frozenset()
    sort: Sort | None = None
    filter: Filter | None = None
    only: Only = "all"
    baseline: int = 0

    def swapped(self) -> View:
        """Rows as columns and columns as rows."""
        return replace(self, rows=self.columns, columns=self.rows, sort=None, baseline=0)

    def pivoted(self, rows: Sequence[int], columns: Sequence[int]) -> View:
        """With these axes; what was fixed and is shown now is free again. Raises UsageError for an axis on both."""
        if set(rows) & set(columns):
            raise UsageError("an axis cannot be rows and columns at once")
        kept = {axis: value for axis, value in self.fixed.items() if axis not in (*rows, *columns)}
        return replace(self, rows=tuple(rows), columns=tuple(columns), fixed=kept, sort=None, baseline=0)

    def fixing(self, axis: int, value: int) -> View:
        """With one axis at one value, out of rows and columns."""
        return replace(
            self,
            rows=tuple(item for item in self.rows if item != axis),
            columns=tuple(item for item in self.columns if item != axis),
            fixed={**self.fixed, axis: value},
            sort=None,
            baseline=0,
        )

    def freeing(self, axis: int) -> View:
        """A fixed axis becomes the innermost of the rows."""
        kept = {item: value for item, value in self.fixed.items() if item != axis}
        shown = axis in (*self.rows, *self.columns)
        return replace(self, rows=self.rows if shown else (*self.rows, axis), fixed=kept)

    def hiding(self, axis: int, value: int) -> View:
        return replace(self, hidden=self.hidden | {(axis, value)}, baseline=0)

    def showing_all(self) -> View:
        return replace(self, hidden=frozenset(), filter=None, only="all")


@dataclass(frozen=True)
class Stack:
    """What stands in one cell of the table: the runs of all repeats, equal texts together, the most frequent first."""

    states: tuple[CellState, ...]

    @property
    def texts(self) -> list[tuple[str, int, CellState]]:
        """(text, how often, one of them) of the runs that have ended well."""
        done = [state for state in self.states if state.status == "done"]
        counts = Counter(state.text for state in done)
        first = {state.text: state for state in reversed(done)}
        return [(text, count, first[text]) for text, count in counts.most_common()]

    @property
    def status(self) -> str:
        """The one that matters most: running, failed, planned, cancelled, done; empty without a run."""
        found = {state.status for state in self.states}
        order = ("running", "failed", "planned", "cancelled", "done")
        return next((status for status in order if status in found), "")

    @property
    def verdicts(self) -> list[bool | None]:
        """Of every run that was checked or rated."""
        return [state.passed for state in self.states if state.judged]

    def metric(self, name: str) -> float | None:
        """The mean of the runs that know it; ``distinct`` counts different texts."""
        if name == "distinct":
            return float(len(self.texts)) if self.texts else None
        values = [value for state in self.states if (value := state.metric(name)) is not None]
        return fmean(values) if values else None


@dataclass(frozen=True)
class Layout:
    """The rows and columns of one view, each by its values on the view's axes, with labels for people."""

    view: View
    rows: tuple[Place, ...]
    columns: tuple[Place, ...]


class GridTable:
    """The cells of a grid behind all views. ``states`` are live: they may change while the table is shown."""

    def __init__(self, plan: GridPlan, states: Sequence[CellState]) -> None:
        self.dimensions = dimensions(plan, states)
        self._several = plan.several_prompts
        self._states: dict[Place, list[CellState]] = {}
        for state in states:
            self._states.setdefault(self._place(state), []).append(state)

    def _place(self, state: CellState) -> Place:
        where = state.cell.where
        return (*where, state.cell.prompt) if self._several else where

    def view(self) -> View:
        """The first view: models as columns if there are several, else the last axis; all others as rows."""
        sizes = [len(dimension.labels) for dimension in self.dimensions]
        shown = [axis for axis, size in enumerate(sizes) if size > 1] or list(range(len(sizes)))[:1]
        models = [axis for axis in shown if self.dimensions[axis].name == "model"]
        columns = models[:1] or (shown[-1:] if len(shown) > 1 else [])
        rows = tuple(axis for axis in shown if axis not in columns)
        fixed = {axis: 0 for axis in range(len(sizes)) if axis not in shown}
        return View(rows, tuple(columns), fixed)

    def axis(self, name: str) -> int:
        """The number of an axis by its name. Raises UsageError."""
        for number, dimension in enumerate(self.dimensions):
            if dimension.name == name:
                return number
        raise UsageError(
            f"there is no axis {name!r}", hint="Axes: " + ", ".join(dimension.name for dimension in self.dimensions)
        )

    def layout(self, view: View) -> Layout:
        """Rows and columns of a view, filtered and sorted as the cells stand now."""
        columns = tuple(self._values(view, view.columns))
        whole = Layout(view, tuple(self._values(view, view.rows)), columns)
        kept = [row for row in range(len(whole.rows)) if self._kept(whole, row)] if _filters(view) else None
        rows = list(range(len(whole.rows))) if kept is None else kept
        if view.sort is not None:
            rows = self._sorted(whole, rows, view.sort)
        return Layout(view, tuple(whole.rows[row] for row in rows), columns)

    def _values(self, view: View, axes: Sequence[int]) -> Iterator[Place]:
        sizes = [range(len(self.dimensions[axis].labels)) for axis in axes]
        for place in product(*sizes):
            if not view.hidden or not any(
                (axis, value) in view.hidden for axis, value in zip(axes, place, strict=True)
            ):
                yield place

    def labels(self, axes: Sequence[int], place: Place) -> tuple[str, ...]:
        """What the values of a row or a column are called."""
        return tuple(self.dimensions[axis].labels[value] for axis, value in zip(axes, place, strict=True))

    def stack(self, layout: Layout, row: int, column: int) -> Stack:
        """What stands there: a few dictionary lookups, whatever the size of the grid."""
        view = layout.view
        at = dict(view.fixed)
        at.update(zip(view.rows, layout.rows[row], strict=True))
        at.update(zip(view.columns, layout.columns[column], strict=True))
        free = [axis for axis in range(len(self.dimensions)) if axis not in at]
        found: list[CellState] = []
        for values in product(*(range(len(self.dimensions[axis].labels)) for axis in free)):
            at.update(zip(free, values, strict=True))
            found += self._states.get(tuple(at[axis] for axis in range(len(self.dimensions))), ())
        return Stack(tuple(found))

    def differs(self, layout: Layout, row: int, column: int) -> bool:
        """Whether a cell's texts differ from the baseline's, or (``only`` "row") from the most frequent of its row."""
        mine = self._texts(layout, row, column)
        if not mine:
            return False
        if layout.view.only == "row":
            counts = Counter(self._texts(layout, row, other) for other in range(len(layout.columns)))
            counts.pop(frozenset(), None)
            return mine != counts.most_common(1)[0][0]
        if not 0 <= layout.view.baseline < len(layout.columns):
            return False
        base = self._texts(layout, row, layout.view.baseline)
        return bool(base) and mine != base

    def _texts(self, layout: Layout, row: int, column: int) -> frozenset[str]:
        return frozenset(text for text, _, _ in self.stack(layout, row, column).texts)

    def _kept(self, layout: Layout, row: int) -> bool:
        view, columns = layout.view, range(len(layout.columns))
        if view.only != "all" and not any(self.differs(layout, row, column) for column in columns):
            return False
        wanted = view.filter
        if wanted is None:
            return True
        stacks = [self.stack(layout, row, column) for column in columns]
        if wanted.status:
            return any(state.status == wanted.status for stack in stacks for state in stack.states)
        compare = _COMPARED[wanted.sign]
        values = (stack.metric(wanted.metric) for stack in stacks)
        return any(compare(value, wanted.value) for value in values if value is not None)

    def _sorted(self, layout: Layout, rows: list[int], sort: Sort) -> list[int]:
        """Rows without the metric come last, whichever way it goes."""
        columns = range(len(layout.columns)) if sort.column < 0 else [sort.column]

        def value(row: int) -> float | None:
            found = [self.stack(layout, row, column).metric(sort.metric) for column in columns]
            known = [number for number in found if number is not None]
            return fmean(known) if known else None

        values = {row: value(row) for row in rows}
        known = [row for row in rows if values[row] is not None]
        known.sort(key=lambda row: values[row] or 0.0, reverse=sort.descending)
        return known + [row for row in rows if values[row] is None]


def _filters(view: View) -> bool:
    return view.only != "all" or view.filter is not None


def dimensions(plan: GridPlan, states: Sequence[CellState] = ()) -> tuple[Dimension, ...]:
    """The axes of a plan, and the template's prompts as one more when there are several, named by their choices."""
    found = [Dimension(axis_name(axis), axis.labels) for axis in plan.axes]
    if plan.several_prompts:
        found.append(Dimension("prompt", prompt_labels(max(plan.prompts), states)))
    return tuple(found)
