"""The plan of a grid: axes x prompts x repeats, as cells that are counted exactly and made one by one.

Pure: nothing is rendered, no model is looked at. A cell's number is its place in the plan, model slowest and repeat
fastest; in which order cells run is decided in ``schedule.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

from workbench.compare.cells import target_kind
from workbench.compare.keys import cell_key
from workbench.error import UsageError
from workbench.param import parse_param
from workbench.template.axis import Axis, AxisError, Value, ordered


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """One run to be. ``where`` is its place on each axis; ``repeat`` counts from 1.

    ``prompt`` is which of the template's prompts; -1 where it stands for one only.
    """

    number: int
    axes: Mapping[str, Value]
    where: tuple[int, ...]
    prompt: int
    repeat: int

    @property
    def record(self) -> dict[str, Any]:
        """What the run's record says of its cell."""
        data: dict[str, Any] = {"axes": dict(self.axes)}
        if self.prompt >= 0:
            data["prompt"] = self.prompt
        return data | {"repeat": self.repeat}

    @property
    def key(self) -> str:
        """The same for the same values and repeat, in whatever order the axes are; see ``cell_key``."""
        return cell_key(self.record)


@dataclass(frozen=True)
class GridPlan:
    """``prompts`` has one number for each row of the axis that names templates, or one number for all."""

    axes: tuple[Axis, ...] = ()
    prompts: tuple[int, ...] = (1,)
    repeats: int = 1

    @cached_property
    def template_axis(self) -> int:
        """Which axis names templates; -1 for none."""
        found = [place for place, axis in enumerate(self.axes) if "template" in axis.targets]
        return found[0] if found else -1

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis.rows) for axis in self.axes)

    @cached_property
    def count(self) -> int:
        """How many runs, exactly."""
        if self.template_axis < 0:
            return prod(self.shape) * self.prompts[0] * self.repeats
        others = prod(size for place, size in enumerate(self.shape) if place != self.template_axis)
        return others * sum(self.prompts) * self.repeats

    def prompts_at(self, where: Sequence[int]) -> int:
        return self.prompts[where[self.template_axis] if self.template_axis >= 0 else 0]

    def cells(self) -> Iterator[PlannedCell]:
        """All cells in the plan's order, lazily."""
        number = 0
        for where in _counted(self.shape):
            prompts = self.prompts_at(where)
            values = self._values(where)
            for prompt in range(prompts):
                for repeat in range(1, self.repeats + 1):
                    yield PlannedCell(number, values, where, prompt if self.several_prompts else -1, repeat)
                    number += 1

    @property
    def several_prompts(self) -> bool:
        return any(count > 1 for count in self.prompts)

    def _values(self, where: Sequence[int]) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for axis, place in zip(self.axes, where, strict=True):
            values.update(zip(axis.targets, axis.rows[place], strict=True))
        return values


def _counted(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """``itertools.product`` of the ranges, without lists in memory."""
    if not shape:
        yield ()
        return
    for first in range(shape[0]):
        for rest in _counted(shape[1:]):
            yield first, *rest


def axis_name(axis: Axis) -> str:
    """What an axis is called in tables: its targets."""
    return ", ".join(axis.targets)


def checked_axes(axes: Sequence[Axis], body: str, *, join: bool = False) -> tuple[Axis, ...]:
    """The axes with values in their parameters' types, models outermost; joined into one with ``join``.

    Raises AxisError for a target named twice, UsageError for a value out of a parameter's range.
    """
    typed = [_typed(axis) for axis in axes]
    if join:
        typed = _joined(typed)
    seen: set[str] = set()
    for axis in typed:
        for target in axis.targets:
            if target in seen:
                raise AxisError(f"two axes change {target!r}", hint="Put all its values on one axis.")
            seen.add(target)
    return tuple(ordered(typed, body))


def _joined(axes: Sequence[Axis]) -> list[Axis]:
    """All axes but that of the models as one: first values together, then second ones."""
    free = [axis for axis in axes if axis.targets != ("model",)]
    kept = [axis for axis in axes if axis.targets == ("model",)]
    if len(free) < 2:
        return list(axes)
    sizes = {len(axis.rows) for axis in free}
    if len(sizes) > 1:
        told = ", ".join(f"{axis_name(axis)} has {len(axis.rows)}" for axis in free)
        raise AxisError(f"joined axes need equally many values: {told}", hint="Leave out --join to cross them.")
    targets = tuple(target for axis in free for target in axis.targets)
    rows = tuple(tuple(value for row in rows for value in row) for rows in zip(*(a.rows for a in free), strict=True))
    return [*kept, Axis(targets, rows)]


def _typed(axis: Axis) -> Axis:
    rows = tuple(
        tuple(_value(target, value) for target, value in zip(axis.targets, row, strict=True)) for row in axis.rows
    )
    if len(set(rows)) < len(rows):
        double = next(row for place, row in enumerate(rows) if row in rows[:place])
        told = ", ".join(map(str, double))
        raise AxisError(f"the axis {axis_name(axis)!r} has {told!r} twice", hint="For repeats there is --repeat.")
    return replace(axis, rows=rows)


def _value(target: str, value: object) -> Value:
    """As the parameter's type, so that ``0`` and ``0.0`` are one cell; anything else as it stands."""
    if target_kind(target) == "param":
        parsed = parse_param(target, value)
        if parsed is None:
            raise UsageError(f"an axis cannot leave {target} open", hint="For repeats there is --repeat.")
        if isinstance(parsed, int | float) and not isinstance(parsed, bool):
            return parsed
    if isinstance(value, str | int | float):
        return value
    return "" if value is None else str(value)


def plan_data(plan: GridPlan) -> dict[str, Any]:
    """The plan as plain data for the group's file."""
    return {
        "repeats": plan.repeats,
        "prompts": list(plan.prompts),
        "axis": [{"targets": list(axis.targets), "rows": [list(row) for row in axis.rows]} for axis in plan.axes],
    }


def plan_from_data(data: Mapping[str, Any]) -> GridPlan:
    """Back from the group's file. Raises UsageError when it holds no plan."""
    try:
        axes = tuple(
            Axis(tuple(map(str, table["targets"])), tuple(tuple(row) for row in table["rows"]))
            for table in data.get("axis", [])
        )
        if any(len(row) != len(axis.targets) for axis in axes for row in axis.rows):
            raise ValueError("rows and targets differ")
        return GridPlan(axes, tuple(int(n) for n in data["prompts"]), int(data["repeats"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"the plan of this grid cannot be read: {error}", hint="Start the grid anew.") from error
