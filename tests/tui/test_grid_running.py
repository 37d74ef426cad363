"""A grid that runs in the app: paused, left, stopped and gone on with, and one of 10,000 cells."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from time import process_time

import pytest

from tests.counting import steps
from tests.test_app import opened, play, screen_text, space, wait_for
from tests.tui.test_grid_screen import chosen, started, told
from workbench.compare.plan import GridPlan
from workbench.compare.state import CellState
from workbench.service.grid_resume import find_grid, saved_grid
from workbench.template.axis import Axis
from workbench.tui.app import WorkbenchApp
from workbench.tui.grid.live import GridLive
from workbench.tui.screens.grid import GridScreen
from workbench.tui.screens.modal import Choose, Confirm

__all__ = ["space"]


async def test_it_pauses_goes_on_when_left_and_comes_back(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pieces=["tick "] * 8, delay_ms=40)
    async with opened(space) as (app, pilot):
        screen = await started(app, pilot, "seed = 1-6")
        await wait_for(pilot, lambda: "> " in screen_text(pilot) and "tick" in screen_text(pilot))
        await pilot.press("f5")
        await wait_for(pilot, lambda: "paused" in screen_text(pilot))
        done = screen.live.totals.done
        assert 0 < done < 6
        await pilot.press("escape")
        await wait_for(pilot, lambda: app.context == "main")
        await wait_for(pilot, lambda: f"grid paused, {done} of 6 done (^G)" in screen_text(pilot))
        await pilot.press("ctrl+g")
        await wait_for(pilot, lambda: isinstance(app.screen, GridScreen))
        await pilot.press("f5", "escape")
        await wait_for(pilot, lambda: app.context == "main")
        await pilot.press("f5")
        await wait_for(pilot, lambda: told(app, "A grid is running"))
        assert not app.main.running.busy
        await wait_for(pilot, lambda: not app.grids.running)
        await wait_for(pilot, lambda: "grid complete, 6 of 6 done (^G)" in screen_text(pilot))
        await pilot.press("ctrl+g")
        await wait_for(pilot, lambda: "6 of 6 done" in screen_text(pilot) and app.context == "grid")
        await pilot.press("escape")
        await wait_for(pilot, lambda: "grid complete" not in screen_text(pilot))


async def test_a_stopped_grid_goes_on_from_disk_with_what_is_missing(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, pieces=["tick "] * 8, delay_ms=40)
    async with opened(space) as (app, pilot):
        screen = await started(app, pilot, "seed = 1-12", checks="contains=tick")
        await wait_for(pilot, lambda: screen.live.totals.done > 0)
        await pilot.press("f6")
        await wait_for(pilot, lambda: not screen.live.running)
        first = screen.live.totals.done
        assert 1 < first < 12
        await pilot.press("f5")
        await wait_for(pilot, lambda: screen.live.running and screen.live.totals.done > first)
        await pilot.press("f7")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await wait_for(pilot, lambda: not screen.live.running)
        done = screen.live.totals.done
        assert first < done < 12
        await pilot.press("ctrl+q")
    play(monkeypatch, pieces=["tick"])
    async with opened(space) as (app, pilot):
        await pilot.press("alt+7")
        await wait_for(pilot, lambda: isinstance(app.screen, Choose))
        session, group = find_grid(app.bench)
        await wait_for(pilot, lambda: f"{done} of 12 done" in screen_text(pilot))
        await chosen(app, pilot, group.id)
        await wait_for(pilot, lambda: isinstance(app.screen, GridScreen) and "stopped" in screen_text(pilot))
        again = app.screen
        assert isinstance(again, GridScreen)
        await wait_for(pilot, lambda: again.rows.cell(0, 0).text.startswith("+"))
        await pilot.press("f5")
        await wait_for(pilot, lambda: "complete" in screen_text(pilot))
        assert len(list((session.dir / "runs").glob("*.toml"))) == 12
        live = again.live
        plan, states = saved_grid(app.bench, session, group, on_read=lambda *read: setattr(live, "read", read))
        assert {state.status for state in states} == {"done"}
        assert live.read == (11, 12)
        shown = GridLive(app.bench, plan, states, title="", place=(session, group))
        shown.reading, shown.read = True, live.read
        assert shown.parts() == ["reading the disk: 11 of 12 runs"]


async def test_what_failed_runs_again_and_quitting_asks(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pieces=["a", "b"], fail_at=1)
    async with opened(space) as (app, pilot):
        screen = await started(app, pilot, "seed = 1, 2")
        await wait_for(pilot, lambda: not screen.live.running and "2 failed" in screen_text(pilot))
        assert screen.rows.cell(0, 0).kind == "failed"
        play(monkeypatch, pieces=["late "] * 50, delay_ms=40)
        await pilot.press("e")
        await wait_for(pilot, lambda: screen.live.running and "late" in screen_text(pilot))
        await pilot.press("ctrl+q")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await wait_for(pilot, lambda: app.screen is screen)
        await pilot.press("ctrl+q")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await wait_for(pilot, lambda: not screen.live.running)


def scrolled(screen: GridScreen) -> int:
    """The steps of drawing 200 moves of the cursor: down, then right, so that each brings something into view."""
    table = screen.table

    def draw() -> None:
        for step in range(200):
            table.action_move(1 - step // 100, step // 100)
            assert all(table.render_line(y).cell_length == table.size.width for y in range(table.size.height))

    return steps(draw)


async def test_ten_thousand_cells_open_and_scroll_at_once(space: Path) -> None:
    def live(app: WorkbenchApp, size: int) -> GridLive:
        axes = tuple(Axis((name,), tuple((f"{name} {n}",) for n in range(size))) for name in ("left", "top"))
        plan = GridPlan(axes)
        states = [
            CellState(cell, "m.gguf", "llamacpp", "done", f"answer {cell.number} " * 20, tokens_out=cell.number)
            for cell in plan.cells()
        ]
        return GridLive(app.bench, plan, states, title="large")

    async with opened(space) as (app, pilot):
        taken: list[int] = []
        for size in (40, 100):
            tracemalloc.start()
            grid = live(app, size)
            began = process_time()
            screen = GridScreen(app.grids, grid)
            app.push_screen(screen)
            await wait_for(pilot, lambda: app.screen is screen and "answer 0" in screen_text(pilot))  # noqa: B023
            opening = process_time() - began
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            taken.append(scrolled(screen))
            last = f"answer {size * size - 1}"
            screen.table.move_to(size, size)
            await wait_for(pilot, lambda: last in screen_text(pilot))  # noqa: B023
            print(f"{size} x {size}: open {opening:.2f} s, {taken[-1] // 200} steps a move, peak {peak >> 20} MB")
            # Processor time: others on the machine do not count.
            assert opening < 5
            assert peak < 100 << 20
            screen.dismiss(None)
            await wait_for(pilot, lambda: app.screen is app.main)
        # A move draws what the screen shows, whatever that is a part of.
        assert taken[1] < 1.5 * taken[0]
