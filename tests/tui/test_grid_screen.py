"""The grid's form and live table through the pilot: small grids with the scripted engine, and one of 10,000 cells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.test_app import opened, play, screen_text, space, wait_for
from workbench.service.grid_resume import find_grid
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.difference import DifferenceScreen
from workbench.tui.screens.grid import GridScreen
from workbench.tui.screens.grid_plan import GridPlanScreen

__all__ = ["space"]

AXES = "city = London, Oslo\ntemperature = 0, 1"


async def form(app: WorkbenchApp, pilot: Pilot[int], axes: str = AXES, **fields: str) -> GridPlanScreen:
    """The plan form, filled in and planned."""
    await pilot.press("ctrl+g")
    await wait_for(pilot, lambda: isinstance(app.screen, GridPlanScreen))
    screen = app.screen
    assert isinstance(screen, GridPlanScreen)
    screen.axes.load_text(axes)
    for name, value in fields.items():
        if name == "checks":
            screen.checks.load_text(value)
        else:
            screen.fields[name].value = value
    await wait_for(pilot, lambda: "run" in str(screen.cost.content))
    return screen


async def started(app: WorkbenchApp, pilot: Pilot[int], axes: str = AXES, **fields: str) -> GridScreen:
    """A grid that runs."""
    await form(app, pilot, axes, **fields)
    await pilot.press("f5")
    await wait_for(pilot, lambda: isinstance(app.screen, GridScreen))
    assert isinstance(app.screen, GridScreen)
    return app.screen


async def ended(app: WorkbenchApp, pilot: Pilot[int], axes: str = AXES, **fields: str) -> GridScreen:
    screen = await started(app, pilot, axes, **fields)
    await wait_for(pilot, lambda: not screen.live.running)
    await wait_for(pilot, lambda: "complete" in screen_text(pilot))
    return screen


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_grid_is_planned_run_and_shown(
    space: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    play(monkeypatch, echo=True)
    async with opened(space, size) as (app, pilot):
        screen = await form(app, pilot, checks="contains=London")
        await wait_for(pilot, lambda: "4 runs" in str(screen.cost.content))
        await pilot.press("f5")
        await wait_for(pilot, lambda: isinstance(app.screen, GridScreen))
        await wait_for(pilot, lambda: "complete" in screen_text(pilot))
        text = screen_text(pilot)
        assert "London" in text
        assert "4 of 4 done" in text
        assert "Oslo" in text
