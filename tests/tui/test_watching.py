"""Files that change under the app: the editor follows, nothing is overwritten silently, nothing is done in between."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.test_app import opened, play, screen_text, wait_for
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.conflict import ConflictScreen
from workbench.tui.watching import (
    Changed,
    Place,
    Watcher,
    WatchMode,
    kind_of,
)
from workbench.workspace import init_workspace, user_config_dir


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_ENGINE", "scripted")
    monkeypatch.setenv("WORKBENCH_WATCH", "auto")
    return init_workspace(tmp_path / "space").root


def replaced(path: Path, text: str) -> None:
    """As vim does: another file takes the name."""
    new = path.with_name("4913")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


def told(app: WorkbenchApp) -> str:
    return "\n".join(notice.message for notice in app._notifications)


async def watching(app: WorkbenchApp, pilot: Pilot[int]) -> None:
    await wait_for(pilot, app.following.watcher.ready.is_set)


@pytest.mark.parametrize("mode", ["auto", "poll"])
def test_each_way_of_saving_is_told_and_the_thread_ends(tmp_path: Path, mode: WatchMode) -> None:
    got: list[Changed] = []
    arrived = threading.Event()

    def changed(group: Changed) -> None:
        got.append(group)
        arrived.set()

    folder = tmp_path / "t"
    folder.mkdir()
    watcher = Watcher(lambda: [Place("template", folder)], changed, mode=mode, poll_ms=50)
    watcher.start()
    assert watcher.ready.wait(20)
    try:
        for number, name in enumerate(["a.j2", "new/b.j2", "new/c.j2"]):
            (folder / name).parent.mkdir(exist_ok=True)
            # A folder that was just made is watched a moment later: write until it is seen.
            for attempt in range(60):
                if any(path == folder / name for group in got for _kind, path in group.paths):
                    break
                arrived.clear()
                replaced(folder / name, f"{number} {attempt}")
                arrived.wait(0.5)
    finally:
        watcher.stop()
    assert not watcher.threads
    assert {path.name for group in got for _kind, path in group.paths} >= {"a.j2", "b.j2", "c.j2"}
    assert {kind for group in got for kind, _path in group.paths} == {"template"}
    assert not any(path.name == "4913" for group in got for _kind, path in group.paths)


def processor_seconds(thread: threading.Thread) -> float:
    """How long the processor worked for a thread so far; only Linux counts it."""
    if sys.platform != "linux" or thread.ident is None:
        return 0.0
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


def test_watching_costs_nothing_while_nothing_changes(tmp_path: Path) -> None:
    quiet, noisy = tmp_path / "quiet", tmp_path / "noisy"
    quiet.mkdir()
    noisy.mkdir()
    turns: list[str] = []

    def noting(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ == "watch":
            turns.append(threading.current_thread().name)

    got: list[Changed] = []
    told = threading.Event()
    watcher = Watcher(lambda: [Place("template", quiet)], got.append)
    other = Watcher(lambda: [Place("template", noisy)], lambda _: told.set(), mode="poll", poll_ms=1000)
    threading.setprofile(noting)
    watcher.start()
    threading.setprofile(None)
    other.start()
    try:
        assert watcher.ready.wait(20)
        assert other.ready.wait(20)
        thread = watcher.threads[0]
        before = processor_seconds(thread)
        # A change that is found by asking every second: so long does nothing happen in the folder that tells.
        for number in range(20):
            replaced(noisy / "a.j2", str(number))
            if told.wait(3):
                break
        assert told.is_set()
        # Asked once at most, at the start, and still waiting for the answer.
        assert len(turns) <= 1, turns
        assert processor_seconds(thread) - before < 0.05
        assert got == []
    finally:
        watcher.stop()
        other.stop()


def test_network_file_systems_are_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "box").mkdir()
    table = [(str(tmp_path / "box"), "fuse.sshfs"), ("/", "ext4")]
    monkeypatch.setattr("workbench.tui.watching.read_mounts", lambda: table)
    watcher = Watcher(lambda: [Place("template", tmp_path)], lambda _: None)
    assert watcher.folders(polled=True) == [tmp_path / "box"]
    assert watcher.folders(polled=False) == [tmp_path]


def test_what_a_file_is_to_the_app(tmp_path: Path) -> None:
    places = [
        Place("config", tmp_path, deep=False),
        Place("template", tmp_path / "templates"),
        Place("wildcard", tmp_path / "templates" / "wildcards"),
        Place("model", tmp_path / "models"),
    ]
    cases = {
        "workspace.toml": "config",
        "notes.md": None,
        "templates/a.j2": "template",
        "templates/partials/a.j2": "template",
        "templates/wildcards/animals.txt": "wildcard",
        "templates/.a.j2.swp": None,
        "templates/a.j2~": None,
        "templates/4913": None,
        "models/deep/er/m.gguf": "model",
        "models/m.gguf.part": None,
        "sessions/2026-11/x/run.jsonl": None,
    }
    assert {name: kind_of(tmp_path / name, places) for name in cases} == cases


async def test_the_editor_follows_the_file_and_undo_brings_the_old_text_back(space: Path) -> None:
    file = space / "templates" / "london.j2"
    before = file.read_text(encoding="utf-8")
    async with opened(space) as (app, pilot):
        await watching(app, pilot)
        main = app.main
        last = main.editor.document.line_count - 2
        main.editor.move_cursor((last, 3))
        here = main.editor.document[last]
        replaced(file, before.replace("+++\n", "+++\n# one line more\n", 1))
        await wait_for(pilot, lambda: "one line more" in main.editor.text)
        assert main.editor.cursor_location == (last + 1, 3)
        assert main.editor.document[last + 1] == here
        assert not main.editing.dirty
        file.write_text(before + "\nIn {{ city }} too.", encoding="utf-8")
        await wait_for(pilot, lambda: "In London too." in main.preview.text)
        main.editor.undo()
        assert "one line more" in main.editor.text


@pytest.mark.parametrize("key", ["m", "t", "b", "escape"])
async def test_unsaved_text_and_a_changed_file_are_both_shown_and_one_chooses(space: Path, key: str) -> None:
    file = space / "templates" / "london.j2"
    async with opened(space) as (app, pilot):
        await watching(app, pilot)
        main = app.main
        main.editor.load_text("my words")
        await pilot.pause()
        replaced(file, "their words")
        await wait_for(pilot, lambda: isinstance(app.screen, ConflictScreen))
        await wait_for(pilot, lambda: "[-my-]{+their+} words" in screen_text(pilot))
        assert file.read_text(encoding="utf-8") == "their words"
        await pilot.press(key)
        await wait_for(pilot, lambda: app.screen is main)
        copy = space / "templates" / "london.theirs.j2"
        if key == "t":
            assert main.editor.text == "their words"
            main.editor.undo()
        if key == "b":
            await wait_for(pilot, copy.exists)
            assert copy.read_text(encoding="utf-8") == "their words"
        assert copy.exists() == (key == "b")
        assert main.editor.text == "my words"
        assert file.read_text(encoding="utf-8") == "their words"
        await pilot.press("ctrl+s")
        if key == "escape":
            await wait_for(pilot, lambda: isinstance(app.screen, ConflictScreen))
            await pilot.press("m")
        await wait_for(pilot, lambda: file.read_text(encoding="utf-8") == "my words")


async def test_keys_in_flight_decide_nothing(space: Path) -> None:
    file = space / "templates" / "london.j2"
    async with opened(space) as (app, pilot):
        await watching(app, pilot)
        await pilot.press("t")
        replaced(file, "their words")
        await wait_for(pilot, lambda: "was changed by somebody else" in told(app))
        assert app.screen is app.main
        await pilot.press("t")
        assert app.main.editor.text.startswith("tt")


async def test_a_renamed_file_is_followed_and_a_deleted_one_keeps_its_text_here(space: Path) -> None:
    file = space / "templates" / "london.j2"
    async with opened(space) as (app, pilot):
        await watching(app, pilot)
        main = app.main
        text = main.editor.text
        file.rename(file.with_name("paris.j2"))
        await wait_for(pilot, lambda: main.editing.buffer.path == "templates/paris.j2")
        assert any(row.key == "paris.j2" for row in main.templates.rows)
        file.with_name("paris.j2").unlink()
        await wait_for(pilot, lambda: "was deleted or moved" in told(app))
        assert main.editor.text == text
        assert main.editing.dirty
        await pilot.press("ctrl+s")
        await wait_for(pilot, file.with_name("paris.j2").exists)


async def test_a_changed_list_gives_another_prompt_and_a_saved_template_runs(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = user_config_dir() / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("run_on_save = true\n", encoding="utf-8")
    play(monkeypatch, pieces=["an answer"])
    words = space / "templates" / "wildcards" / "mine.txt"
    words.parent.mkdir(exist_ok=True)
    words.write_text("badger\n", encoding="utf-8")
    file = space / "templates" / "london.j2"
    async with opened(space) as (app, pilot):
        await watching(app, pilot)
        replaced(file, "A __mine__.")
        await wait_for(pilot, lambda: "A badger." in app.main.preview.text)
        await wait_for(pilot, lambda: app.main.output.text == "an answer")
        replaced(words, "heron\n")
        await wait_for(pilot, lambda: "A heron." in app.main.preview.text)


@pytest.fixture
def settings() -> Path:
    folder = user_config_dir()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "config.toml"


async def test_settings_are_read_again_and_wrong_ones_told(space: Path, settings: Path) -> None:
    async with opened(space) as (app, pilot):
        await watching(app, pilot)
        settings.write_text('theme = "workbench-light"\nask_above = 7\n', encoding="utf-8")
        await wait_for(pilot, lambda: app.theme == "workbench-light")
        assert app.bench.config.ask_above == 7
        settings.write_text("ask_above = 'many'\n", encoding="utf-8")
        await wait_for(pilot, lambda: "ask_above must be" in told(app))
        assert app.bench.config.ask_above == 7
