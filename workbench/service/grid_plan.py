"""From a wish to a grid that can start: axes, documents, every cell's exact prompt, what is on disk, the order.

Everything that can be wrong is found here, before anything is written or started; a fault names its cell. Blocking, in
bounded time and memory: a grid holds at most ``MOST_CELLS`` runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.compare.cells import cell_parts
from workbench.compare.keys import run_key
from workbench.compare.plan import GridPlan, PlannedCell
from workbench.compare.schedule import Job, schedule
from workbench.compare.state import CellState
from workbench.error import ModelError, UsageError, WorkbenchError
from workbench.service.grid_axes import GridSpec, grid_plan
from workbench.service.grid_disk import FoundRun, OnDisk, look_on_disk
from workbench.service.grid_record import take_prompt
from workbench.service.grid_uses import grid_checks, in_checks, pick_notes, range_notes, refuse_unmakeable
from workbench.service.memo import PlanMemo
from workbench.service.plan import RunPlan, RunSpec, plan_run
from workbench.template.axis import label as row_label
from workbench.template.prepared import PromptChoice, unused_message

if TYPE_CHECKING:
    from workbench.engine import LoadSpec
    from workbench.service import Workbench
    from workbench.session.groups import Group
    from workbench.session.store import Session
    from workbench.template.document import TemplateDocument

MOST_CELLS = 20_000


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
    variables: Mapping[str, Any] = field(default_factory=dict)
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
    refuse_too_many(plan)
    memo = PlanMemo(lanes=max(1, spec.parallel))
    checks = grid_checks(spec)
    # Of a variable that only a check uses, the renderer says that nothing does.
    used = {unused_message(target) for axis in plan.axes for target in axis.targets if in_checks(checks, target)}
    cells, notices, texts, cold = list[PreparedCell](), dict[str, None](), dict[str, str](), True
    for cell in plan.cells():
        run = _planned(bench, cell_spec(spec, documents, cell, memo), cell)
        notices.update((notice, None) for notice in run.notices if notice not in used)
        cold = cold and run.request.params.cold_cache
        drawn = not run.request.params.greedy and not _seed_given(bench, spec, documents, cell)
        cells.append(_prepared(cell, run, texts, drawn=drawn))
        if on_progress is not None:
            on_progress(len(cells), plan.count)
    refuse_unmakeable(bench, spec, cells)
    notices.update(dict.fromkeys([*pick_notes(bench, plan.axes, documents), *range_notes(plan.axes)]))
    models = {(item.model, item.load.engine) for item in cells}
    keys = {item.key for item in cells if item.key} if spec.reuse else set()
    disk = look_on_disk(bench, {item.prompt_sha256 for item in cells if item.key}, keys, models, not_group=not_group)
    for item in cells:
        item.reused = disk.runs.get(item.key) if item.key else None
    notices.update(dict.fromkeys(_about_seeds(plan, cells)))
    return Grid(spec, plan, documents, cells, order_of(cells), disk, memo, cold, tuple(notices))


def refuse_too_many(plan: GridPlan) -> None:
    """Raises UsageError for a grid that memory and patience do not hold."""
    if plan.count > MOST_CELLS:
        raise UsageError(
            f"this grid has {plan.count} runs, more than {MOST_CELLS}",
            hint="Take values from an axis, or limit the prompts of the template.",
        )


def _prepared(cell: PlannedCell, run: RunPlan, texts: dict[str, str], *, drawn: bool) -> PreparedCell:
    """``texts`` holds each prompt once; ``drawn``: the seed will be another one when it runs."""
    request = run.request
    state = CellState(cell, model=request.model.file, engine=request.engine)
    plain = request.prompt.plain
    take_prompt(state, request, texts.setdefault(plain, plain))
    return PreparedCell(
        cell,
        state,
        model=request.model.fingerprint or request.model.file,
        load=run.load,
        text=texts.setdefault(run.prompt_text, run.prompt_text),
        prompt_sha256=request.prompt.sha256,
        key="" if drawn else run_key(request),
        max_tokens=request.params.max_tokens,
        variables=request.variables,
        template=request.template.path,
    )


def order_of(cells: Sequence[PreparedCell]) -> list[int]:
    """The numbers of the cells that have no run yet, in the order to run them."""
    return schedule(
        Job(item.cell.number, item.model, item.load, item.text)
        for item in cells
        if item.reused is None and item.state.status == "planned"
    )


def _planned(bench: Workbench, spec: RunSpec, cell: PlannedCell) -> RunPlan:
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
