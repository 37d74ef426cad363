"""From a wish to a grid that can start: axes, documents, every cell's exact prompt, what is on disk, the order.

Everything that can be wrong is found here, before anything is written or started; a fault names its cell. Blocking, in
bounded time and memory: a grid holds at most ``MOST_CELLS`` runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from workbench.compare.cells import cell_parts, target_kind
from workbench.compare.keys import run_key
from workbench.compare.plan import GridPlan, PlannedCell, checked_axes
from workbench.compare.schedule import Job, schedule
from workbench.compare.state import CellState
from workbench.error import ModelError, UsageError, WorkbenchError
from workbench.service.grid_disk import FoundRun, OnDisk, look_on_disk
from workbench.service.plan import PlanMemo, RunSpec, plan_run
from workbench.template.axis import Axis, AxisError, axis_from_table, parse_axis
from workbench.template.axis import label as row_label
from workbench.template.prepared import PromptChoice
from workbench.template.tree import Escape, Text
from workbench.template.wildcard import WildcardFolder

if TYPE_CHECKING:
    from workbench.engine import LoadSpec
    from workbench.service import Workbench
    from workbench.session.groups import Group
    from workbench.session.store import Session
    from workbench.template.document import TemplateDocument

MOST_CELLS = 20_000
_LIST = re.compile(r"=\s*__((?:(?!__)[\w\-./*])+)__")


@dataclass(frozen=True)
class GridSpec:
    """What a person asks for. ``axes`` come beside those of the template's header, and before them for one target.

    ``prompts`` 0 takes every prompt that the template's patterns stand for, else so many of each. ``reuse`` False
    makes every run anew. ``parallel`` 0 chooses. ``checks`` are written as on the command line; the header has its own.
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


@dataclass(slots=True)
class PreparedCell:
    """A planned cell with what its run needs. ``key`` is the run's; empty if its seed will be drawn.

    ``replaces`` are records of the same cell that did not end well; they go to the trash once this run has ended.
    ``retry``: an error is among them.
    """

    cell: PlannedCell
    state: CellState
    model: str
    load: LoadSpec
    text: str
    prompt_sha256: str
    key: str
    max_tokens: int
    template: str = ""
    reused: FoundRun | None = None
    replaces: tuple[str, ...] = ()
    retry: bool = False


@dataclass
class Grid:
    """A grid that can start. ``order`` has the numbers of the cells that are to be run, in the order to run them.

    ``cold``: every prompt is read anew, so that each run can be repeated exactly; else a prompt goes on from the
    beginning that it shares with the last one, and such runs are marked as likely the same.
    """

    spec: GridSpec
    plan: GridPlan
    documents: Mapping[str, TemplateDocument]
    cells: list[PreparedCell]
    order: list[int]
    disk: OnDisk
    memo: PlanMemo
    cold: bool = False
    notices: tuple[str, ...] = ()
    group: Group | None = None

    @property
    def states(self) -> list[CellState]:
        return [item.state for item in self.cells]

    def run_spec(self, item: PreparedCell, session: Session | None, group: str) -> RunSpec:
        """The run of one cell."""
        return cell_spec(self.spec, self.documents, item.cell, self.memo, session=session, group=group)


def cell_spec(
    spec: GridSpec,
    documents: Mapping[str, TemplateDocument],
    cell: PlannedCell,
    memo: PlanMemo,
    *,
    session: Session | None = None,
    group: str = "",
) -> RunSpec:
    """What a run alone would be asked for, with the values of the cell in it."""
    parts = cell_parts(cell.axes)
    return RunSpec(
        documents[parts.template],
        {**spec.variables, **parts.variables},
        model=parts.model or spec.model,
        engine=parts.engine or spec.engine,
        params={**spec.params, **parts.params},
        session=session,
        group=group,
        script=spec.script,
        item=PromptChoice(max(0, cell.prompt)),
        cell=cell.record,
        adjust=parts.adjust if parts.adjusts else None,
        memo=memo,
    )


def axis_of_text(bench: Workbench, text: str) -> Axis:
    """``target = values`` with the workspace's lists; ``@file`` is looked for from here. Raises AxisError."""
    names = _LIST.findall(text)
    lists = {}
    if names:
        folder = WildcardFolder(bench.workspace.templates / "wildcards")
        lists = {name: [line.text for line in folder.lines(name)] for name in names if folder.has(name)}
    return parse_axis(text, lists=lists)


def grid_plan(bench: Workbench, spec: GridSpec) -> tuple[GridPlan, dict[str, TemplateDocument]]:
    """Axes and exact count; nothing is rendered. Raises UsageError (AxisError), TemplateError."""
    axes = checked_axes(_all_axes(bench, spec), spec.document.body, join=spec.join)
    documents = {"": spec.document}
    for axis in axes:
        for place, target in enumerate(axis.targets):
            if target == "template":
                documents |= {str(row[place]): bench.load_template(str(row[place])) for row in axis.rows}
    axes = tuple(_every_option(bench, spec, axis, axes) for axis in axes)
    plan = GridPlan(axes, repeats=spec.repeats)
    return replace(plan, prompts=_prompts(bench, spec, plan, documents)), documents


def _all_axes(bench: Workbench, spec: GridSpec) -> list[Axis]:
    """Those asked for, then those of the header whose targets nothing else sets."""
    taken = {target for axis in spec.axes for target in axis.targets} | {*spec.variables, *spec.params}
    taken |= {"model"} if spec.model else set()
    axes = list(spec.axes)
    for table in spec.document.header.axes:
        axis = axis_from_table(table, folder=bench.workspace.root)
        if taken.isdisjoint(axis.targets):
            axes.append(axis)
    if spec.repeats < 1:
        raise UsageError(f"{spec.repeats} repeats make no run", hint="At least 1.")
    return axes


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
    counts = {name: bench.prepare(documents[name], variables).count for name in dict.fromkeys(names)}
    return tuple(min(counts[name], spec.prompts or counts[name]) for name in names)


def prepare_grid(bench: Workbench, spec: GridSpec, on_progress: Callable[[int, int], None] | None = None) -> Grid:
    """Everything but the start. Raises WorkbenchError, whose message names the cell that is wrong."""
    plan, documents = grid_plan(bench, spec)
    return prepare_cells(bench, spec, plan, documents, on_progress=on_progress)


def prepare_cells(
    bench: Workbench,
    spec: GridSpec,
    plan: GridPlan,
    documents: Mapping[str, TemplateDocument],
    *,
    on_progress: Callable[[int, int], None] | None = None,
    not_group: str = "",
) -> Grid:
    """Plan every run exactly, look on disk, order what is left."""
    if plan.count > MOST_CELLS:
        raise UsageError(
            f"this grid has {plan.count} runs, more than {MOST_CELLS}",
            hint="Take values from an axis, or limit the prompts of the template.",
        )
    memo = PlanMemo(lanes=max(1, spec.parallel))
    cells, notices = list[PreparedCell](), dict[str, None]()
    texts: dict[str, str] = {}
    cold = True
    for cell in plan.cells():
        run = _planned(bench, cell_spec(spec, documents, cell, memo), cell)
        request = run.request
        notices.update(dict.fromkeys(run.notices))
        cold = cold and request.params.cold_cache
        drawn = not request.params.greedy and not _seed_given(bench, spec, documents, cell)
        cells.append(
            PreparedCell(
                cell,
                CellState(cell, model=request.model.file, engine=request.engine),
                request.model.fingerprint or request.model.file,
                run.load,
                texts.setdefault(run.prompt_text, run.prompt_text),
                request.prompt.sha256,
                "" if drawn else run_key(request),
                request.params.max_tokens,
                request.template.path,
            )
        )
        if on_progress is not None:
            on_progress(len(cells), plan.count)
    models = {(item.model, item.load.engine) for item in cells}
    keys = {item.key for item in cells if item.key} if spec.reuse else set()
    disk = look_on_disk(bench, {item.prompt_sha256 for item in cells if item.key}, keys, models, not_group=not_group)
    for item in cells:
        item.reused = disk.runs.get(item.key) if item.key else None
    notices.update(dict.fromkeys(_about_seeds(plan, cells)))
    return Grid(spec, plan, documents, cells, order_of(cells), disk, memo, cold, tuple(notices))


def order_of(cells: Sequence[PreparedCell]) -> list[int]:
    """The numbers of the cells that have no run yet, in the order to run them."""
    return schedule(
        Job(item.cell.number, item.model, item.load, item.text)
        for item in cells
        if item.reused is None and item.state.status == "planned"
    )


def _planned(bench: Workbench, spec: RunSpec, cell: PlannedCell) -> Any:
    try:
        return plan_run(bench, spec)
    except WorkbenchError as error:
        values = ", ".join(f"{target} = {row_label((value,))}" for target, value in cell.axes.items())
        # A model that is missing for all cells is no fault of this one.
        if values and not (isinstance(error, ModelError) and "model" not in cell.axes):
            error.message = f"with {values}: {error.message}"
        raise


def _seed_given(bench: Workbench, spec: GridSpec, documents: Mapping[str, TemplateDocument], cell: PlannedCell) -> bool:
    header = documents[cell_parts(cell.axes).template].header.params
    layers: tuple[Mapping[str, Any], ...] = (bench.config.params, header, spec.params, cell.axes)
    return any(values.get("seed") not in (None, "", "none", "random") for values in layers)


def _about_seeds(plan: GridPlan, cells: Sequence[PreparedCell]) -> list[str]:
    if plan.repeats > 1 and any(item.key for item in cells):
        return ["repeats with the same seed, or greedy ones, give the same text: leave the seed out to see the spread"]
    return []
