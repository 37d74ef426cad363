"""Going on with a grid: the plan from its file, what is done from the runs, and the rest to be run.

A cell counts as done by its newest finished run. Interrupted and cancelled runs of a cell are run again and then go to
the trash, so that a finished grid has exactly one run for each cell. Blocking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from workbench.compare.keys import cell_key
from workbench.compare.plan import plan_from_data
from workbench.error import StorageError, UsageError
from workbench.service.grid_axes import GridSpec
from workbench.service.grid_disk import FoundRun
from workbench.service.grid_plan import Grid, PreparedCell, order_of, prepare_cells
from workbench.service.grid_record import fill
from workbench.session.groups import Group, list_groups
from workbench.template.document import TemplateDocument, parse_document

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.session.info import RunRecord
    from workbench.session.store import Session


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
    on_progress: Callable[[int, int], None] | None = None,
) -> Grid:
    """A saved grid with its results. ``missing`` cells are to be run, and ``failed`` ones if asked.

    Raises UsageError for a plan that cannot be read, and whatever planning raises.
    """
    if group.problem:
        raise UsageError(f"the grid {group.id} cannot be used: {group.problem}")
    spec, documents = _spec(session, group)
    grid = prepare_cells(
        bench, spec, plan_from_data(group.plan), documents, on_progress=on_progress, not_group=group.id
    )
    grid.group = group
    made = _runs(bench, session, group)
    kept = {str(row.get("cell")): row for row in _tables(group.plan, "reused")}
    folders = {item.dir.name: item for item in bench.store.list_sessions()} if kept else {}
    for item in grid.cells:
        _place(item, made.get(item.cell.key, []), session, failed=failed)
        if item.state.status == "planned" and item.reused is None and item.cell.key in kept:
            item.reused = _kept(bench, kept[item.cell.key], folders)
    grid.order = [number for number in order_of(grid.cells) if missing or grid.cells[number].retry]
    return grid


def _place(item: PreparedCell, runs: list[RunRecord], session: Session, *, failed: bool) -> None:
    """What is known of one cell: its best run, and the runs that a new one takes the place of."""
    if live := [run for run in runs if run.live]:
        raise UsageError(
            f"the run {live[0].request.id} of this grid is still going on", hint="Wait for it, or stop it."
        )
    done = [run for run in runs if run.result.status == "finished"]
    errors = [run for run in runs if run.result.status == "error"]
    ended = done or ([] if failed else errors)
    if ended:
        item.reused = None
        fill(item.state, ended[-1], session.dir.name)
    else:
        item.replaces = tuple(run.request.id for run in runs)
        item.retry = bool(errors)


def _runs(bench: Workbench, session: Session, group: Group) -> dict[str, list[RunRecord]]:
    """The group's runs by cell, oldest first."""
    found: dict[str, list[RunRecord]] = {}
    for path in sorted((session.dir / "runs").glob("*.toml")):
        try:
            record = bench.store.open_run(session, path.stem)
        except StorageError:
            continue
        if record.request.group == group.id:
            found.setdefault(cell_key(record.request.cell), []).append(record)
    return found


def _kept(bench: Workbench, row: Mapping[str, Any], folders: Mapping[str, Session]) -> FoundRun | None:
    """A run that was reused when the grid was planned; None when it is gone."""
    session = folders.get(str(row.get("session")))
    if session is None:
        return None
    try:
        record = bench.store.open_run(session, str(row.get("run")))
    except StorageError:
        return None
    return FoundRun(session, record) if record.result.status == "finished" else None


def _spec(session: Session, group: Group) -> tuple[GridSpec, dict[str, TemplateDocument]]:
    plan = group.plan
    documents = {
        str(row.get("name", "")): parse_document(str(row.get("source", "")), path=str(row.get("path", "template")))
        for row in _tables(plan, "documents")
    }
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
