"""What does not fit into memory is asked about before it is loaded: one model, and several panes at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_app import opened, screen_text, space, wait_for
from tests.tiny_model import write_tiny
from workbench.tui.pane_view import PaneSettings
from workbench.tui.screens.modal import Confirm

__all__ = ["space"]


async def test_loading_more_than_memory_holds_is_asked_about(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = space / "models"
    folder.mkdir()
    write_tiny(folder / "tiny.gguf")
    monkeypatch.setenv("WORKBENCH_MODELS", str(folder))
    monkeypatch.setattr("workbench.tui.pane_start.free_memory", lambda: 1 << 20)
    async with opened(space, (120, 36)) as (app, pilot):
        await app.main.panes.set_all([PaneSettings("tiny.gguf", "llamacpp"), PaneSettings("tiny.gguf", "llamacpp")])
        await pilot.press("f5")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm))
        assert "2 engines at once: this needs about" in screen_text(pilot)
        await pilot.press("n")
        await wait_for(pilot, lambda: not app.main.running.busy)
        assert [pane.state.phase for pane in app.main.panes.all] == ["not run", "not run"]
        assert app.main.running.session is None


async def test_one_model_that_does_not_fit_is_asked_about_and_can_be_forced(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = space / "models"
    folder.mkdir()
    write_tiny(folder / "tiny.gguf")
    monkeypatch.setenv("WORKBENCH_MODELS", str(folder))
    monkeypatch.setattr("workbench.service.pool.free_memory", lambda: 1 << 20)
    async with opened(space, (120, 36)) as (app, pilot):
        await app.main.panes.set_all([PaneSettings("tiny.gguf", "llamacpp", {"max_tokens": 3})])
        app.main.editor.load_text("hello")
        await pilot.press("f5")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm))
        assert "tiny.gguf needs about" in screen_text(pilot)
        await pilot.press("n")
        await wait_for(pilot, lambda: not isinstance(app.screen, Confirm))
        assert app.main.running.session is None
        await pilot.press("f5")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await wait_for(pilot, lambda: app.main.panes.all[0].record)
