"""What the browser does with what is saved: move, merge, duplicate, note, export, versions, the exact prompt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.test_app import opened, screen_text, wait_for
from tests.tui.test_browser import SAMPLE, answer, browse, make_run, make_runs, space
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.browser import BrowserScreen
from workbench.tui.screens.difference import DifferenceScreen
from workbench.tui.screens.modal import AskText, Choose, Page

__all__ = ["space"]


async def two_sessions(app: WorkbenchApp, pilot: Pilot[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """One run in each of two sessions; the second is the newer."""
    await make_run(app, pilot, monkeypatch, "the| older")
    await pilot.press("alt+w")
    await wait_for(pilot, lambda: app.main.running.session is None)
    await make_run(app, pilot, monkeypatch, "the| newer")


async def run_of(pilot: Pilot[int], screen: BrowserScreen, words: str) -> None:
    """The cursor on the run that was answered so, nothing else in the list."""
    await pilot.press("slash", "home", "shift+end", *words, "enter")
    await wait_for(pilot, lambda: len(screen.hits) == 1)
    await pilot.press("down")


async def no_filter(pilot: Pilot[int], screen: BrowserScreen, runs: int) -> None:
    await pilot.press("escape")
    await wait_for(pilot, lambda: len(screen.hits) == SAMPLE + runs)


def texts(app: WorkbenchApp) -> dict[str, list[str]]:
    """The outputs of each session of our own by its folder."""
    found = {}
    for session in app.bench.store.list_sessions():
        runs = app.bench.store.runs(session)
        if "-sample-" not in session.dir.name:
            found[session.dir.name] = sorted(app.bench.store.open_run(session, run.id).result.text for run in runs)
    return found


def told(app: WorkbenchApp, words: str) -> bool:
    return any(words in notice.message for notice in app._notifications)


async def choose_first(app: WorkbenchApp, pilot: Pilot[int], title: str) -> None:
    await wait_for(pilot, lambda: isinstance(app.screen, Choose) and title in screen_text(pilot))
    await pilot.press("enter")
    await wait_for(pilot, lambda: not isinstance(app.screen, Choose))


async def test_a_run_moves_to_another_session(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space) as (app, pilot):
        await two_sessions(app, pilot, monkeypatch)
        screen = await browse(app, pilot, 2)
        await run_of(pilot, screen, "older")
        folder = screen.hits[next(iter(screen.hits))].dir
        await no_filter(pilot, screen, 2)
        screen.work.show_run(next(hit.run_id for hit in screen.hits.values() if hit.dir == folder))
        await pilot.press("m")
        await choose_first(app, pilot, "Move the run to")
        await wait_for(pilot, lambda: ["the newer", "the older"] in texts(app).values())


async def test_all_runs_of_a_session_go_into_another(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space) as (app, pilot):
        await two_sessions(app, pilot, monkeypatch)
        screen = await browse(app, pilot, 2)
        assert sorted(texts(app).values()) == [["the newer"], ["the older"]]
        await pilot.press("home", "M")
        await choose_first(app, pilot, "Merge this session into")
        await wait_for(pilot, lambda: ["the newer", "the older"] in texts(app).values())
        await wait_for(pilot, lambda: len(screen.hits) == SAMPLE + 2)


async def test_a_copy_of_a_run_and_of_a_session(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space) as (app, pilot):
        await make_runs(app, pilot, monkeypatch, "one| answer")
        screen = await browse(app, pilot, 1)
        await pilot.press("home", "down", "c")
        await wait_for(pilot, lambda: list(texts(app).values()) == [["one answer"] * 2])
        await wait_for(pilot, lambda: len(screen.hits) == SAMPLE + 2)
        await pilot.press("home", "c")
        await wait_for(pilot, lambda: list(texts(app).values()) == [["one answer"] * 2] * 2)


async def test_a_note_is_kept_and_taken_away(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space) as (app, pilot):
        await make_runs(app, pilot, monkeypatch, "one| answer")
        await browse(app, pilot, 1)
        await pilot.press("down", "n")
        await answer(app, pilot, "too short")
        await wait_for(pilot, lambda: "note: too short" in screen_text(pilot))
        await pilot.press("n")
        await answer(app, pilot, "-")
        await wait_for(pilot, lambda: "note: too short" not in screen_text(pilot))


async def test_a_run_is_exported_and_no_file_is_replaced(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with opened(space) as (app, pilot):
        await make_runs(app, pilot, monkeypatch, "one| answer")
        await browse(app, pilot, 1)
        for _ in range(2):
            await pilot.press("down", "w")
            await wait_for(pilot, lambda: isinstance(app.screen, Choose))
            assert isinstance(app.screen, Choose)
            await pilot.press("down", "enter")
            await wait_for(pilot, lambda: isinstance(app.screen, AskText))
            assert ".json" in screen_text(pilot)
            await answer(app, pilot, "~/out.json")
            await wait_for(pilot, lambda: (tmp_path / "out.json").is_file())
            written = (tmp_path / "out.json").read_text(encoding="utf-8")
            await pilot.press("home")
        await wait_for(pilot, lambda: told(app, "is not replaced"))
        assert (tmp_path / "out.json").read_text(encoding="utf-8") == written
        assert "one answer" in json.dumps(json.loads(written))


async def test_an_old_version_of_a_template_comes_back_into_the_editor(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(space) as (app, pilot):
        first = app.main.editor.text
        await make_run(app, pilot, monkeypatch, "alpha")
        app.main.editor.load_text(first + "\nAnd one more line.")
        await app.main.editing.refresh()
        await make_run(app, pilot, monkeypatch, "two")
        screen = await browse(app, pilot, 2)
        await run_of(pilot, screen, "alpha")
        await pilot.press("h")
        await wait_for(pilot, lambda: isinstance(app.screen, Choose))
        # The cursor stands on the version of this run, the older one.
        await pilot.press("enter")
        await wait_for(pilot, lambda: "And then" in screen_text(pilot))
        await pilot.press("down", "down", "enter")
        await wait_for(pilot, lambda: not isinstance(app.screen, Choose))
        await wait_for(pilot, lambda: told(app, "first version"))
        await pilot.press("h", "up", "enter")
        await wait_for(pilot, lambda: "And then" in screen_text(pilot))
        await pilot.press("down", "down", "enter")
        await wait_for(pilot, lambda: isinstance(app.screen, DifferenceScreen))
        await wait_for(pilot, lambda: "And one more line." in screen_text(pilot))
        await pilot.press("escape")
        await wait_for(pilot, lambda: app.screen is screen)
        await pilot.press("h", "enter")
        await wait_for(pilot, lambda: "And then" in screen_text(pilot))
        await pilot.press("enter")
        await wait_for(pilot, lambda: app.screen is app.main and app.main.editor.text == first)


async def test_the_exact_prompt_is_shown(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space) as (app, pilot):
        app.main.editor.load_text("Say [b]it[/b] \x1b[31mplainly")
        await app.main.editing.refresh()
        await make_run(app, pilot, monkeypatch, "alpha")
        await browse(app, pilot, 1)
        await pilot.press("down", "x")
        await wait_for(pilot, lambda: isinstance(app.screen, Page))
        assert "Say [b]it[/b] ␛[31mplainly" in screen_text(pilot)


async def test_marked_runs_are_deleted_together_and_come_back_together(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(space) as (app, pilot):
        await make_runs(app, pilot, monkeypatch, "one", "two", "three")
        screen = await browse(app, pilot, 3)
        await pilot.press("down", "space", "space")
        assert len(screen.marked) == 2
        await pilot.press("d")
        await wait_for(pilot, lambda: "Delete 2 marked runs?" in screen_text(pilot))
        await pilot.press("n")
        await wait_for(pilot, lambda: app.screen is screen)
        assert len(screen.hits) == SAMPLE + 3
        await pilot.press("d", "y")
        await wait_for(pilot, lambda: list(texts(app).values()) == [["one"]])
        await wait_for(pilot, lambda: not screen.marked)
        await pilot.press("u")
        await wait_for(pilot, lambda: list(texts(app).values()) == [["one", "three", "two"]])


async def test_an_edited_run_says_so_and_columns_have_heads(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(space, (80, 24)) as (app, pilot):
        await make_runs(app, pilot, monkeypatch, "one answer")
        (path,) = [path for path in (space / "sessions").rglob("*.toml") if '"one answer"' in path.read_text()]
        path.write_text(path.read_text().replace('"one answer"', '"one changed"'))
        await browse(app, pilot, 1)
        await wait_for(pilot, lambda: "«edited»" in screen_text(pilot))
        head = screen_text(pilot).splitlines()[1].split()
        assert head == ["answer", "template", "model", "tok", "tok/s"]
        row = next(line for line in screen_text(pilot).splitlines() if "«edited»" in line)
        assert row.split()[-3:-1] == ["london", "scripted"]


async def test_a_run_goes_again_with_another_version_of_its_template(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(space) as (app, pilot):
        app.main.editor.load_text("First wording")
        await app.main.editing.refresh()
        await make_run(app, pilot, monkeypatch, "alpha")
        app.main.editor.load_text("Second wording")
        await app.main.editing.refresh()
        await make_run(app, pilot, monkeypatch, "beta")
        screen = await browse(app, pilot, 2)
        await run_of(pilot, screen, "beta")
        await pilot.press("e")
        await wait_for(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("down", "down", "down", "down", "enter")
        await wait_for(pilot, lambda: "Versions of" in screen_text(pilot))
        await pilot.press("down", "enter")
        await wait_for(pilot, lambda: isinstance(app.screen, DifferenceScreen))
        await wait_for(pilot, lambda: "First wording" in screen_text(pilot))
