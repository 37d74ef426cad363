"""Grids on the real model: what is read, and that a cell says what it says alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from workbench.compare.schedule import shared_beginning
from workbench.compare.state import CellState
from workbench.service import RunSpec, Workbench, open_workbench
from workbench.service.grid import GridRun
from workbench.service.grid_axes import GridSpec
from workbench.service.grid_estimate import estimate
from workbench.service.grid_plan import prepare_grid
from workbench.service.grid_record import WARM_NOTE
from workbench.template.axis import Axis
from workbench.template.document import parse_document
from workbench.workspace import init_workspace

pytestmark = pytest.mark.real_model
COMMON = " ".join(f"Fact {number}: river {number} is {number * 7} km long." for number in range(22))


@pytest_asyncio.fixture
async def bench(tmp_path: Path, default_model: Path) -> AsyncIterator[Workbench]:
    init_workspace(tmp_path / "space")
    workbench = open_workbench(tmp_path / "space", model_dirs=[default_model.parent])
    yield workbench
    await workbench.close()


async def run(bench: Workbench, spec: GridSpec) -> list[CellState]:
    grid_run = GridRun(bench, prepare_grid(bench, spec))
    async for _ in grid_run.events():
        pass
    return grid_run.grid.states


async def test_a_shared_beginning_of_300_tokens_is_read_once(bench: Workbench) -> None:
    questions = Axis(("q",), tuple((f"What of river {number * 5 % 12}?",) for number in range(12)))
    document = parse_document('+++\nmode = "raw"\n+++\n' + COMMON + " {{ q }}")
    settings = {"temperature": 0, "max_tokens": 1, "n_ctx": 1024}
    spec = GridSpec(document, (questions,), params=settings)
    states = await run(bench, spec)
    process = bench.pool.idle[0]
    texts = sorted(COMMON + f" {row[0]}" for row in questions.rows)
    assert (await process.count_tokens(COMMON) or 0) >= 300
    best = await process.count_tokens(texts[0]) or 0
    for last, text in pairwise(texts):
        shared = await process.count_tokens(text[: shared_beginning(last, text)]) or 0
        best += (await process.count_tokens(text) or 0) - shared
    read = sum(state.tokens_in - state.tokens_cached for state in states)
    assert read <= 1.1 * best
    # What was said beforehand, by an engine that is loaded, is what it comes to.
    told = await estimate(bench, prepare_grid(bench, GridSpec(document, (questions,), params=settings, reuse=False)))
    assert told.tokens == sum(state.tokens_in for state in states)
    assert abs(told.tokens_to_read - read) <= 0.1 * read


async def test_same_seed_same_text_as_alone_or_the_run_is_marked(bench: Workbench) -> None:
    document = parse_document("Write about {{ what }}.")
    axis = Axis(("what",), (("rain",), ("snow",)))
    params = {"seed": 7, "temperature": 0.8, "max_tokens": 8, "n_ctx": 512}
    alone = {}
    for (what,) in axis.rows:
        handle = bench.start_run(RunSpec(document, {"what": what}, params={**params, "cold_cache": True}))
        async for _ in handle.events():
            pass
        assert handle.result is not None
        alone[what] = handle.result.text
    cold = await run(bench, GridSpec(document, (axis,), params={**params, "cold_cache": True}, reuse=False))
    assert {state.cell.axes["what"]: state.text for state in cold} == alone
    assert [(state.repro, state.note) for state in cold] == [("exact", "")] * 2
    warm = await run(bench, GridSpec(document, (axis,), params=params, reuse=False))
    for state in warm:
        exact = state.text == alone[str(state.cell.axes["what"])]
        assert exact or (state.repro, state.note) == ("likely", WARM_NOTE)
        assert (state.tokens_cached > 0) == (state.repro == "likely")
