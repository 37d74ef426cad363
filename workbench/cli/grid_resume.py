"""Which saved grid ``--resume`` and ``--retry-errors`` mean, and that it is the one described."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.cli.arguments import document_of
from workbench.error import UsageError, WorkbenchError

if TYPE_CHECKING:
    from workbench.compare.plan import GridPlan
    from workbench.service import Workbench
    from workbench.service.grid_axes import GridSpec
    from workbench.service.grid_plan import Grid
    from workbench.session.groups import Group
    from workbench.session.store import Session
    from workbench.template.document import TemplateDocument


def asked_document(bench: Workbench, args: argparse.Namespace) -> TemplateDocument:
    """The template as it stands; when its file is gone, as the newest plan has it. Raises what loading it raises."""
    from workbench.service.grid_resume import grids_of, planned_documents

    try:
        return document_of(bench, args.template)
    except UsageError:
        folder = bench.workspace.templates.name
        paths = [f"{place}{args.template}{end}" for place in ("", f"{folder}/") for end in ("", ".j2")]
        for _, group in sorted(grids_of(bench), key=lambda pair: pair[1].id, reverse=True):
            if group.plan.get("template") in paths and args.resume in (None, "", group.id):
                return planned_documents(group)[""]
        raise


def stored_grid(
    bench: Workbench, spec: GridSpec, args: argparse.Namespace, progress: Callable[[int, int], None]
) -> Grid:
    """The grid from disk with what is to be run in it.

    Without a name it is the newest grid of the template; when axes, models or values are given, the newest that has
    just these, so that the same command with ``--resume`` goes on with itself. Raises UsageError when there is none,
    and when an option says something else than its plan: nothing that is asked for is passed over.
    """
    from workbench.service.grid_resume import find_grid, grid_from_disk

    described = bool(args.axes or args.use or args.rows or args.values or args.files or args.params or args.seed)
    if args.resume:
        session, group = find_grid(bench, args.resume, template=spec.document.path)
    elif described:
        session, group = _same_grid(bench, spec)
    else:
        session, group = find_grid(bench, template=spec.document.path)
    if others := list(_others(bench, spec, args, session, group)):
        raise UsageError(
            f"the grid {group.id} was planned with something else than {', '.join(others)}",
            hint="Leave it out to go on with the plan, or leave out --resume and --retry-errors to start a new grid.",
        )
    return grid_from_disk(
        bench,
        session,
        group,
        missing=args.resume is not None,
        failed=args.retry_errors,
        parallel=args.parallel,
        on_progress=progress,
        asked=spec,
    )


def _others(
    bench: Workbench, spec: GridSpec, args: argparse.Namespace, session: Session, group: Group
) -> Iterator[str]:
    """The options that were given and differ from the plan."""
    from workbench.compare.plan import plan_from_data
    from workbench.service.grid_resume import planned_documents

    plan, stored = plan_from_data(group.plan), group.plan
    params, variables = _params(stored), stored.get("variables", {})
    if args.engine and args.engine != stored.get("engine"):
        yield f"--engine {args.engine}"
    if len(args.use) == 1 and args.use[0] != stored.get("model"):
        yield f"--model {args.use[0]}"
    if args.repeat is not None and args.repeat != plan.repeats:
        yield f"--repeat {args.repeat}"
    if not args.reuse and stored.get("reuse") is not False:
        yield "--no-reuse"
    if args.session and args.session not in (session.title, session.dir.name, session.id):
        yield f"--session {args.session}"
    yield from (f"{name} = {value}" for name, value in spec.variables.items() if variables.get(name) != value)
    yield from (f"{name} = {value}" for name, value in spec.params.items() if params.get(name) != value)
    if args.join and not spec.axes and sum(axis.targets != ("model",) for axis in plan.axes) > 1:
        yield "--join"
    if spec.axes or args.prompts:
        document = planned_documents(group).get("", spec.document)
        axes = spec.axes or plan.axes
        asked = _planned(bench, replace(spec, document=document, axes=axes, variables={**variables, **spec.variables}))
        given = {target for axis in spec.axes for target in axis.targets}
        known = {(axis.targets, axis.rows) for axis in plan.axes}
        for axis in asked.axes:
            if given & {*axis.targets} and (axis.targets, axis.rows) not in known:
                yield f"these values of {', '.join(axis.targets)}"
        if args.prompts and asked.prompts != plan.prompts:
            yield f"--prompts {args.prompts}"


def _planned(bench: Workbench, spec: GridSpec) -> GridPlan:
    from workbench.service.grid_axes import grid_plan

    return grid_plan(bench, spec)[0]


def _params(plan: Any) -> dict[str, Any]:
    from workbench.param import parse_param

    return {name: parse_param(name, value) for name, value in plan.get("params", {}).items()}


def _same_grid(bench: Workbench, spec: GridSpec) -> tuple[Session, Group]:
    """Each plan is compared with what the command would plan of its template as it was then."""
    from workbench.compare.plan import plan_data
    from workbench.service.grid_resume import grids_of, planned_documents

    plans: dict[str, dict[str, Any]] = {}
    wrong: WorkbenchError | None = None
    for session, group in sorted(grids_of(bench, spec.document.path), key=lambda pair: pair[1].id, reverse=True):
        try:
            document = planned_documents(group).get("", spec.document)
            if document.sha256 not in plans:
                plans[document.sha256] = plan_data(_planned(bench, replace(spec, document=document)))
        except WorkbenchError as error:
            wrong = wrong or error
            continue
        wanted = plans[document.sha256] | {"model": spec.model, "engine": spec.engine, "variables": {**spec.variables}}
        if _params(group.plan) == dict(spec.params) and all(group.plan.get(k, {}) == v for k, v in wanted.items()):
            return session, group
    if wrong is not None:
        raise wrong
    raise UsageError(
        f"no saved grid of {spec.document.path} has these axes and values",
        hint="Name the group: --resume GROUP; without any axes the newest one is taken.",
    )
