"""What a person asks for, and its axes: those of the command and of the header, checked, counted, nothing rendered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from workbench.compare.cells import target_kind
from workbench.compare.plan import GridPlan, checked_axes
from workbench.error import UsageError
from workbench.service.grid_uses import refuse_unused
from workbench.template.axis import Axis, AxisError, Value, axis_from_table, axis_values, parse_axis
from workbench.template.slot import refuse_outside
from workbench.template.tree import Escape, Text
from workbench.template.wildcard import WildcardFolder

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.session.store import Session
    from workbench.template.document import TemplateDocument

_LIST = re.compile(r"=\s*__((?:(?!__)[\w\-./*])+)__")


@dataclass(frozen=True)
class GridSpec:
    """What a person asks for. ``axes`` come beside those of the template's header, and before them for one target.

    ``prompts`` 0 takes every prompt that the template's patterns stand for, else so many of each. ``reuse`` False
    makes every run anew. ``parallel`` 0 chooses. ``checks`` are written as on the command line; the header has its own.
    ``trust`` says yes, once and for good, to the files that they name.
    """

    document: TemplateDocument
    axes: tuple[Axis, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    engine: str = ""
    repeats: int = 1
    prompts: int = 0
    join: bool = False
    checks: tuple[str, ...] = ()
    session: Session | None = None
    script: str = ""
    reuse: bool = True
    parallel: int = 0
    trust: bool = False


def axis_of_text(bench: Workbench, text: str) -> Axis:
    """``target = values`` with the workspace's lists; ``@file`` is looked for from here. Raises AxisError."""
    return parse_axis(text, lists=_lists(bench, text))


def axis_of_table(bench: Workbench, table: Mapping[str, Any]) -> Axis:
    """An ``[[axis]]`` of a header with the workspace's lists and files. Raises AxisError, StorageError."""
    return axis_from_table(table, folder=bench.workspace.root, lists=_lists(bench, f"={table.get('values')}"))


def _lists(bench: Workbench, text: str) -> dict[str, list[str]]:
    """The lists that an axis names."""
    names = _LIST.findall(text)
    if not names:
        return {}
    folder = WildcardFolder(bench.workspace.templates / "wildcards")
    return {name: [line.text for line in folder.lines(name)] for name in names if folder.has(name)}


def grid_plan(bench: Workbench, spec: GridSpec) -> tuple[GridPlan, dict[str, TemplateDocument]]:
    """Axes and exact count; nothing is rendered. Raises UsageError (AxisError), TemplateError."""
    found = [_numbered(spec, axis) for axis in _all_axes(bench, spec)]
    axes = checked_axes(found, spec.document.body, join=spec.join)
    documents = {"": spec.document}
    for axis in axes:
        for place, target in enumerate(axis.targets):
            if target == "template":
                documents |= {str(row[place]): bench.load_template(str(row[place])) for row in axis.rows}
    refuse_files_outside(bench, documents.values(), axes, asked=spec)
    axes = tuple(_every_option(bench, spec, axis, axes) for axis in axes)
    plan = GridPlan(axes, repeats=spec.repeats)
    return replace(plan, prompts=_prompts(bench, spec, plan, documents)), documents


def _all_axes(bench: Workbench, spec: GridSpec) -> list[Axis]:
    """Those asked for, then those of the header whose targets nothing else sets."""
    taken = {target for axis in spec.axes for target in axis.targets} | {*spec.variables, *spec.params}
    taken |= {"model"} if spec.model else set()
    axes = list(spec.axes)
    for table in spec.document.header.axes:
        axis = axis_of_table(bench, table)
        if taken.isdisjoint(axis.targets):
            axes.append(axis)
    if spec.repeats < 1:
        raise UsageError(f"{spec.repeats} repeats make no run", hint="At least 1.")
    if min(spec.prompts, spec.parallel) < 0:
        raise UsageError(
            "a number of prompts or of runs at once is 1 or more", hint="0, or left out: the tool chooses."
        )
    return axes


def _numbered(spec: GridSpec, axis: Axis) -> Axis:
    """The values of a slot of type ``number`` read as numbers, so that ``1-5 (+2)`` is a range there as well."""
    slot = spec.document.header.slots.get(axis.targets[0]) if len(axis.targets) == 1 else None
    texts = [row[0] for row in axis.rows if isinstance(row[0], str)]
    if slot is None or slot.type != "number" or not texts:
        return axis
    whole = all(re.fullmatch(r"[\d\s()+-]*", text) for text in texts)
    rows: list[tuple[Value, ...]] = []
    for row in axis.rows:
        values = axis_values("int" if whole else "float", row[0]) if isinstance(row[0], str) else (row[0],)
        rows += [(value,) for value in values]
    return replace(axis, rows=tuple(rows))


def refuse_files_outside(
    bench: Workbench,
    documents: Iterable[TemplateDocument],
    axes: Iterable[Axis],
    variables: Mapping[str, Any] | None = None,
    *,
    asked: GridSpec | None = None,
) -> None:
    """Values from a file may come from strangers: no ``file`` slot may read outside of the workspace by them.

    What ``asked`` has as well a person named. Raises UsageError.
    """
    named = _named_values(asked.variables, asked.axes) if asked else set()
    values = _named_values(variables or {}, axes) - named
    for document in documents:
        files = {name: slot for name, slot in document.header.slots.items() if slot.type == "file"}
        for target, value in sorted(values, key=str) if files else ():
            if target in files:
                refuse_outside(files, {target: value}, bench.workspace.root)


def _named_values(variables: Mapping[str, Any], axes: Iterable[Axis]) -> set[tuple[str, Value]]:
    """Each text or number with what it is the value of."""
    found = {(target, value) for target, value in variables.items() if isinstance(value, Value)}
    for axis in axes:
        found.update((target, row[place]) for row in axis.rows for place, target in enumerate(axis.targets))
    return found


def _every_option(bench: Workbench, spec: GridSpec, axis: Axis, axes: Sequence[Axis]) -> Axis:
    """``name = *`` with the options of the named pick in its place."""
    if not axis.every:
        return axis
    name = axis.targets[0]
    others = {target: "" for other in axes if other is not axis for target in other.targets}
    tree = bench.prepare(spec.document, {**_values(others), **spec.variables}, complete=False).used_tree
    pick = tree.named_picks.get(name)
    if pick is None:
        known = ", ".join(tree.named_picks) or "none"
        raise AxisError(f"the template has no pick named {name!r}", hint=f"Named picks: {known}")
    rows = []
    for option in pick.options:
        if not all(isinstance(item, Text | Escape) for item in option.items):
            raise AxisError(
                f"an option of {name!r} holds more patterns: {option.source}", hint=f"Name the values: {name} = ..."
            )
        rows.append(("".join(item.text for item in option.items if isinstance(item, Text | Escape)),))
    return Axis((name,), tuple(rows))


def _values(axes: Mapping[str, Any]) -> dict[str, Any]:
    return {target: value for target, value in axes.items() if target_kind(target) == "value"}


def _prompts(
    bench: Workbench, spec: GridSpec, plan: GridPlan, documents: Mapping[str, TemplateDocument]
) -> tuple[int, ...]:
    """How many prompts each template stands for: it depends on which names are bound, not on their values."""
    first = {target: axis.rows[0][place] for axis in plan.axes for place, target in enumerate(axis.targets)}
    variables = {**spec.variables, **_values(first)}
    if plan.template_axis < 0:
        names = [""]
    else:
        axis = plan.axes[plan.template_axis]
        names = [str(row[axis.targets.index("template")]) for row in axis.rows]
    prepared = {name: bench.prepare(documents[name], variables) for name in dict.fromkeys(names)}
    refuse_unused(bench, spec, plan.axes, list(prepared.values()))
    counts = {name: one.count for name, one in prepared.items()}
    return tuple(min(counts[name], spec.prompts or counts[name]) for name in names)
