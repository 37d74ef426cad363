"""What the copy commands give: the texts, a run as Markdown, and a command line that makes the same run again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.test_app import opened, play, run_to_end, space, wait_for
from workbench.param import params_to_dict
from workbench.record import RunRequest
from workbench.service import open_workbench
from workbench.tui.app import WorkbenchApp
from workbench.tui.clipboard import Clipboard, Copied
from workbench.tui.copying import MENU
from workbench.tui.screens.modal import Choose

__all__ = ["space"]

HEADER = '+++\n[params]\ntemperature = 0.4\nstop = ["END"]\n+++\n'


async def copied(app: WorkbenchApp, pilot: Pilot[int], name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the entry ``name`` of the menu copies."""
    got: list[str] = []

    def take(_self: Clipboard, text: str) -> Copied:
        got.append(text)
        return Copied("terminal", "sent to the terminal", certain=False)

    monkeypatch.setattr(Clipboard, "copy", take)
    await pilot.press("alt+q")
    await wait_for(pilot, lambda: isinstance(app.screen, Choose))
    await pilot.press(*["down"] * list(MENU).index(name), "enter")
    await wait_for(pilot, lambda: got)
    return got[0]


def again(space: Path, command: str) -> RunRequest:
    """The record of the newest run after ``command`` was given to a shell."""
    command = command.replace("workbench ", f"{sys.executable} -m workbench ", 1)
    subprocess.run(["sh", "-c", command], cwd=space, check=True, capture_output=True)
    return newest(space)


def newest(space: Path) -> RunRequest:
    """The latest run that was saved, with what the engine really used."""
    store = open_workbench(space).store
    session = store.list_sessions()[0]
    return store.open_run(session, store.runs(session)[-1].id).request


def params(request: RunRequest) -> set[str]:
    """The parameters, one text each."""
    return {f"{name}={value!r}" for name, value in params_to_dict(request.params).items()}


def what(request: RunRequest) -> tuple[Any, ...]:
    """What two equal runs have in common."""
    return (
        request.template.source,
        dict(request.variables),
        request.prompt,
        request.engine,
        params_to_dict(request.params),
    )


@pytest.mark.parametrize("source", ["file", "text"])
async def test_the_copied_command_line_makes_the_same_run_again(
    space: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    play(monkeypatch, pieces=["one"])
    if source == "file":
        (space / "templates" / "odd.j2").write_text(f"{HEADER}Say {{{{ word }}}} to $HOME.\n", encoding="utf-8")
    async with opened(space, (80, 24)) as (app, pilot):
        main = app.main
        if source == "file":
            await main.editing.open("odd.j2")
        else:
            main.editor.load_text(f'{HEADER}It\'s {{{{ word }}}}, "then"\\n `id` %s\n')
            await main.editing.refresh()
        main.form.values["word"] = "a 'b' $(id)\nsecond line ü"
        await main.editing.refresh()
        main.running.params = {"temperature": 0.8, "top_k": 40, "stop": ("X", "Y Z")}
        await run_to_end(app, pilot)
        command = await copied(app, pilot, "copy_command", monkeypatch)
        first = newest(space)
    assert ("printf" in command) is (source == "text")
    assert what(second := again(space, command)) == what(first)
    assert params(second) == params(first)


async def test_both_texts_and_markdown_are_copied_and_control_characters_are_told(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, pieces=["an ", "\x1b[31manswer"])
    async with opened(space, (80, 24)) as (app, pilot):
        await run_to_end(app, pilot)
        both = await copied(app, pilot, "copy_both", monkeypatch)
        assert both.endswith("in London.\n\nan \x1b[31manswer") or "an \x1b[31manswer" in both
        await wait_for(pilot, lambda: any("control characters" in item.message for item in app._notifications))
        markdown = await copied(app, pilot, "copy_markdown", monkeypatch)
        assert "### Output" in markdown
        assert "London" in markdown


async def test_one_prompt_of_a_pattern_is_repeated_by_its_run(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pieces=["one"])
    async with opened(space, (80, 24)) as (app, pilot):
        app.main.editor.load_text("Say {a|b|c}.\n")
        await app.main.editing.refresh()
        await app.main.editing.turn_to(1)
        await run_to_end(app, pilot)
        assert app.main.running.shown is not None
        command = await copied(app, pilot, "copy_command", monkeypatch)
        first = app.main.running.shown.request
    assert first.id in command
    assert again(space, command).prompt == first.prompt
