"""Unsaved text in the app: nothing that is opened, begun or recorded ever takes its place."""

from __future__ import annotations

import errno
import os
from functools import partial
from pathlib import Path
from time import monotonic

import pytest
from textual.pilot import Pilot

from tests.test_app import opened, play, run_to_end, screen_text, wait_for
from tests.tui.test_watching import told
from workbench.error import StorageError
from workbench.service import open_workbench
from workbench.session.drafts import load_drafts
from workbench.tui import drafting
from workbench.tui.app import WorkbenchApp
from workbench.workspace import find_workspace, init_workspace


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    monkeypatch.setattr(drafting, "IDLE_SECONDS", 0.05)
    return init_workspace(tmp_path / "space").root


def drafts(space: Path) -> dict[str, str]:
    return {draft.template: draft.text for draft in load_drafts(find_workspace(space))}


async def a_recorded_run(app: WorkbenchApp, pilot: Pilot[int]) -> str:
    await run_to_end(app, pilot)
    session = app.main.running.session
    assert session is not None
    await app.main.browsing.refresh()
    return f"r:{session.id}:{app.bench.store.runs(session)[0].id}"


async def test_looking_at_a_recorded_run_leaves_the_draft_alone(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pieces=["answer"])
    async with opened(space) as (app, pilot):
        main = app.main
        row = await a_recorded_run(app, pilot)
        main.editor.load_text("precious")
        await wait_for(pilot, lambda: drafts(space).get("templates/london.j2") == "precious")
        await main.browsing.select(row)
        assert "precious" not in main.editor.text
        main.editor.insert("tried ")
        await wait_for(pilot, lambda: any(text.startswith("tried ") for text in drafts(space).values()))
        assert drafts(space)["templates/london.j2"] == "precious"
        await main.editing.open("london.j2")
        assert main.editor.text == "precious"


async def test_saving_a_recorded_template_over_a_younger_file_is_asked_about(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, pieces=["answer"])
    file = space / "templates" / "london.j2"
    async with opened(space) as (app, pilot):
        row = await a_recorded_run(app, pilot)
        file.write_text("younger", encoding="utf-8")
        await app.main.browsing.select(row)
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: "differs from what this run used" in screen_text(pilot))
        await pilot.press("escape")
        await wait_for(pilot, lambda: app.screen is app.main)
        assert file.read_text(encoding="utf-8") == "younger"


async def test_a_recorded_run_shows_the_prompt_that_was_sent(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pieces=["answer"])
    part = space / "templates" / "partials" / "part.j2"
    part.write_text("as it was", encoding="utf-8")
    async with opened(space) as (app, pilot):
        main = app.main
        main.editor.load_text("{% include 'partials/part.j2' %}")
        await wait_for(pilot, lambda: main.preview.text == "as it was")
        row = await a_recorded_run(app, pilot)
        part.write_text("as it is", encoding="utf-8")
        timer = main.editing._timer
        await main.browsing.select(row)
        await pilot.pause()
        # The editor told of its new text, and no rendering followed from it.
        assert main.editing._timer is timer
        assert main.preview.text == "as it was"
        # Nor does one follow from the changed file.
        await main.editing.follow()
        assert main.preview.text == "as it was"
        main.editor.insert("!")
        await wait_for(pilot, lambda: main.preview.text == "!as it is")


async def test_a_new_template_that_was_not_saved_is_there_at_the_next_start(space: Path) -> None:
    async with opened(space) as (app, pilot):
        for text in ("first", "second"):
            await app.main.editing.new()
            app.main.editor.load_text(text)
            await wait_for(pilot, partial(lambda text: text in drafts(space).values(), text))
        await pilot.press("ctrl+q")
    async with opened(space) as (app, pilot):
        assert app.main.editor.text == "second"
        assert sum("(not saved)" in row.cells[0] for row in app.main.templates.rows) == 2
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: "Name of the new template" in screen_text(pilot))
        await pilot.press("enter")
        file = space / "templates" / "untitled.j2"
        await wait_for(pilot, lambda: file.is_file() and file.read_text(encoding="utf-8") == "second")
        await wait_for(pilot, lambda: list(drafts(space).values()) == ["first"])


async def test_typing_without_a_pause_is_kept_as_well(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafting, "IDLE_SECONDS", 60.0)
    monkeypatch.setattr(drafting, "LONGEST_SECONDS", 0.3)
    async with opened(space) as (_app, pilot):
        end = monotonic() + 30
        while not drafts(space):
            assert monotonic() < end
            await pilot.press("x")
        assert drafts(space)["templates/london.j2"].startswith("x")


async def test_text_that_cannot_be_kept_is_not_lost_by_quitting(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise StorageError("the disk is full", hint="Make room.")

    async with opened(space) as (app, pilot):
        monkeypatch.setattr(drafting, "save_draft", full)
        app.main.editor.load_text("precious")
        await pilot.press("ctrl+q")
        await wait_for(pilot, lambda: "could not be kept" in screen_text(pilot))
        await pilot.press("n")
        await wait_for(pilot, lambda: app.screen is app.main)
        assert (app.main.editor.text, app.return_value) == ("precious", None)


async def test_a_run_that_the_disk_did_not_take_is_offered_another_place(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, pieces=["precious"])
    root, real = str(space / "sessions"), os.write

    def write(descriptor: int, data: bytes) -> int:
        if os.readlink(f"/proc/self/fd/{descriptor}").startswith(root):
            raise OSError(errno.ENOSPC, "full")
        return real(descriptor, data)

    async with opened(space) as (app, pilot):
        monkeypatch.setattr(os, "write", write)
        await pilot.press("f5")
        await wait_for(pilot, lambda: app.main.output.text == "precious" and not app.main.running.busy)
        assert "not saved" in screen_text(pilot)
        await pilot.press("ctrl+q")
        await wait_for(pilot, lambda: "could not be saved" in screen_text(pilot))
        await pilot.press("y")
        await wait_for(pilot, lambda: app.return_value == 0)
    store = open_workbench(space).store
    kept = [session for session in store.list_sessions() if session.unsaved]
    assert [store.open_run(kept[0], run.id).result.text for run in store.runs(kept[0])] == ["precious"]


async def test_going_back_to_the_file_is_asked_about(space: Path) -> None:
    async with opened(space) as (app, pilot):
        editor = app.main.editor
        await pilot.press("alt+r")
        await wait_for(pilot, lambda: "Nothing was changed" in told(app))
        base = editor.text
        editor.insert("mine ")
        await pilot.press("alt+r")
        await wait_for(pilot, lambda: "Drop the unsaved changes?" in screen_text(pilot))
        await pilot.press("n")
        await wait_for(pilot, lambda: app.screen is app.main)
        assert editor.text == f"mine {base}"
        await pilot.press("alt+r")
        await wait_for(pilot, lambda: "Drop the unsaved changes?" in screen_text(pilot))
        await pilot.press("y")
        await wait_for(pilot, lambda: editor.text == base)
        editor.undo()
        assert editor.text == f"mine {base}"
