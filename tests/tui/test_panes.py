"""Panes side by side through the pilot, with the scripted engine, at three sizes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.test_app import SIZES, opened, play, screen_text, space, wait_for
from workbench.tui.app import WorkbenchApp
from workbench.tui.pane_view import PaneSettings

__all__ = ["space"]
SLOW = {"pieces": ["tick "], "repeat": 500, "delay_ms": 15}
SEEDED = [{"temperature": 0.2, "max_tokens": 50}, {"temperature": 0.9, "max_tokens": 50}]


async def have(app: WorkbenchApp, count: int) -> None:
    """So many panes, each with its own temperature."""
    await app.main.panes.set_all([PaneSettings(params={"temperature": place / 10}) for place in range(count)])


async def run_all(app: WorkbenchApp, pilot: Pilot[int]) -> None:
    await pilot.press("f5")
    await wait_for(pilot, lambda: all(pane.record or pane.bridge for pane in app.main.panes.all))
    await wait_for(pilot, lambda: not app.main.running.busy)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [2, 4, 6])
async def test_all_panes_stream_at_once_into_one_group(
    space: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], count: int
) -> None:
    play(monkeypatch, **SLOW)
    async with opened(space, size) as (app, pilot):
        panes = app.main.panes
        await have(app, count)
        await pilot.press("f5")
        await wait_for(pilot, lambda: all(pane.view.text and pane.bridge for pane in panes.all))
        if size[0] < 100:
            # One at a time, under tabs with the progress of all.
            await wait_for(pilot, lambda: screen_text(pilot).splitlines()[1].count(" tok") == count)
            assert sum(pane.view.region.height > 0 for pane in panes.all) == 1
        else:
            await wait_for(
                pilot, lambda: all(f"temperature={place / 10}" in screen_text(pilot) for place in range(count))
            )
            regions = [pane.view.region for pane in panes.all]
            assert all(region.width > 30 and region.height > 3 for region in regions)
            assert not any(one.overlaps(other) for one in regions for other in regions if one is not other)
        await pilot.press("f6")
        await wait_for(pilot, lambda: not app.main.running.busy)
        assert app.main.running.session is not None
        runs = app.bench.store.runs(app.main.running.session)
        assert sorted(run.pane for run in runs) == list(range(1, count + 1))
        assert len({run.group for run in runs}) == 1
        assert runs[0].group
        assert Counter(run.status for run in runs) == {"cancelled": count}


async def test_what_is_seen_is_on_disk(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, **SLOW)
    async with opened(space, (120, 36)) as (app, pilot):
        await have(app, 3)
        await pilot.press("f5")
        await wait_for(pilot, lambda: all(len(pane.view.text) > 30 for pane in app.main.panes.all))
        seen = [pane.view.text for pane in app.main.panes.all]
        files = app.bench.workspace.sessions.rglob("*.jsonl")
        kept = [path.read_text(encoding="utf-8").count("tick ") for path in files]
        kept = [count for count in kept if count]
        assert len(kept) == 3
        assert min(kept) * len("tick ") >= min(map(len, seen))
        await pilot.press("f6")
        await wait_for(pilot, lambda: not app.main.running.busy)


async def test_one_pane_is_stopped_and_the_others_go_on(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, **SLOW)
    async with opened(space, (120, 36)) as (app, pilot):
        panes = app.main.panes
        await have(app, 3)
        await pilot.press("f5")
        await wait_for(pilot, lambda: all(pane.view.text for pane in panes.all))
        await pilot.press("alt+4", "2", "x")
        await wait_for(pilot, lambda: panes.all[1].bridge is None)
        assert panes.all[1].state.phase == "stopped"
        assert [pane.bridge is not None for pane in panes.all] == [True, False, True]
        await pilot.press("f6")
        await wait_for(pilot, lambda: not app.main.running.busy)


@pytest.mark.parametrize("size", SIZES)
async def test_panes_come_and_go_by_key_and_one_is_as_before(space: Path, size: tuple[int, int]) -> None:
    async with opened(space, size) as (app, pilot):
        panes = app.main.panes
        await pilot.press("alt+4")
        before = screen_text(pilot)
        await pilot.press("plus")
        await wait_for(pilot, lambda: len(panes.all) == 2 and panes.current is panes.all[1])
        app.main.running.engine = "llamacpp"
        assert [pane.settings.engine for pane in panes.all] == ["", "llamacpp"]
        await pilot.press("1")
        assert panes.current is panes.all[0]
        assert app.main.output is panes.all[0].view
        await pilot.press("alt+b", "z")
        await pilot.pause()
        assert panes.all[1].view.region.height > size[1] // 2
        await pilot.press("minus")
        await wait_for(pilot, lambda: len(panes.all) == 1)
        panes.unzoom()
        await wait_for(pilot, lambda: screen_text(pilot) == before)
