"""Going on with a grid: exactly what is missing, and nothing outside of the workspace is read."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.test_grid_service import AXES, bench, finish, records, spec
from workbench.error import UsageError
from workbench.service import Workbench
from workbench.service.grid import GridRun
from workbench.service.grid_events import (
    CellFailed,
    CellFinished,
    CellPiece,
)
from workbench.service.grid_plan import prepare_grid
from workbench.service.grid_resume import find_grid, grid_from_disk, saved_grid
from workbench.session.trash import Trash
from workbench.template.axis import Axis

__all__ = ["bench"]


async def test_a_stopped_grid_goes_on_with_exactly_what_is_missing(bench: Workbench) -> None:
    run = GridRun(bench, prepare_grid(bench, spec(repeats=2)))
    async for event in run.events():
        if isinstance(event, CellFinished) and run.totals.done == 5:
            run.stop_after_current()
    assert run.totals.done in (5, 6)
    session, group = find_grid(bench)
    grid = grid_from_disk(bench, session, group)
    assert len(grid.order) == 12 - run.totals.done
    grid.spec = replace(grid.spec, script='{"echo": true}')
    before = {record.request.id for record in records(bench, run)}
    await finish(bench, grid)
    after = records(bench, run)
    assert before < {record.request.id for record in after}
    assert len(after) == len({json.dumps(r.request.cell, sort_keys=True) for r in after}) == 12
    assert grid_from_disk(bench, session, group).order == []
    # To look at, neither template nor model is needed.
    plan, states = saved_grid(bench, session, group)
    assert plan.count == 12
    assert {state.status for state in states} == {"done"}
    assert {state.text for state in states if state.cell.axes["what"] == "snow"} == {
        "Say snow in 京都.",
        "Say snow in Oslo.",
    }


async def test_a_cancelled_run_is_made_again_and_its_remains_go_to_the_trash(bench: Workbench) -> None:
    script = {"pieces": ["a "], "repeat": 50, "delay_ms": 5}
    run = GridRun(bench, prepare_grid(bench, spec(script=script)))
    async for event in run.events():
        if isinstance(event, CellPiece) and event.piece.index == 3:
            await run.cancel()
    assert [record.result.status for record in records(bench, run)] == ["cancelled"]
    assert run.grid.cells[run.grid.order[0]].state.status == "cancelled"
    session, group = find_grid(bench)
    looked_at = [state.status for state in saved_grid(bench, session, group)[1]]
    assert (looked_at.count("cancelled"), looked_at.count("planned")) == (1, 5)
    grid = grid_from_disk(bench, session, group)
    grid.spec = replace(grid.spec, script='{"echo": true}')
    await finish(bench, grid)
    assert [record.result.status for record in records(bench, run)] == ["finished"] * 6
    (entry,) = Trash(bench.store).list_trash()
    assert entry.kind == "run"
    assert Trash(bench.store).undo_delete(entry.token).dir == session.dir
    assert bench.store.open_run(session, entry.run_id).result.status == "cancelled"
    # As after a kill between the later run and the move: nothing is left to run, and the remains go.
    grid = grid_from_disk(bench, session, group)
    assert grid.order == []
    await finish(bench, grid)
    assert [record.result.status for record in records(bench, run)] == ["finished"] * 6
    assert [item.run_id for item in Trash(bench.store).list_trash()] == [entry.run_id]


async def test_a_run_that_was_killed_in_its_first_moment_leaves_nothing_behind(bench: Workbench) -> None:
    script = {"pieces": ["a "], "repeat": 50, "delay_ms": 5}
    run = GridRun(bench, prepare_grid(bench, spec(script=script)))
    async for event in run.events():
        if isinstance(event, CellPiece) and event.piece.index == 3:
            await run.cancel()
    session, group = find_grid(bench)
    (recording,) = (session.dir / "runs").glob("*.jsonl")
    # The kill came between the recording's first line and the run file.
    head = json.loads(recording.read_bytes().split(b"\n")[0])
    ended = subprocess.Popen(["true"])
    ended.wait()
    recording.write_text(json.dumps(head | {"pid": ended.pid}) + "\n", encoding="utf-8")
    recording.with_suffix(".toml").unlink()
    grid = grid_from_disk(bench, session, group)
    grid.spec = replace(grid.spec, script='{"echo": true}')
    await finish(bench, grid)
    assert [record.result.status for record in records(bench, run)] == ["finished"] * 6
    assert not recording.exists()


async def test_retry_errors_runs_only_what_failed(bench: Workbench) -> None:
    run, events = await finish(bench, prepare_grid(bench, spec(script={"fail_at": 0})))
    assert sum(isinstance(event, CellFailed) for event in events) == run.totals.failed == 6
    session, group = find_grid(bench)
    assert grid_from_disk(bench, session, group).order == []
    grid = grid_from_disk(bench, session, group, missing=False, failed=True)
    grid.spec = replace(grid.spec, script='{"echo": true}')
    run, _ = await finish(bench, grid)
    assert [record.result.status for record in records(bench, run)] == ["finished"] * 6
    assert run.totals.failed == 0


READS = "+++\n[slots.doc]\ntype = 'file'\n+++\nRead {{ doc }} of {{ what }}."


@pytest.mark.parametrize("by_axis", [False, True], ids=["value", "axis"])
async def test_a_plan_may_not_name_files_outside_of_the_workspace(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_axis: bool
) -> None:
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (bench.workspace.root / "inside.txt").write_text("inside", encoding="utf-8")
    inside, outside = (Axis(("doc",), ((name,),)) for name in ("inside.txt", str(tmp_path / "secret.txt")))
    own = spec(READS, axes=(AXES[0], outside)) if by_axis else spec(READS, variables={"doc": outside.rows[0][0]})
    own = replace(own, axes=own.axes if by_axis else AXES[:1])
    # A person's own value may: also when the grid goes on, if it is said again.
    run, _ = await finish(bench, prepare_grid(bench, own))
    session, group = find_grid(bench)
    assert run.totals.done == 3
    assert {state.text for state in run.grid.states} >= {"Read secret of rain."}
    with pytest.raises(UsageError, match=r"doc: .*secret\.txt' is outside of the workspace"):
        grid_from_disk(bench, session, group)
    assert grid_from_disk(bench, session, group, asked=own).order == []
    # By its name alone it looks as if it were inside, and is found in the folder where the command was given.
    group = replace(group, plan=json.loads(json.dumps(group.plan).replace(str(tmp_path / "secret.txt"), "secret.txt")))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="outside of the workspace"):
        grid_from_disk(bench, session, group)
    header = READS.replace("+++\n", f"+++\n[[axis]]\ntarget='doc'\nvalues=['{tmp_path}/secret.txt']\n", 1)
    with pytest.raises(UsageError, match="outside of the workspace"):
        prepare_grid(bench, spec(header, axes=AXES[:1]))
    assert prepare_grid(bench, spec(READS, axes=(AXES[0], inside))).plan.count == 3
