"""The tour at 80x24: six steps that are noticed by themselves, with a scripted engine where there is no model."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.test_app import opened, screen_text, wait_for
from workbench.tui.app import WorkbenchApp
from workbench.tui.browser.rows import run_key
from workbench.tui.screens.browser import BrowserScreen
from workbench.tui.screens.difference import DifferenceScreen
from workbench.tui.screens.modal import Page
from workbench.tui.tour.steps import END, STEPS, Seen
from workbench.workspace import init_workspace


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A new workspace on a machine without any model."""
    return init_workspace(tmp_path / "space").root


def first_line(pilot: Pilot[int]) -> str:
    return "\n".join(screen_text(pilot).splitlines()[:2])


async def reached(app: WorkbenchApp, pilot: Pilot[int], step: int) -> None:
    await wait_for(pilot, lambda: app.tour.number == step - 1 and f"Tour {step}/6" in first_line(pilot))


async def test_all_six_steps_are_walked_by_their_own_words(space: Path) -> None:
    async with opened(space, (80, 24)) as (app, pilot):
        await wait_for(pilot, lambda: "F12 starts a tour" in screen_text(pilot))
        await pilot.press("f12")
        await reached(app, pilot, 1)
        await pilot.press("ctrl+o", "down", "enter")
        await reached(app, pilot, 2)
        await pilot.press("alt+5", "end", "X")
        await reached(app, pilot, 3)
        assert "scripted engine" in first_line(pilot)
        await pilot.press("f5")
        await reached(app, pilot, 4)
        await pilot.press("f5")
        await wait_for(pilot, lambda: "sentence" in app.main.output.text)
        await pilot.press("f6")
        await reached(app, pilot, 5)
        assert "WORKBENCH_SCRIPT" not in os.environ
        await pilot.press("alt+6")
        await reached(app, pilot, 6)
        browser = app.screen
        assert isinstance(browser, BrowserScreen)
        await wait_for(pilot, lambda: len(browser.hits) == 5)
        await pilot.press("down", "space")
        await wait_for(pilot, lambda: "mark another run" in first_line(pilot))
        await pilot.press("space")
        assert [run_key(browser.hits[key]) for key in browser.marked] == browser.marked
        await wait_for(pilot, lambda: "Press D" in first_line(pilot))
        await pilot.press("D")
        await wait_for(pilot, lambda: isinstance(app.screen, DifferenceScreen))
        await wait_for(pilot, lambda: END[:40] in first_line(pilot))
        await pilot.press("f12")
        await wait_for(pilot, lambda: END[:40] not in screen_text(pilot))
        assert app.main.running.engine == ""


async def test_a_run_that_ends_too_soon_is_said_and_escape_leaves(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_SCRIPT", '{"pieces": ["done"]}')
    async with opened(space, (80, 24)) as (app, pilot):
        app.main.running.engine = "scripted"
        await pilot.press("f12")
        await reached(app, pilot, 1)
        app.tour._begin(3)
        await pilot.press("f5")
        await wait_for(pilot, lambda: "F6 sooner" in first_line(pilot))
        await pilot.press("f1")
        await wait_for(pilot, lambda: isinstance(app.screen, Page))
        await pilot.press("escape")
        await wait_for(pilot, lambda: app.screen is app.main)
        assert app.tour.on
        await pilot.press("escape")
        await wait_for(pilot, lambda: not app.tour.on and "Tour" not in first_line(pilot))
        assert app.main.running.engine == "scripted"


async def test_the_tour_is_offered_once(space: Path) -> None:
    async with opened(space, (80, 24)) as (_app, pilot):
        await wait_for(pilot, lambda: "F12 starts a tour" in screen_text(pilot))
    async with opened(space, (80, 24)) as (app, pilot):
        await wait_for(pilot, lambda: "F8" in app.main.output.placeholder)
        assert "F12 starts a tour" not in screen_text(pilot)


def told(buffer: str, values: dict[str, str], record: object = None) -> Any:
    """As much of the app as the steps look at."""
    editing, form = SimpleNamespace(buffer=buffer), SimpleNamespace(variables=lambda: values)
    return SimpleNamespace(main=SimpleNamespace(editing=editing, form=form, running=SimpleNamespace(shown=record)))


def test_another_template_is_no_filled_slot() -> None:
    filled, seen = STEPS[1].done, Seen("london", {"city": "London"})
    assert not filled(told("london", {"city": "London"}), seen)
    assert not filled(told("kyoto", {"month": "May"}), seen)
    assert filled(told("kyoto", {"month": "June"}), seen)


def test_answers_too_short_to_be_stopped_let_the_step_pass() -> None:
    stopped, seen = STEPS[3].done, Seen()
    first, second = (SimpleNamespace(result=SimpleNamespace(status="finished")) for _ in range(2))
    assert not stopped(told("", {}, first), seen)
    assert not stopped(told("", {}, first), seen)
    assert "sooner" in STEPS[3].text(told("", {}, first), seen)
    assert stopped(told("", {}, second), seen)
    assert stopped(told("", {}, SimpleNamespace(result=SimpleNamespace(status="cancelled"))), Seen())
