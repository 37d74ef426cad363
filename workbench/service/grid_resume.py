"""Going on with a grid: the plan from its file, what is done from the runs, and the rest to be run.

A cell counts as done by its newest finished run. Interrupted and cancelled runs of a cell are run again and then go to
the trash, so that a finished grid has exactly one run for each cell. Blocking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.compare.keys import cell_key
from workbench.compare.plan import GridPlan, plan_from_data
from workbench.compare.state import CellState
from workbench.error import StorageError, UsageError, WorkbenchError
from workbench.service.grid_axes import GridSpec, refuse_files_outside
from workbench.service.grid_disk import FoundRun
from workbench.service.grid_plan import Grid, PreparedCell, order_of, prepare_cells, refuse_too_many
from workbench.service.grid_record import fill
from workbench.session.groups import Group, list_groups
from workbench.template.document import TemplateDocument, load_document, parse_document

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.session.info import RunRecord
    from workbench.session.store import Session

_MORE = "a check that is not in the plan is made this time, beside those of the plan"


def grids_of(bench: Workbench, template: str = "") -> Iterator[tuple[Session, Group]]:
    """All saved grids, newest session first; of one template, a path within the workspace."""
    for session in bench.store.list_sessions():
        for group in list_groups(session):
            if group.kind == "grid" and (not template or group.plan.get("template") == template):
                yield session, group


def find_grid(bench: Workbench, group_id: str = "", *, template: str = "") -> tuple[Session, Group]:
    """The grid of that id, or the newest one (of ``template``). Raises UsageError."""
    found = [pair for pair in grids_of(bench, template) if not group_id or pair[1].id == group_id]
    if found:
        return max(found, key=lambda pair: pair[1].id)
    what = " ".join(filter(None, ("no grid", group_id, f"of {template}" if template else "")))
    raise UsageError(f"there is {what}", hint="Start one: workbench grid TEMPLATE --axis 'city = London, Oslo'")


def grid_from_disk(
    bench: Workbench,
    session: Session,
    group: Group,
    *,
    missing: bool = True,
    failed: bool = False,
    parallel: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    asked: GridSpec | None = None,
) -> Grid:
    """A saved grid with its results. ``missing`` cells are to be run, and ``failed`` ones if asked.

    ``asked`` is what a person typed: its checks are made beside those of the plan, and files outside of the workspace
    are read only if it names them too. Raises UsageError for a plan that cannot be read, and whatever planning raises.
    """
    if group.problem:
        raise UsageError(f"the grid {group.id} cannot be used: {group.problem}")
    spec, documents = _spec(session, group)
    more = tuple(text for text in dict.fromkeys(asked.checks if asked else ()) if text not in spec.checks)
    spec = replace(spec, parallel=parallel, checks=(*spec.checks, *more), trust=asked is not None and asked.trust)
    plan = plan_from_data(group.plan)
    refuse_files_outside(bench, documents.values(), plan.axes, spec.variables, asked=asked)
    grid = prepare_cells(bench, spec, plan, documents, on_progress=on_progress, not_group=group.id)
    grid.group = group
    grid.notices += (*changed_since(bench, documents.values(), asked), *(f"{_MORE}: {text}" for text in more))
    made, reused = _runs(bench, session, group), _reused(bench, group)
    for item in grid.cells:
        key = item.cell.key
        item.reused = reused.get(key, item.reused)
        _take_up(item, made.get(key, []), failed=failed, place=session)
    grid.order = [number for number in order_of(grid.cells) if missing or grid.cells[number].retry]
    return grid


def _take_up(item: PreparedCell, runs: list[RunRecord], *, failed: bool, place: Session) -> None:
    """What came of a cell so far: its end, or what a new run is to replace. Raises UsageError while one goes on."""
    if live := [run for run in runs if run.live]:
        told = f"the run {live[0].request.id} of this grid is still going on"
        raise UsageError(told, hint="Wait for it, or stop it.")
    if (ended := _ended(runs, failed=not failed)) is not None:
        item.reused = None
        fill(item.state, ended, place)
        item.replaces = tuple(run.request.id for run in runs if run is not ended and run.result.status != "finished")
    else:
        item.replaces = tuple(run.request.id for run in runs)
        item.retry = any(run.result.status == "error" for run in runs)


def saved_grid(
    bench: Workbench, session: Session, group: Group, *, on_read: Callable[[int, int], None] | None = None
) -> tuple[GridPlan, list[CellState]]:
    """A saved grid to look at: no template is rendered and no model is needed; what has no run is planned.

    ``on_read`` is told how many of how many runs of the session were read. Raises UsageError for a plan that cannot
    be read.
    """
    plan = plan_from_data(group.plan)
    refuse_too_many(plan)
    made, reused = _runs(bench, session, group, on_read=on_read), _reused(bench, group)
    states = []
    for cell in plan.cells():
        state = CellState(cell, model=str(cell.axes.get("model", "")))
        runs = made.get(cell.key, [])
        if (ended := _ended(runs, failed=True)) is not None:
            fill(state, ended, session)
        elif cell.key in reused:
            fill(state, reused[cell.key].record, reused[cell.key].session)
            state.reused = True
        elif runs:
            fill(state, runs[-1], session)
            state.status = "running" if runs[-1].live else "cancelled"
        states.append(state)
    return plan, states


def _ended(runs: list[RunRecord], *, failed: bool) -> RunRecord | None:
    """The newest finished run of a cell; else, with ``failed``, its newest error."""
    done = [run for run in runs if run.result.status == "finished"]
    errors = [run for run in runs if run.result.status == "error"] if failed else []
    ended = done or errors
    return ended[-1] if ended else None


def _runs(
    bench: Workbench, session: Session, group: Group, *, on_read: Callable[[int, int], None] | None = None
) -> dict[str, list[RunRecord]]:
    """The group's runs by cell, oldest first."""
    found: dict[str, list[RunRecord]] = {}
    # A run that was killed in its first moment has its recording only.
    names = sorted({path.stem for path in (session.dir / "runs").glob("[!.]*.*l")})
    for number, name in enumerate(names):
        if on_read is not None:
            on_read(number, len(names))
        try:
            record = bench.store.open_run(session, name)
        except StorageError:
            continue
        if record.request.group == group.id:
            found.setdefault(cell_key(record.request.cell), []).append(record)
    return found


def _reused(bench: Workbench, group: Group) -> dict[str, FoundRun]:
    """By cell, the runs that counted when the grid was planned, and that are still there."""
    rows = _tables(group.plan, "reused")
    folders = {item.dir.name: item for item in bench.store.list_sessions()} if rows else {}
    found = {}
    for row in rows:
        session = folders.get(str(row.get("session")))
        if session is None:
            continue
        try:
            record = bench.store.open_run(session, str(row.get("run")))
        except StorageError:
            continue
        if record.result.status == "finished":
            found[str(row.get("cell"))] = FoundRun(session, record)
    return found


def planned_documents(group: Group) -> dict[str, TemplateDocument]:
    """The templates as they were when the grid was planned; the one named on the command line under no name."""
    return {
        str(row.get("name", "")): parse_document(str(row.get("source", "")), path=str(row.get("path", "template")))
        for row in _tables(group.plan, "documents")
    }


def changed_since(bench: Workbench, documents: Iterable[TemplateDocument], asked: GridSpec | None) -> Iterator[str]:
    """A sentence for each template that is another one now: the grid goes on with the text in its plan."""
    root = bench.workspace.templates
    for document in documents:
        path = root.parent / document.path
        now = asked.document if asked and asked.document.path == document.path else document
        if path.is_relative_to(root) and not path.is_file():
            yield f"{document.path} is gone: the grid goes on with the text in its plan"
        elif path.is_relative_to(root):
            try:
                now = load_document(path, root=root)
            except WorkbenchError as error:
                yield f"{document.path} cannot be used now: {error.message}; the grid goes on with the text in its plan"
        if now.sha256 != document.sha256:
            yield (
                f"{document.path} was changed since: the grid goes on with the text in its plan; "
                "a new grid takes the new text"
            )


def _spec(session: Session, group: Group) -> tuple[GridSpec, dict[str, TemplateDocument]]:
    plan, documents = group.plan, planned_documents(group)
    if "" not in documents:
        raise UsageError(f"the plan of the grid {group.id} names no template", hint="Start the grid anew.")
    spec = GridSpec(
        documents[""],
        variables=_table(plan, "variables"),
        params=_table(plan, "params"),
        model=str(plan.get("model", "")),
        engine=str(plan.get("engine", "")),
        repeats=int(plan.get("repeats", 1)),
        checks=tuple(str(text) for text in plan.get("checks", ())),
        session=session,
        reuse=plan.get("reuse") is not False,
    )
    return spec, documents


def _tables(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    rows = data.get(key)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}
