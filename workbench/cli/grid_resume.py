"""Which saved grid ``--resume`` and ``--retry-errors`` mean, and that it is the one described."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.error import UsageError

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.service.grid_axes import GridSpec
    from workbench.service.grid_plan import Grid
    from workbench.session.groups import Group
    from workbench.session.store import Session


def stored_grid(
    bench: Workbench, spec: GridSpec, args: argparse.Namespace, progress: Callable[[int, int], None]
) -> Grid:
    """The grid from disk with what is to be run in it.

    A group that is named is taken as it is. Without a name it is the newest grid of the template; when axes, models or
    values are given, the newest that has just these, so that the same command with ``--resume`` goes on with itself.
    Raises UsageError when there is none.
    """
    from workbench.service.grid_resume import find_grid, grid_from_disk

    described = bool(args.axes or args.use or args.rows or args.values or args.files or args.params or args.seed)
    if args.resume:
        session, group = find_grid(bench, args.resume, template=spec.document.path)
    elif described or args.repeat > 1:
        session, group = _same_grid(bench, spec)
    else:
        session, group = find_grid(bench, template=spec.document.path)
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


def _same_grid(bench: Workbench, spec: GridSpec) -> tuple[Session, Group]:
    from workbench.compare.plan import plan_data
    from workbench.param import parse_param
    from workbench.service.grid_axes import grid_plan
    from workbench.service.grid_resume import grids_of

    plan, _ = grid_plan(bench, spec)
    wanted = plan_data(plan) | {"model": spec.model, "engine": spec.engine, "variables": dict(spec.variables)}
    params = dict(spec.params)
    for session, group in grids_of(bench, spec.document.path):
        stored = {name: parse_param(name, value) for name, value in group.plan.get("params", {}).items()}
        if stored == params and all(group.plan.get(key, {}) == value for key, value in wanted.items()):
            return session, group
    raise UsageError(
        f"no saved grid of {spec.document.path} has these axes and values",
        hint="Name the group: --resume GROUP; without any axes the newest one is taken.",
    )
