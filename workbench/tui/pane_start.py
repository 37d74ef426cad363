"""Several runs at once: all are planned first, memory is told of their sum, and they share one session and group."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.engine import LoadSpec
from workbench.engine.measured import measured
from workbench.engine.memory import estimate, free_memory, memory_warning
from workbench.engine.server_models import named_server
from workbench.error import StorageError, WorkbenchError
from workbench.service import RunSpec, Workbench
from workbench.service.memo import PlanMemo
from workbench.service.plan import RunPlan, plan_run
from workbench.service.run import RunHandle
from workbench.session.info import Session
from workbench.tui.in_app import in_app

if TYPE_CHECKING:
    from workbench.service.pool import EnginePool


@dataclass(frozen=True)
class Planned:
    """A run of the group, or why there is none."""

    spec: RunSpec
    plan: RunPlan | None
    error: WorkbenchError | None = None


def plan_all(bench: Workbench, specs: Sequence[RunSpec]) -> list[Planned]:
    """Every run as it will be; the processor's cores are divided among those on this machine. Blocking, bounded."""
    here = sum(spec.engine != "server" and named_server(bench.config, spec.model) is None for spec in specs)
    memo = PlanMemo(lanes=max(1, here))
    found = []
    for spec in specs:
        try:
            # Memory is asked about for all at once.
            found.append(Planned(spec, plan_run(bench, replace(spec, memo=memo, force_memory=True))))
        except WorkbenchError as error:
            found.append(Planned(spec, None, in_app(error)))
    return found


def memory_question(bench: Workbench, planned: Sequence[Planned]) -> str:
    """What to ask before so many models are loaded; "" when they fit, or are loaded already. Blocking, short."""
    wanted = [item.plan for item in planned if item.plan is not None and item.plan.load.path]
    pool = bench.pool
    fresh, unused = _not_loaded([plan.load for plan in wanted], pool)
    if not fresh:
        return ""
    need, free = sum(_need(load) for load in fresh), free_memory() + unused
    # Of a single one that is only large the run itself tells.
    if len(wanted) < 2 and need <= free:
        return ""
    warning = memory_warning(need, free)
    many = "One engine" if len(fresh) == 1 else f"{len(fresh)} engines at once"
    return f"{many}: this {warning}, or run fewer panes." if warning else ""


def _not_loaded(loads: Sequence[LoadSpec], pool: EnginePool) -> tuple[list[LoadSpec], int]:
    """What must be loaded, and the bytes of idle engines that would make room for it."""
    idle = [(process.spec, process.resident()) for process in pool.idle]
    fresh = []
    for load in loads:
        match = next((item for item in idle if item[0] == load), None)
        if match is None:
            fresh.append(load)
        else:
            idle.remove(match)
    return fresh, sum(size for _, size in idle)


def _need(load: LoadSpec) -> int:
    from workbench.engine.shelf import entry_of

    path, kept = Path(load.path), load.cache_type
    if before := measured(path, load.engine, load.n_ctx, cache_type=kept):
        return before
    return estimate(entry_of(path).header, load.engine, load.n_ctx, cache_type=kept, n_batch=load.n_batch).peak


class SharedSession:
    """The session of one start: made once, by whichever run opens its record first."""

    def __init__(self, bench: Workbench, session: Session | None, title: str) -> None:
        self._bench, self._title = bench, title
        self._lock = threading.Lock()
        self._failed = False
        self.session = session

    def get(self) -> Session | None:
        """Blocking; None when the disk takes nothing: each run then tries by itself, and says so."""
        with self._lock:
            if self.session is None and not self._failed:
                try:
                    self.session = self._bench.store.new_session(self._title)
                except StorageError:
                    self._failed = True
            return self.session


def handle_for(bench: Workbench, planned: Planned, shared: SharedSession) -> RunHandle:
    """A run of the group, ready to be iterated."""

    def plan() -> RunPlan:
        assert planned.plan is not None
        handle.session = shared.get()
        return planned.plan

    handle = RunHandle(bench, planned.spec, plan)
    return handle


def told_once(what: str, reasons: Sequence[tuple[str, str]]) -> list[str]:
    """One message for each reason, however many panes have it: each pane shows its own, and messages cover them."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons:
        names.setdefault(reason, []).append(name)
    return [
        f"{alike[0] if len(alike) == 1 else f'{len(alike)} panes {what}'}: {reason}" for reason, alike in names.items()
    ]
