"""Grids through the service, with the scripted engine: events, records, reuse, pause and stop."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from workbench.error import UsageError
from workbench.service import Workbench, open_workbench
from workbench.service.grid import GridRun
from workbench.service.grid_axes import GridSpec, axis_of_text
from workbench.service.grid_check import LATER
from workbench.service.grid_estimate import estimate
from workbench.service.grid_events import (
    CellChecked,
    CellFailed,
    CellFinished,
    CellPiece,
    CellStarted,
    GridEvent,
    Totals,
)
from workbench.service.grid_plan import Grid, prepare_grid
from workbench.service.grid_resume import find_grid, grid_from_disk
from workbench.session.groups import hold_group, read_group
from workbench.template.axis import parse_axis
from workbench.template.document import parse_document
from workbench.workspace import init_workspace

SAY = "Say {{ what }} in {{ place }}."
AXES = (parse_axis("what = rain, snow, hail"), parse_axis("place = 京都, Oslo"))


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Workbench]:
    init_workspace(tmp_path / "space")
    workbench = open_workbench(tmp_path / "space")
    yield workbench
    await workbench.close()


def spec(source: str = SAY, script: dict[str, Any] | None = None, **more: Any) -> GridSpec:
    """Greedy, so that runs can be found again."""
    values: dict[str, Any] = {
        "axes": AXES,
        "engine": "scripted",
        "params": {"temperature": 0},
        "script": json.dumps(script or {"echo": True}),
    }
    return GridSpec(parse_document(source, path="templates/say.j2"), **(values | more))


async def finish(bench: Workbench, grid: Grid) -> tuple[GridRun, list[GridEvent]]:
    run = GridRun(bench, grid)
    return run, [event async for event in run.events()]


def records(bench: Workbench, run: GridRun) -> list[Any]:
    assert run.session is not None
    return [bench.store.open_run(run.session, info.id) for info in bench.store.runs(run.session)]


async def test_every_cell_is_a_normal_saved_run_with_its_group_and_cell(bench: Workbench) -> None:
    run, events = await finish(bench, prepare_grid(bench, spec(repeats=2)))
    assert run.group is not None
    found = records(bench, run)
    assert len(found) == 12
    assert {record.request.group for record in found} == {run.group.id}
    cells = {(r.request.cell["axes"]["what"], r.request.cell["axes"]["place"], r.request.cell["repeat"]) for r in found}
    assert len(cells) == 12
    assert all(r.result.text == f"Say {r.request.variables['what']} in {r.request.variables['place']}." for r in found)
    last = events[-1]
    assert isinstance(last, Totals)
    assert (last.planned, last.done, last.failed, last.reused, last.left) == (12, 12, 0, 0, 0)
    started = [event.number for event in events if isinstance(event, CellStarted)]
    assert started == run.grid.order
    assert any(isinstance(event, CellPiece) for event in events)


async def test_the_plan_is_on_disk_before_the_first_run_and_reads_back(bench: Workbench) -> None:
    run = GridRun(bench, prepare_grid(bench, spec()))
    async with aclosing(run.events()) as events:
        async for event in events:
            if isinstance(event, CellStarted):
                break
    assert run.group is not None
    group = read_group(run.group.path)
    assert group.problem == ""
    assert (group.kind, group.plan["count"], group.plan["template"]) == ("grid", 6, "templates/say.j2")
    assert group.plan["axis"][0] == {"targets": ["what"], "rows": [["rain"], ["snow"], ["hail"]]}


async def test_runs_on_disk_are_reused_and_marked_but_drawn_seeds_are_not(bench: Workbench) -> None:
    await finish(bench, prepare_grid(bench, spec()))
    again = prepare_grid(bench, spec(axes=(parse_axis("what = rain, fog"), AXES[1])))
    told = await estimate(bench, again)
    assert (told.planned, told.reused, told.to_run) == (4, 2, 2)
    run, events = await finish(bench, again)
    assert sum(state.reused for state in run.grid.states) == 2
    assert len(records(bench, run)) == 2
    reused = [event.state for event in events if isinstance(event, CellFinished) and event.state.reused]
    assert {state.text for state in reused} == {"Say rain in 京都.", "Say rain in Oslo."}
    free = spec(params={"temperature": 1}, axes=AXES[:1], variables={"place": "x"}, repeats=2)
    for _ in range(2):
        run, _ = await finish(bench, prepare_grid(bench, free))
        assert len({record.request.params.seed for record in records(bench, run)}) == 6


async def test_checks_by_code_are_made_once_at_the_end_and_those_of_the_text_at_once(bench: Workbench) -> None:
    source = SAY + " Now."
    code = "def rate(text, subject):\n    raise ValueError('none')\n"
    (bench.workspace.root / "rate.py").write_text(code, encoding="utf-8")
    wanted = spec(source, checks=("contains={{ what }}", "python=rate.py:rate"), trust=True)
    grid = prepare_grid(bench, wanted)
    _, events = await finish(bench, grid)
    first = next(event.state for event in events if isinstance(event, CellFinished))
    assert first.checks[0].passed
    places = [n for n, event in enumerate(events) if isinstance(event, CellChecked)]
    assert len(places) == 6
    assert min(places) > max(n for n, event in enumerate(events) if isinstance(event, CellFinished))
    # It raised: the check was not made, and says why.
    assert {state.checks[1].passed for state in grid.states} == {None}
    assert LATER not in {state.checks[1].error for state in grid.states}
    session, group = find_grid(bench)
    again, _ = await finish(bench, grid_from_disk(bench, session, group))
    assert {state.passed for state in again.grid.states} == {None}
    assert all(state.checks[0].passed for state in again.grid.states)


async def test_a_model_that_does_not_load_is_tried_once(bench: Workbench) -> None:
    run, events = await finish(bench, prepare_grid(bench, spec(script={"fail_at": "load"})))
    failed = [event.state for event in events if isinstance(event, CellFailed)]
    assert len(failed) == 6
    assert [bool(state.run_id) for state in failed] == [True] + [False] * 5
    assert failed[-1].error.startswith("not run: ")
    assert len(records(bench, run)) == 1


async def test_a_prompt_that_is_too_long_for_the_context_fails_alone(bench: Workbench) -> None:
    axes = (parse_axis(f"what = {'long ' * 40}, rain, snow"), AXES[1])
    run, events = await finish(bench, prepare_grid(bench, spec(script={"echo": True, "n_ctx": 32}, axes=axes)))
    failed = [event.state.error for event in events if isinstance(event, CellFailed)]
    assert len(failed) == 2
    assert all("the context holds 32" in error and "not run" not in error for error in failed)
    assert run.totals.done == 4


async def test_pause_starts_nothing_and_resume_goes_on(bench: Workbench) -> None:
    run = GridRun(bench, prepare_grid(bench, spec()))
    waited: list[int] = []
    async for event in run.events():
        if isinstance(event, CellFinished) and not waited:
            run.pause()
        elif isinstance(event, CellStarted):
            assert not run.paused or len(run.grid.order) > run.totals.done
        elif isinstance(event, Totals) and event.paused and not event.running:
            waited.append(event.done)
            run.resume()
    assert waited
    assert waited[0] < 6
    assert run.totals.done == 6


async def test_a_grid_held_by_another_is_refused(bench: Workbench) -> None:
    await finish(bench, prepare_grid(bench, spec()))
    session, group = find_grid(bench)
    with hold_group(group), pytest.raises(UsageError, match="another process"):
        await finish(bench, grid_from_disk(bench, session, group))


async def test_a_wrong_value_names_its_cell_before_anything_is_written(bench: Workbench) -> None:
    source = '+++\n[slots.n]\ntype = "number"\n+++\nCount to {{ n }}.'
    before = bench.store.list_sessions()
    with pytest.raises(UsageError, match=r"'two' is not a number"):
        prepare_grid(bench, spec(source, axes=(parse_axis("n = 1, two"),)))
    assert bench.store.list_sessions() == before


async def test_the_time_is_unknown_without_earlier_runs_and_measured_with_them(bench: Workbench) -> None:
    script = {"pieces": ["a ", "b ", "c "], "delay_ms": 2, "prompt_ms": 10}
    told = await estimate(bench, prepare_grid(bench, spec(script=script)))
    assert told.seconds is None
    assert "no earlier run of scripted" in told.seconds_basis
    assert told.tokens_basis == "estimated from their bytes"
    await finish(bench, prepare_grid(bench, spec(script=script)))
    fresh = spec(script=script, axes=(parse_axis("what = sun, fog"), AXES[1]))
    told = await estimate(bench, prepare_grid(bench, fresh))
    assert told.seconds is not None
    assert 0 < told.seconds < 5
    assert told.tokens_basis == "counted by the engine"
    assert told.tokens == 4 * 4
    assert not told.most


async def test_a_full_disk_stops_the_grid_and_keeps_the_run_elsewhere(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, root, full = os.write, str(bench.workspace.sessions), [False]

    def write(descriptor: int, data: bytes) -> int:
        if full[0] and os.readlink(f"/proc/self/fd/{descriptor}").startswith(root):
            raise OSError(errno.ENOSPC, "full")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    run = GridRun(bench, prepare_grid(bench, spec(script={"pieces": ["a ", "b "], "delay_ms": 20})))
    async for event in run.events():
        full[0] = full[0] or isinstance(event, CellStarted)
        run.flush()
    assert run.totals.done == 1
    first = run.grid.cells[run.grid.order[0]].state
    assert "not saved" in first.problem
    assert str(bench.workspace.state_dir) in first.problem
    assert first.text == "a b "


@pytest.mark.parametrize(
    ("source", "axes", "texts"),
    [
        ("A {colour:=red|blue} {x|y}.", ["colour = *"], ["A red x.", "A red y.", "A blue x.", "A blue y."]),
        ("A {colour:=red|blue} one.", ["colour = green"], ["A green one."]),
        ("A dog, dogs.", ['replace "dog" = cat, bird'], ["A cat, dogs.", "A bird, dogs."]),
        ("Hi.", ["system = Be kind., Be brief."], ["Be kind. User: Hi.", "Be brief. User: Hi."]),
        ("Hi {{ a }} {{ b }}.", ["(a, b) = (1, 2), (3, 4)"], ["Hi 1 2.", "Hi 3 4."]),
        ("Hi {{ a }}.", ["template = one, two", "a = x"], ["One x.", "Two x."]),
        ("Hi {{ a }}.", ["a = __towns__"], ["Hi Bonn.", "Hi Rome."]),
    ],
)
async def test_every_kind_of_axis_changes_what_it_names(
    bench: Workbench, source: str, axes: list[str], texts: list[str]
) -> None:
    templates = bench.workspace.templates
    (templates / "one.j2").write_text("One {{ a }}.", encoding="utf-8")
    (templates / "two.j2").write_text("Two {{ a }}.", encoding="utf-8")
    (templates / "wildcards").mkdir(exist_ok=True)
    (templates / "wildcards/towns.txt").write_text("Bonn\nRome\n", encoding="utf-8")
    grid = prepare_grid(bench, spec(source, axes=tuple(axis_of_text(bench, text) for text in axes)))
    assert [" ".join(item.text.removesuffix("Assistant:").split()) for item in grid.cells] == texts
