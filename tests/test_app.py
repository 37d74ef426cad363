"""The app through its pilot, with the scripted engine: what a person relies on, at three sizes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from workbench.error import UsageError
from workbench.service import open_workbench
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.params import stop_strings, stop_text
from workbench.tui.textual_private import SoundInput
from workbench.workspace import init_workspace

SIZES = [(80, 24), (120, 36), (200, 60)]
PIECES = ["In ", "東京", " it ", "[/] rains 👩‍💻", ".\n"]
ESCAPES = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "escapes.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    return init_workspace(tmp_path / "space").root


def play(monkeypatch: pytest.MonkeyPatch, **script: Any) -> None:
    monkeypatch.setenv("WORKBENCH_SCRIPT", json.dumps(script))


async def wait_for(pilot: Pilot[int], wanted: Callable[[], object], seconds: float = 30) -> None:
    end = monotonic() + seconds
    while not wanted():
        assert monotonic() < end, screen_text(pilot)
        await pilot.pause(0.02)


def screen_text(pilot: Pilot[int]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


@asynccontextmanager
async def opened(space: Path, size: tuple[int, int] = (120, 36)) -> AsyncIterator[tuple[WorkbenchApp, Pilot[int]]]:
    app = WorkbenchApp(open_workbench(space))
    async with app.run_test(size=size) as pilot:
        await wait_for(pilot, lambda: app.main.editing.rendered is not None)
        yield app, pilot


async def run_to_end(app: WorkbenchApp, pilot: Pilot[int]) -> None:
    runs = len(list(app.bench.workspace.sessions.rglob("*.jsonl")))
    await pilot.press("f5")
    await wait_for(pilot, lambda: len(list(app.bench.workspace.sessions.rglob("*.jsonl"))) > runs)
    await wait_for(pilot, lambda: not app.main.running.busy)


@pytest.mark.parametrize("size", SIZES)
async def test_a_run_streams_is_on_disk_and_opens_again(
    space: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    play(monkeypatch, pieces=PIECES)
    async with opened(space, size) as (app, pilot):
        main = app.main
        main.form.values["city"] = "京都"
        await main.editing.refresh()
        await run_to_end(app, pilot)
        assert main.output.text == "".join(PIECES)
        assert "東京" in screen_text(pilot)
        session = main.running.session
        assert session is not None
        info = app.bench.store.runs(session)[0]
        await wait_for(pilot, lambda: main.sessions.current and main.sessions.current.key.endswith(info.id))
        main.output.clear()
        main.form.values["city"] = "elsewhere"
        await main.browsing.refresh()
        await main.browsing.select(f"r:{session.id}:{info.id}")
        assert main.output.text == "".join(PIECES)
        assert main.form.values["city"] == "京都"
        assert "京都" in main.preview.text
        assert main.status.state.phase.startswith("recorded: finished")


async def test_stopping_keeps_the_text_and_says_so(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pieces=["tick "] * 500, delay_ms=20)
    async with opened(space) as (app, pilot):
        await pilot.press("f5")
        await wait_for(pilot, lambda: "tick" in app.main.output.text)
        await pilot.press("f6")
        await wait_for(pilot, lambda: not app.main.running.busy)
        assert app.main.status.state.phase == "stopped"
        assert 0 < len(app.main.output.text) < 500 * 5


async def test_a_crash_is_told_and_the_next_run_works(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, pieces=PIECES, fail_at=2, crash="SIGSEGV")
    async with opened(space) as (app, pilot):
        await run_to_end(app, pilot)
        await wait_for(pilot, lambda: "SIGSEGV" in screen_text(pilot))
        assert app.main.output.text == "".join(PIECES[:2])
        await pilot.press("escape")
        play(monkeypatch, pieces=PIECES)
        await run_to_end(app, pilot)
        assert app.main.output.text == "".join(PIECES)


async def test_a_broken_template_dims_the_last_good_prompt_and_marks_the_line(space: Path) -> None:
    async with opened(space) as (app, pilot):
        main = app.main
        good = main.preview.text
        source = main.editor.text
        main.editor.load_text(f"{source}\n{{{{ oops }}}}")
        await wait_for(pilot, lambda: main.preview.dimmed)
        assert main.preview.text == good
        assert main.editor.error_line == source.count("\n") + 2
        assert "oops" in screen_text(pilot)
        main.editor.load_text(source)
        await wait_for(pilot, lambda: not main.preview.dimmed)
        assert main.editor.error_line == 0


async def test_unsaved_text_is_there_again_and_saving_writes_the_file(space: Path) -> None:
    file = space / "templates" / "london.j2"
    before = file.read_text(encoding="utf-8")
    async with opened(space) as (app, pilot):
        app.main.editor.load_text(before + "More.")
        await pilot.press("ctrl+q")
    assert file.read_text(encoding="utf-8") == before
    async with opened(space) as (app, pilot):
        await wait_for(pilot, lambda: app.main.editor.text == before + "More.")
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: file.read_text(encoding="utf-8") == before + "More.")
        assert not app.main.editing.dirty


async def test_new_templates_never_take_each_other_s_drafts(space: Path) -> None:
    async with opened(space) as (app, pilot):
        await app.main.editing.new()
        app.main.editor.load_text("PRECIOUS")
        await pilot.press("ctrl+q")
    async with opened(space, (80, 24)) as (app, pilot):
        rows = [row for row in app.main.templates.rows if "not saved" in row.cells[0]]
        assert len(rows) == 1
        await app.main.editing.new()
        await app.main.editing.open(rows[0].key)
        assert app.main.editor.text == "PRECIOUS"


async def test_a_file_changed_meanwhile_is_not_written_over_unasked(space: Path) -> None:
    file = space / "templates" / "london.j2"
    async with opened(space) as (app, pilot):
        app.main.editor.load_text("mine")
        file.write_text("theirs", encoding="utf-8")
        await pilot.press("ctrl+s")
        await wait_for(pilot, lambda: "changed by somebody else" in screen_text(pilot))
        await pilot.press("n")
        await pilot.pause()
        assert file.read_text(encoding="utf-8") == "theirs"
        assert app.main.editor.text == "mine"


async def test_without_a_model_the_way_to_one_is_shown(tmp_path: Path) -> None:
    space = init_workspace(tmp_path / "space").root
    async with opened(space) as (app, pilot):
        await wait_for(pilot, lambda: "There is no model yet" in screen_text(pilot))
        await pilot.press("f5")
        await wait_for(pilot, lambda: app.main.status.state.phase == "not run")
        assert "F8, then Enter, fetches smollm2-135m (98 MB)" in app.main.output.placeholder
        await wait_for(pilot, lambda: "F8, then Enter, fetches smollm2-135m" in app.notices.text)
        app.main.running.model = "gemma3-270m"
        await pilot.press("f5")
        await wait_for(pilot, lambda: "F8, then Enter on gemma3-270m" in app.main.output.placeholder)
        assert "workbench models" not in app.main.output.placeholder + app.notices.text


async def test_patterns_are_counted_and_paged_and_the_run_takes_the_one_seen(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, pieces=PIECES)
    async with opened(space) as (app, pilot):
        main = app.main
        main.editor.load_text("A {red|green|blue} {cat|dog}.")
        await wait_for(pilot, lambda: main.editing.count == 6)
        assert main.preview.text == "A red cat."
        await main.editing.turn_to(-1)
        assert main.preview.text == "A blue dog."
        assert "Prompt 6 of 6" in screen_text(pilot)
        await run_to_end(app, pilot)
        session = main.running.session
        assert session is not None
        record = app.bench.store.open_run(session, app.bench.store.runs(session)[0].id)
        assert record.request.prompt.plain == "A blue dog."
        assert record.request.pattern is not None
        assert (record.request.pattern.index, record.request.pattern.count) == (5, "6")


async def test_a_count_of_thirty_digits_is_shown_at_once(space: Path) -> None:
    async with opened(space) as (app, pilot):
        app.main.editor.load_text("{0|1|2|3|4|5|6|7|8|9}" * 30)
        await wait_for(pilot, lambda: app.main.editing.count == 10**30)
        assert "10^30" in screen_text(pilot)


async def test_parameters_are_checked_by_name(space: Path) -> None:
    async with opened(space) as (app, pilot):
        await pilot.press("f7")
        await wait_for(pilot, lambda: "temperature" in screen_text(pilot))
        await pilot.press("home", "9", "enter")
        await wait_for(pilot, lambda: "temperature must lie between 0 and 5" in screen_text(pilot))
        await pilot.press("escape")
        await wait_for(pilot, lambda: app.screen is app.main)
        assert app.main.running.params == {}


async def test_foreign_text_anywhere_is_inert(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for row in ESCAPES if len(row["text"]) < 2000]
    for number, row in enumerate(rows[:20]):
        name = row["text"].replace("/", "_").replace("\0", "")[:60]
        (space / "templates" / f"{number:02d}{name}.j2").write_text(row["text"], encoding="utf-8", errors="replace")
    play(monkeypatch, pieces=[f"{row['text']}\n" for row in rows])
    async with opened(space, (200, 60)) as (app, pilot):
        session = app.bench.store.new_session("[/] \x1b[2J \u202e title")
        app.main.running.session = session
        app.main.form.values["city"] = "[/bold] \x1b]52;c;x\x07"
        await app.main.editing.refresh()
        await run_to_end(app, pilot)
        for row in rows:
            app.main.say(row["text"])
        await pilot.pause()
        text = screen_text(pilot)
        assert not any(char in text for char in "\x1b\x07\x9b\u202e\u200b")
        assert "[/]" in text


async def test_stop_strings_survive_the_parameter_screen(space: Path) -> None:
    async with opened(space) as (app, pilot):
        main = app.main
        await main.editing.open("raw-completion.j2")
        await pilot.press("f7")
        await wait_for(pilot, lambda: '"\\n\\n"' in screen_text(pilot))
        await pilot.press("enter")
        await wait_for(pilot, lambda: app.screen is main)
        assert main.running.params == {}


@pytest.mark.parametrize(
    ("text", "strings"),
    [("", []), ("END, ###", ["END", "###"]), ('"\\n\\n", "a, b"', ["\n\n", "a, b"])],
)
def test_stop_strings_are_read_as_people_write_them(text: str, strings: list[str]) -> None:
    assert stop_strings(text) == strings
    assert stop_strings(stop_text(strings)) == strings


def test_a_broken_list_of_stop_strings_is_refused() -> None:
    with pytest.raises(UsageError):
        stop_strings('"END')


async def test_a_field_draws_inert_text_and_keeps_every_pasted_line(space: Path) -> None:
    async with opened(space) as (app, pilot):
        main = app.main
        await main.form.fill({"city": "a\x1b[31mb\x07\u202e"})
        await pilot.pause()
        assert not any(char in screen_text(pilot) for char in "\x1b\x07\u202e")
        field = next(field for field in main.form.query(SoundInput).results() if field.name == "city")
        field.value = ""
        field.post_message(events.Paste("one\ntwo 東京"))
        await wait_for(pilot, lambda: main.form.values["city"] == "one\ntwo 東京")
        assert "one⏎two 東京" in screen_text(pilot)
