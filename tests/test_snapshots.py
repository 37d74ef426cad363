"""How the main screen, the browser and the shelf look: a few pictures at three sizes and in three themes.

Times, speeds, ids and free space are fixed. After a wanted change run this file with ``--snapshot-update``, then look
at each picture that changed.
"""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.test_app import play, run_to_end, wait_for
from tests.tiny_model import write_tiny
from workbench.service import open_workbench
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.browser import BrowserScreen
from workbench.tui.screens.shelf import ShelfScreen
from workbench.workspace import init_workspace

SMALL, MIDDLE, LARGE = (80, 24), (120, 36), (200, 60)
DARK, LIGHT, MONO = "workbench-dark", "workbench-light", "workbench-mono"
PIECES = ["Kyoto in two days:\n\n", "1. Fushimi Inari at dawn, ", "東山 in the afternoon. ", "[b]Not markup.[/b]\n"]

Compare = Callable[..., bool]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkbenchApp:
    """An app in a new workspace, with a clock that stands still and a machine of fixed size."""
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    for module in ("browsing", "browser.rows"):
        monkeypatch.setattr(f"workbench.tui.{module}.when", lambda _created: "12:00")
    monkeypatch.setattr("workbench.tui.screens.shelf.free_memory", lambda: 8_000_000_000)
    usage = type("Usage", (), {"free": 70_000_000_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    play(monkeypatch, pieces=PIECES)
    folder = tmp_path / "models"
    folder.mkdir()
    write_tiny(folder / "tiny-llama.gguf")
    (folder / "cut-short.gguf").write_bytes((folder / "tiny-llama.gguf").read_bytes()[:5000])
    return WorkbenchApp(open_workbench(init_workspace(tmp_path / "space").root, model_dirs=[folder]))


async def started(pilot: Pilot[Any], theme: str) -> WorkbenchApp:
    app = pilot.app
    assert isinstance(app, WorkbenchApp)
    await wait_for(pilot, lambda: app.main.editing.rendered is not None and app.main.status.state.hint)
    app.theme = theme
    return app


async def ran(pilot: Pilot[Any], theme: str) -> WorkbenchApp:
    """After a run, whose figures are fixed."""
    app = await started(pilot, theme)
    await run_to_end(app, pilot)
    await wait_for(pilot, lambda: app.main.running.session is not None and app.main.sessions.current is not None)
    state = app.main.status.state
    state.per_second, state.ms_first = 31.0, 190
    app.main.show_area("output")
    app.main.status.show()
    await pilot.pause()
    return app


Scene = Callable[[str], Callable[[Pilot[Any]], Awaitable[None]]]


def empty(theme: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def scene(pilot: Pilot[Any]) -> None:
        await started(pilot, theme)

    return scene


def finished(theme: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def scene(pilot: Pilot[Any]) -> None:
        await ran(pilot, theme)

    return scene


def failed(theme: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def scene(pilot: Pilot[Any]) -> None:
        app = await started(pilot, theme)
        with pytest.MonkeyPatch.context() as patch:
            play(patch, pieces=PIECES, fail_at=2)
            await run_to_end(app, pilot)
        await wait_for(pilot, lambda: app.screen is not app.main)
        app.main.status.state.ms_first = 190
        app.main.status.show()
        await pilot.pause()

    return scene


def browser(theme: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def scene(pilot: Pilot[Any]) -> None:
        app = await started(pilot, theme)
        await pilot.press("alt+6")
        await wait_for(pilot, lambda: isinstance(app.screen, BrowserScreen) and len(app.screen.hits) == 3)
        screen = app.screen
        assert isinstance(screen, BrowserScreen)
        await pilot.press("down", "space")
        if screen.has_class("wide"):
            await wait_for(pilot, lambda: "-- output --" in screen.detail.text)
        await pilot.pause()

    return scene


def shelf(theme: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def scene(pilot: Pilot[Any]) -> None:
        app = await started(pilot, theme)
        await pilot.press("f8")
        await wait_for(pilot, lambda: isinstance(app.screen, ShelfScreen) and app.screen.rows.current)
        await pilot.press("down")
        await pilot.pause()

    return scene


@pytest.mark.parametrize(
    ("scene", "size", "theme"),
    [
        (empty, SMALL, DARK),
        (empty, MIDDLE, LIGHT),
        (finished, SMALL, MONO),
        (finished, MIDDLE, DARK),
        (finished, LARGE, LIGHT),
        (failed, SMALL, LIGHT),
        (failed, MIDDLE, MONO),
        (browser, SMALL, DARK),
        (browser, MIDDLE, LIGHT),
        (browser, LARGE, MONO),
        (shelf, SMALL, LIGHT),
        (shelf, MIDDLE, DARK),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value).replace("workbench-", ""),
)
def test_it_looks_as_it_did(
    app: WorkbenchApp, snap_compare: Compare, scene: Scene, size: tuple[int, int], theme: str
) -> None:
    assert snap_compare(app, terminal_size=size, run_before=scene(theme))
