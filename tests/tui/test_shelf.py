"""The model shelf: what is shown, and everything that can be done with a file, a server's model and a download."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.fileserver import serving
from tests.gguf_bytes import Gguf, write_split
from tests.test_app import opened, screen_text, space, wait_for
from tests.tiny_model import write_tiny
from workbench.engine.download import FetchCancelled
from workbench.engine.fetch_http import source_of
from workbench.engine.fetch_url import fetch_url
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.modal import AskText, Confirm, Page
from workbench.tui.screens.shelf import ShelfScreen
from workbench.workspace import user_data_dir

__all__ = ["space"]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    write_tiny(folder / "tiny.gguf")
    (folder / "cut.gguf").write_bytes((folder / "tiny.gguf").read_bytes()[:5000])
    # The last folder is the one that is fetched into.
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("WORKBENCH_MODELS", str(folder))
    return folder


@asynccontextmanager
async def shelf(space: Path, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[ShelfScreen, Pilot[int]]]:
    async with opened(space, size) as (app, pilot):
        yield await open_shelf(app, pilot), pilot


async def open_shelf(app: WorkbenchApp, pilot: Pilot[int]) -> ShelfScreen:
    await pilot.press("f8")
    await wait_for(pilot, lambda: isinstance(app.screen, ShelfScreen) and app.screen.rows.current)
    screen = app.screen
    assert isinstance(screen, ShelfScreen)
    return screen


def said(pilot: Pilot[int], words: str) -> bool:
    """Was a notice with these words given? On the screen it may be wrapped."""
    return any(words in notice.message for notice in pilot.app._notifications)


async def answer(pilot: Pilot[int], text: str) -> None:
    await wait_for(pilot, lambda: isinstance(pilot.app.screen, AskText))
    box = pilot.app.screen
    assert isinstance(box, AskText)
    box.query_one(Input).value = text
    await pilot.press("enter")
    await wait_for(pilot, lambda: pilot.app.screen is not box)


async def test_files_and_what_can_be_fetched_are_shown_and_enter_uses_a_model(space: Path, models: Path) -> None:
    async with shelf(space) as (screen, pilot):
        text = screen_text(pilot)
        assert "tiny" in text
        assert "broken" in text
        assert "smollm2-135m" in text
        assert "1 of 2 files" in text
        screen.rows.move_to(f"have:{models / 'cut.gguf'}")
        await wait_for(pilot, lambda: "cannot be used" in screen_text(pilot))
        await pilot.press("enter")
        assert pilot.app.screen is screen
        await pilot.press("home", "enter")
        await wait_for(pilot, lambda: pilot.app.screen is not screen)
        assert screen.running.model == str(models / "tiny.gguf")


async def test_a_file_is_inspected_verified_renamed_moved_and_deleted(space: Path, models: Path) -> None:
    async with shelf(space, (120, 36)) as (screen, pilot):
        await pilot.press("i")
        await wait_for(pilot, lambda: isinstance(pilot.app.screen, Page))
        assert "llamacpp: yes" in screen_text(pilot)
        await pilot.press("escape")
        await wait_for(pilot, lambda: pilot.app.screen is screen)
        await pilot.press("v")
        await wait_for(pilot, lambda: said(pilot, "the file is whole"))
        await pilot.press("r")
        await answer(pilot, "other.gguf")
        await wait_for(pilot, lambda: screen.work.key == f"have:{models / 'other.gguf'}")
        await pilot.press("m")
        await answer(pilot, str(models / "sub"))
        await wait_for(pilot, lambda: screen.work.key == f"have:{models / 'sub' / 'other.gguf'}")
        await pilot.press("d")
        await wait_for(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("escape")
        assert (models / "sub" / "other.gguf").is_file()
        await pilot.press("d")
        await wait_for(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("y")
        await wait_for(pilot, lambda: screen.shelf.entry(f"have:{models / 'sub' / 'other.gguf'}") is None)
        assert not (models / "sub" / "other.gguf").exists()


async def test_a_download_is_paused_continued_and_goes_on_without_the_shelf(
    space: Path, models: Path, tmp_path: Path
) -> None:
    data = (models / "tiny.gguf").read_bytes()
    gate = threading.Event()
    with serving(files={"net.gguf": data}, cuts=[3000], stall=gate) as plan:
        async with opened(space, (80, 24)) as (app, pilot):
            screen = await open_shelf(app, pilot)
            fetching = screen.fetching
            await pilot.press("u")
            await answer(pilot, f"{plan.url}/net.gguf")
            await answer(pilot, hashlib.sha256(data).hexdigest())
            await wait_for(pilot, lambda: fetching.active)
            await pilot.press("g")
            gate.set()
            await wait_for(pilot, lambda: not fetching.active)
            assert fetching.text == "paused"
            await wait_for(pilot, lambda: "net.gguf: paused" in screen_text(pilot))
            row = f"url:{plan.url}/net.gguf"
            await wait_for(pilot, lambda: row in screen.shelf.jobs)
            assert "unfinished" in screen_text(pilot)
            screen.rows.move_to(row)
            await wait_for(pilot, lambda: "goes on with net.gguf" in screen_text(pilot))
            screen.rows.move_to(f"have:{models / 'tiny.gguf'}")
            await pilot.press("g", "escape")
            await wait_for(pilot, lambda: said(pilot, "net.gguf is here"))
            again = await open_shelf(app, pilot)
            await wait_for(pilot, lambda: any(entry.path.name == "net.gguf" for entry in again.shelf.entries))


async def test_a_wrong_hash_is_told_and_nothing_is_installed(space: Path, models: Path) -> None:
    data = (models / "tiny.gguf").read_bytes()
    with serving(files={"net.gguf": data}) as plan:
        async with shelf(space, (120, 36)) as (screen, pilot):
            await pilot.press("u")
            await answer(pilot, f"{plan.url}/net.gguf")
            await answer(pilot, "0" * 64)
            await wait_for(pilot, lambda: said(pilot, "not the expected file"))
            assert screen.fetching.text == "not fetched"


async def test_a_server_that_is_off_is_a_row_with_its_reason(space: Path, models: Path, isolated_home: Path) -> None:
    config = isolated_home / "config" / "prompt-workbench" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[[server]]\nname = "box"\nurl = "http://127.0.0.1:9/v1"\n', encoding="utf-8")
    async with shelf(space) as (_screen, pilot):
        await wait_for(pilot, lambda: "offline" in screen_text(pilot))
        assert "box" in screen_text(pilot)


async def test_a_download_that_broke_off_in_an_earlier_session_is_a_row(space: Path, models: Path) -> None:
    data = (models / "tiny.gguf").read_bytes()
    stop = threading.Event()
    with serving(files={"net.gguf": data}) as plan:
        source = source_of(f"{plan.url}/net.gguf", sha256=hashlib.sha256(data).hexdigest())
        with pytest.raises(FetchCancelled):
            fetch_url(
                source,
                user_data_dir() / "models",
                on_progress=lambda step: stop.set() if step.done else None,
                cancel=stop,
            )
        async with shelf(space) as (screen, pilot):
            assert "unfinished" in screen_text(pilot)
            screen.rows.move_to(f"url:{plan.url}/net.gguf")
            await pilot.press("enter")
            await wait_for(pilot, lambda: any(entry.path.name == "net.gguf" for entry in screen.shelf.entries))


async def test_whole_files_that_are_no_models_are_not_called_broken(space: Path, models: Path) -> None:
    Gguf().with_(general__type="adapter").write(models / "lora.gguf")
    replace(Gguf(), arch="bert").write(models / "bert.gguf")
    replace(Gguf(), arch="nonsense").write(models / "strange.gguf")
    (models / "old.bin").write_bytes(b"tjgg\3\0\0\0" + b"\0" * 40)
    write_split(models)
    async with shelf(space, (120, 36)) as (screen, _pilot):
        words = {row.cells[0]: row.cells[3] for row in screen.rows.rows if row.key.startswith("have:")}
    assert words == {
        "tiny": "llamacpp",
        "big-00001-of-00003": "llamacpp",
        "big-00002-of-00003": "part",
        "big-00003-of-00003": "part",
        "bert": "embedding",
        "cut": "broken",
        "lora": "adapter",
        "old.bin": "old format",
        "strange": "no engine",
    }
