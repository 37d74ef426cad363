"""What the main screen tells: how many prompts, which prompt it is, and each thing once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.test_app import opened, play, screen_text, space, wait_for
from tests.tui.test_panes import SLOW, have
from workbench.service import open_workbench
from workbench.textio import read_text
from workbench.tui import editing
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.saying import SayingScreen

__all__ = ["space"]


def notices(app: WorkbenchApp) -> list[str]:
    return [str(notice.message) for notice in app._notifications]


async def test_the_status_line_says_how_many_prompts_there_are(space: Path) -> None:
    async with opened(space) as (app, pilot):
        app.main.editor.load_text("{red|green|blue} {cat|dog}")
        await wait_for(pilot, lambda: "6 prompts" in screen_text(pilot).splitlines()[-2])
        app.main.editor.load_text("one")
        await wait_for(pilot, lambda: "prompts" not in screen_text(pilot).splitlines()[-2])


async def test_a_prompt_of_before_an_error_is_called_so_and_not_paged(space: Path) -> None:
    async with opened(space) as (app, pilot):
        app.main.editor.load_text("{red|green} cat")
        await wait_for(pilot, lambda: app.main.editing.count == 2)
        app.main.editor.load_text("{red|green} {{ cat")
        await wait_for(pilot, lambda: "Prompt as it last was" in screen_text(pilot))
        assert "red cat" in app.main.preview.text
        app.call("prompt_next")
        await wait_for(pilot, lambda: any("has an error" in text for text in notices(app)))
        assert "red cat" in app.main.preview.text
        app.main.editor.load_text("{red|green} cat")
        await wait_for(pilot, lambda: "Prompt 1 of 2" in screen_text(pilot))


async def test_a_template_that_never_rendered_has_no_last_prompt(space: Path) -> None:
    for name in ("london", "other"):
        (space / "templates" / f"{name}.j2").write_text("{{ broken", encoding="utf-8")
    (space / "templates" / "good.j2").write_text("a good one", encoding="utf-8")
    app = WorkbenchApp(open_workbench(space))
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for(pilot, lambda: "No prompt yet: the template has an error" in screen_text(pilot))
        await app.main.editing.open("good.j2")
        await wait_for(pilot, lambda: app.main.preview.text == "a good one")
        # Nor is the prompt of another template its own.
        await app.main.editing.open("other.j2")
        await wait_for(pilot, lambda: "No prompt yet: the template has an error" in screen_text(pilot))
        assert app.main.preview.text == ""
        assert "Prompt as it last was" not in screen_text(pilot)


async def test_nothing_is_said_of_a_template_that_is_still_being_opened(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(path: Path) -> str:
        go_on.wait(30)
        return read_text(path)

    monkeypatch.setattr(editing, "read_text", slow)
    app = WorkbenchApp(open_workbench(space))
    async with app.run_test(size=(120, 36)) as pilot:
        try:
            await wait_for(pilot, lambda: "london" in screen_text(pilot))
            assert "no slots" not in screen_text(pilot)
            for key in ("ctrl+s", "alt+r"):
                app.clear_notifications()
                await pilot.press(key)
                await wait_for(pilot, lambda: any("still being opened" in text for text in notices(app)))
            assert app.screen is app.main
        finally:
            go_on.set()
        await wait_for(pilot, lambda: app.main.editing.rendered is not None)
        app.main.editor.load_text("without any")
        await wait_for(pilot, lambda: "no slots in this template" in screen_text(pilot))
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: any("Saved templates/london.j2" in text for text in notices(app)))


@pytest.mark.parametrize("command", ["", "browse", "model"])
async def test_the_same_notice_does_not_pile_up(space: Path, command: str) -> None:
    async with opened(space) as (app, pilot):
        if command:
            app.call(command)
            await wait_for(pilot, lambda: app.screen is not app.main)
        screen = app.screen
        assert isinstance(screen, SayingScreen)
        for _ in range(2):
            screen.say("Saved [/] here")
            await pilot.pause()
        screen.say("Something else")
        await pilot.pause()
        assert notices(app) == ["Saved [/] here", "Something else"]


async def test_a_new_template_is_written_below_its_header(space: Path) -> None:
    async with opened(space) as (app, pilot):
        await pilot.press("ctrl+n")
        await wait_for(pilot, lambda: app.main.editing.buffer.path == "" and app.main.editor.text.startswith("+++"))
        await wait_for(pilot, lambda: app.main.editor.cursor_location[0] > 0)
        await pilot.press(*"Hello")
        await wait_for(pilot, lambda: "Hello" in app.main.preview.text)
        assert app.main.editor.text.startswith("+++\n")
        assert "+++" not in app.main.preview.text
        await pilot.press("ctrl+home", *"x")
        assert app.main.editor.text.startswith("x+++")
        await wait_for(pilot, lambda: "the header does not begin the file" in screen_text(pilot))
        await pilot.press("ctrl+end", *"y")
        assert app.main.editor.text.endswith("y")


async def test_how_a_run_ended_does_not_give_it_away_when_judged_blind(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, **SLOW)
    async with opened(space) as (app, pilot):
        panes = app.main.panes
        await have(app, 2)
        await pilot.press("alt+4", "b")
        await wait_for(pilot, lambda: panes.blind)
        await pilot.press("f5")
        await wait_for(pilot, lambda: all("tick" in pane.view.text for pane in panes.all))
        await app.main.running.stop()
        await wait_for(pilot, lambda: not app.main.running.busy)
        await wait_for(pilot, lambda: screen_text(pilot).count("ended") >= 2)
        below = "\n".join(screen_text(pilot).splitlines()[:-2])
        assert "stopped" not in below
        assert "finished" not in below


async def test_a_key_takes_away_a_notice_that_could_be_read_and_all_can_be_read_again(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("workbench.tui.notices.monotonic", lambda: now[0])
    async with opened(space) as (app, pilot):
        app.main.say("Saved [b]here[/b]")
        await wait_for(pilot, lambda: notices(app) == ["Saved [b]here[/b]"])
        await pilot.press("right")
        assert notices(app) == ["Saved [b]here[/b]"]
        now[0] += 1.6
        await pilot.press("right")
        assert notices(app) == []
        app.main.say("It failed", error=True)
        now[0] += 1.6
        await wait_for(pilot, lambda: notices(app) == ["It failed"])
        await pilot.press("right")
        assert notices(app) == ["It failed"]
        now[0] += 3
        await pilot.press("right")
        assert notices(app) == []
        await pilot.press("alt+shift+m")
        await wait_for(pilot, lambda: "What was told" in screen_text(pilot))
        assert "Saved [b]here[/b]" in screen_text(pilot)
        assert "error: It failed" in screen_text(pilot)


async def test_what_an_engine_says_is_told_once_and_not_at_any_length(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(
        monkeypatch,
        pieces=["one"],
        delay_ms=200,
        stderr="\n".join(["careful", "careful", *(f"line {n}" for n in range(6))]),
    )
    async with opened(space) as (app, pilot):
        await pilot.press("f5")
        await wait_for(pilot, lambda: app.main.output.text == "one" and not app.main.running.busy)
        await wait_for(pilot, lambda: len(notices(app)) == 4)
        assert notices(app) == ["careful", "line 0", "line 1", "… 4 more; the run's record has them"]
