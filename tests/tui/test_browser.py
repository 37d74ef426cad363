"""The session browser: finding, marking, moving, and the three ways to see a run again."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.test_app import opened, play, screen_text, wait_for
from workbench.session.index import SessionIndex
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.browser import BrowserScreen
from workbench.tui.screens.difference import DifferenceScreen
from workbench.tui.screens.modal import AskText, Choose, Page
from workbench.tui.screens.player import PlayerScreen
from workbench.workspace import init_workspace


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    return init_workspace(tmp_path / "space").root


async def make_run(app: WorkbenchApp, pilot: Pilot[int], monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A run whose pieces are divided by bars."""
    play(monkeypatch, pieces=text.split("|"))
    await pilot.press("f5")
    await wait_for(pilot, lambda: app.main.output.text == text.replace("|", "") and not app.main.running.busy)


async def make_runs(app: WorkbenchApp, pilot: Pilot[int], monkeypatch: pytest.MonkeyPatch, *texts: str) -> None:
    """One run a text, all in one session."""
    for text in texts:
        await make_run(app, pilot, monkeypatch, text)


SAMPLE = 3


async def browse(app: WorkbenchApp, pilot: Pilot[int], runs: int) -> BrowserScreen:
    """Open the browser; ``runs`` of our own stand beside the sample's."""
    await pilot.press("alt+6")
    await wait_for(pilot, lambda: isinstance(app.screen, BrowserScreen))
    screen = app.screen
    assert isinstance(screen, BrowserScreen)
    await wait_for(pilot, lambda: len(screen.hits) == SAMPLE + runs)
    return screen


async def answer(app: WorkbenchApp, pilot: Pilot[int], text: str) -> None:
    await wait_for(pilot, lambda: isinstance(app.screen, AskText))
    await pilot.press("home", "shift+end", *text, "enter")
    await wait_for(pilot, lambda: not isinstance(app.screen, AskText))


async def test_what_is_typed_is_found_and_enter_opens_it(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space) as (app, pilot):
        await make_runs(app, pilot, monkeypatch, "the| first| answer", "the| other| one")
        screen = await browse(app, pilot, 2)
        await pilot.press("slash", *"first")
        await wait_for(pilot, lambda: len(screen.hits) == 1)
        assert "first answer" in screen_text(pilot)
        await pilot.press("enter", "down")
        await wait_for(pilot, lambda: "-- output --" in screen.detail.text)
        await pilot.press("enter")
        await wait_for(pilot, lambda: app.screen is app.main and app.main.output.text == "the first answer")


async def test_a_wrong_field_word_is_explained(space: Path) -> None:
    async with opened(space) as (app, pilot):
        await browse(app, pilot, 0)
        await pilot.press("slash", *"modle:x")
        await wait_for(pilot, lambda: "model" in screen_text(pilot).splitlines()[-2])


async def test_marks_are_kept_and_deletion_can_be_undone(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space) as (app, pilot):
        await make_runs(app, pilot, monkeypatch, "one", "two")
        screen = await browse(app, pilot, 2)
        await pilot.press("down", "4")
        await wait_for(pilot, lambda: "4/5" in screen_text(pilot))
        await pilot.press("s")
        await wait_for(pilot, lambda: "*4/5" in screen_text(pilot))
        await pilot.press("t")
        await answer(app, pilot, "good")
        await wait_for(pilot, lambda: "#good" in screen_text(pilot))
        await pilot.press("r")
        await answer(app, pilot, "Mine")
        await wait_for(pilot, lambda: " Mine #good" in screen_text(pilot))
        await pilot.press("d")
        await wait_for(pilot, lambda: len(screen.hits) == SAMPLE + 1)
        await pilot.press("u")
        await wait_for(pilot, lambda: len(screen.hits) == SAMPLE + 2)
        assert "*4/5" in screen_text(pilot)


async def test_two_marked_runs_open_as_a_difference(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space) as (app, pilot):
        await make_runs(app, pilot, monkeypatch, "a| red| cat", "a| blue| cat")
        screen = await browse(app, pilot, 2)
        await pilot.press("down", "space", "space")
        assert len(screen.marked) == 2
        await pilot.press("D")
        await wait_for(pilot, lambda: isinstance(app.screen, DifferenceScreen))
        await wait_for(pilot, lambda: "similarity" in screen_text(pilot))
        text = screen_text(pilot)
        assert "[-blue-]" in text or "[-red-]" in text
        assert "params.seed" in text
        await pilot.press("escape")
        await wait_for(pilot, lambda: app.screen is screen)


async def test_a_run_plays_as_it_was(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space) as (app, pilot):
        await make_runs(app, pilot, monkeypatch, "one| two| three")
        await browse(app, pilot, 1)
        await pilot.press("down", "p")
        await wait_for(pilot, lambda: isinstance(app.screen, PlayerScreen))
        player = app.screen
        assert isinstance(player, PlayerScreen)
        await pilot.press("end")
        await wait_for(pilot, lambda: player.views[0].text == "one two three")
        await pilot.press("comma")
        assert player.views[0].text == "one two"
        await pilot.press("home")
        assert player.views[0].text == ""
        await pilot.press("full_stop")
        assert player.views[0].text == "one"
        await pilot.press("plus", "plus")
        assert player.player.speed == 4


async def test_verify_says_whether_the_text_is_the_same(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space) as (app, pilot):
        await make_runs(app, pilot, monkeypatch, "one| two")
        await browse(app, pilot, 1)
        await pilot.press("down", "v")
        await wait_for(pilot, lambda: isinstance(app.screen, Page))
        assert "Verify: identical" in screen_text(pilot)
        await pilot.press("escape")
        # The same text twice, told apart.
        await wait_for(pilot, lambda: screen_text(pilot).count("«again» one two") == 1)


async def test_run_again_with_another_seed_shows_the_difference(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space) as (app, pilot):
        await make_runs(app, pilot, monkeypatch, "one| two")
        screen = await browse(app, pilot, 1)
        play(monkeypatch, pieces=["one", " three"])
        await pilot.press("down", "e")
        await wait_for(pilot, lambda: isinstance(app.screen, Choose))
        assert "Enter takes it, Escape leaves" in screen_text(pilot)
        await pilot.press("down", "down", "down", "down", "down", "enter")
        await answer(app, pilot, "7")
        await wait_for(pilot, lambda: isinstance(app.screen, DifferenceScreen))
        await wait_for(pilot, lambda: "{+three+}" in screen_text(pilot))
        await pilot.press("escape")
        await wait_for(pilot, lambda: len(screen.hits) == SAMPLE + 2)
        await pilot.press("l")
        await wait_for(pilot, lambda: isinstance(app.screen, Choose))
        assert "first run" in screen_text(pilot)


async def test_an_index_that_fails_is_told_and_ends_nothing(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space) as (app, pilot):
        await make_runs(app, pilot, monkeypatch, "the first answer")
        await browse(app, pilot, 1)
        await pilot.press("escape")

        def broken(*_words: object, **_more: object) -> int:
            raise OverflowError("too large")

        monkeypatch.setattr(SessionIndex, "refresh", broken)
        await browse(app, pilot, 1)
        await wait_for(pilot, lambda: any("sessions reindex" in item.message for item in app._notifications))
        await pilot.press("down")
        assert app.failure is None
