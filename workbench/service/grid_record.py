"""A grid on disk: what the group's file holds, and a cell's state from the record of its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.compare.plan import plan_data
from workbench.compare.prompts import picked_options
from workbench.compare.state import CellState
from workbench.record import MissingText
from workbench.session.info import rating_of

if TYPE_CHECKING:
    from workbench.record import RunRequest, RunResult
    from workbench.service.grid_plan import Grid
    from workbench.session.info import RunRecord, Session

WARM_NOTE = "the prompt went on from what the engine had read before"
NO_SEED_NOTE = "the engine takes no seed"


def take_result(state: CellState, result: RunResult, seed: int | None) -> None:
    """How a run ended. ``note`` is why it may not be exactly repeatable."""
    status = {"finished": "done", "cancelled": "cancelled", "interrupted": "cancelled"}.get(result.status, "failed")
    state.status = status  # type: ignore[assignment]
    for name in ("text", "sha256", "tokens_in", "tokens_out", "ms_load", "ms_first", "ms_total", "finish_reason"):
        setattr(state, name, getattr(result, name))
    state.repro, state.error, state.seed = result.repro, result.error, seed
    notes = {"likely": WARM_NOTE, "none": NO_SEED_NOTE}
    state.note = notes.get(result.repro, "") if state.status == "done" else ""


def take_marks(state: CellState, marks: Mapping[str, Any]) -> None:
    """A person's marks of the run; they come from disk and may hold anything."""
    state.rating, state.star = rating_of(marks), marks.get("star") is True
    state.remark = str(marks.get("note") or "")


def take_prompt(state: CellState, request: RunRequest, text: str = "") -> None:
    """What was asked, for people; what a plan has said of it already stays. ``text`` is the same, held once."""
    text = text or request.prompt.plain
    if not state.prompt_text and not isinstance(text, MissingText):
        state.prompt_text = text
    state.picked = state.picked or picked_options(request.pattern, state.cell.axes)


def fill(state: CellState, record: RunRecord, session: Session) -> None:
    """The state of a cell from a run on disk, with its marks."""
    take_result(state, record.result, record.request.params.seed)
    state.session, state.run_id = session.dir.name, record.request.id
    take_marks(state, session.runs.get(record.request.id, {}))
    take_prompt(state, record.request)
    state.model, state.engine = record.request.model.file, record.request.engine


def group_data(grid: Grid) -> dict[str, Any]:
    """What the group's file holds: enough to go on without the template's file, even if it was changed since."""
    spec = grid.spec
    return {
        "template": spec.document.path,
        "models": list(dict.fromkeys(item.state.model for item in grid.cells)),
        "count": grid.plan.count,
        "order": "model, then shared beginnings",
        "cache": "cold" if grid.cold else "warm",
        "reuse": spec.reuse,
        "model": spec.model,
        "engine": spec.engine,
        "variables": dict(spec.variables),
        "params": {name: list(v) if isinstance(v, tuple) else v for name, v in spec.params.items() if v is not None},
        **plan_data(grid.plan),
        "checks": list(spec.checks),
        "reused": [
            {"cell": item.cell.key, "session": item.reused.session.dir.name, "run": item.reused.record.request.id}
            for item in grid.cells
            if item.reused is not None
        ],
        "documents": [
            {"name": name, "path": document.path, "sha256": document.sha256, "source": document.source}
            for name, document in grid.documents.items()
        ],
    }
