"""What the shelf does with the row under its cursor."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from workbench.display import counted
from workbench.engine.catalog_file import load_catalog
from workbench.engine.download import FetchProgress
from workbench.engine.fetch_http import source_of
from workbench.engine.memory import size_text
from workbench.engine.shelf import ModelEntry
from workbench.engine.shelf_edit import check_removable, move_model, remove_model, rename_model
from workbench.engine.verify import verify_model
from workbench.error import WorkbenchError
from workbench.realpath import real_path
from workbench.service.chat_example import chat_example
from workbench.tui.background import carry_on
from workbench.tui.fetching import Job, source_job
from workbench.tui.screens.modal import Confirm, Page, ask_text
from workbench.tui.shelf import inspect_text

if TYPE_CHECKING:
    from workbench.tui.screens.shelf import ShelfScreen

T = TypeVar("T")


class ShelfWork:
    """One action per command; each blocks in a thread and then shows what is on disk."""

    def __init__(self, screen: ShelfScreen) -> None:
        self.screen = screen
        self._cancel: threading.Event | None = None

    # -- what is under the cursor ------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        row = self.screen.rows.current
        return row.key if row else ""

    def _entry(self) -> ModelEntry | None:
        entry = self.screen.shelf.entry(self.key)
        if entry is None:
            self.screen.say("Put the cursor on a file that is here.")
        return entry

    async def _do(self, work: Callable[[], T]) -> T | None:
        """``work`` in a thread; None when it was refused, which is told."""
        try:
            return await asyncio.to_thread(work)
        except WorkbenchError as error:
            self.screen.say(str(error), error=True)
            return None

    # -- use and get -------------------------------------------------------------------------------------------

    def use(self) -> None:
        """Enter: the model of the row is used by the next runs; one that is not here is fetched."""
        screen, key = self.screen, self.key
        entry, server = screen.shelf.entry(key), screen.shelf.server(key)
        if entry is not None and entry.problem:
            screen.say(f"{entry.path.name} cannot be used: {entry.problem}", error=True)
        elif entry is not None:
            screen.dismiss(str(entry.path))
        elif server is not None and server.problem:
            screen.say(f"{server.server}: {server.problem}\n{server.hint}", error=True)
        elif server is not None:
            screen.dismiss(server.name)
        else:
            carry_on(screen, self.get(), group="shelf-get")

    async def get(self) -> None:
        """Fetch the row's model, pause it, or go on with it; on any other row an address is asked for."""
        fetching = self.screen.fetching
        if fetching.active:
            fetching.pause()
            return
        job = self.screen.shelf.jobs.get(self.key) or fetching.job or await self._asked()
        if job is None:
            return
        await self._fetched(job)

    async def address(self) -> None:
        """Fetch a file from an address, or show a list in GPT4All's format."""
        job = await self._asked()
        if job is not None:
            await self._fetched(job)

    async def _fetched(self, job: Job) -> None:
        """Fetch, and show what is on disk then: the file, or what is left to fetch."""
        path = await self.screen.fetching.get(job)
        if self.screen.is_mounted:
            await self.screen.read(then=f"have:{path}" if path is not None else "")

    async def _asked(self) -> Job | None:
        place = await ask_text(
            self.screen.app,
            "Address of a GGUF file, or of a list (models3.json)",
            hint="https://…/NAME.gguf, or a path to a list",
        )
        if not place:
            return None
        if not place.partition("?")[0].lower().endswith(".gguf"):
            listed = await self._do(partial(load_catalog, place))
            if listed is not None and self.screen.is_mounted:
                self.screen.shelf.listed = listed
                self.screen.draw()
                self.screen.say(f"The list has {counted(len(listed), 'model')} that can be fetched.")
            return None
        digest = await ask_text(
            self.screen.app, "Its sha256, as its page tells", hint="64 hexadecimal digits; 'none' goes without"
        )
        if not digest:
            return None
        source = await self._do(partial(source_of, place, sha256="" if digest == "none" else digest))
        return source_job(source) if source is not None else None

    async def read(self) -> None:
        """Look at everything again."""
        await self.screen.read(servers=True)

    # -- look --------------------------------------------------------------------------------------------------

    async def inspect(self) -> None:
        """Everything that the file says of itself."""
        entry = self._entry()
        if entry is not None:
            rendered, fault = await asyncio.to_thread(chat_example, self.screen.bench, entry.header)
            await self.screen.app.push_screen_wait(Page(entry.path.name, inspect_text(entry, rendered, fault)))

    async def verify(self) -> None:
        """Read the whole file and compare; again to stop."""
        if self._cancel is not None:
            self.stop_reading()
            return
        entry = self._entry()
        if entry is not None:
            answer = await self._watched(
                "reading",
                lambda show, cancel: verify_model(entry, on_progress=show, cancel=cancel),
            )
            if answer is not None:
                self.screen.say(f"{entry.path.name}: {answer.sentence}", error=not answer.ok)

    def stop_reading(self) -> None:
        """Stop verifying or moving; nothing is lost."""
        if self._cancel is not None:
            self._cancel.set()

    def stop(self) -> None:
        """Pause the download, or stop reading a file."""
        if self._cancel is not None:
            self.stop_reading()
        elif self.screen.fetching.active:
            self.screen.fetching.pause()
        else:
            self.screen.say("Nothing is going on.")

    async def _watched(
        self, what: str, work: Callable[[Callable[[FetchProgress], None], threading.Event], T]
    ) -> T | None:
        """``work`` in a thread with its progress in the line above the keys."""
        loop = asyncio.get_running_loop()
        cancel = self._cancel = threading.Event()

        def show(step: FetchProgress) -> None:
            share = 100 * step.done // step.total if step.total else 0
            loop.call_soon_threadsafe(self._doing, f"{what} {step.id}: {share} % (F6 stops)")

        try:
            return await self._do(partial(work, show, cancel))
        finally:
            self._cancel = None
            self._doing("")

    def _doing(self, text: str) -> None:
        self.screen.doing = text if self._cancel is not None else ""
        self.screen.tell()

    # -- change ------------------------------------------------------------------------------------------------

    async def rename(self) -> None:
        entry = self._entry()
        if entry is None:
            return
        name = await ask_text(self.screen.app, "New file name", entry.path.name)
        if name:
            await self._changed(await self._do(partial(rename_model, entry.path, name, self._folders)), entry)

    async def move(self) -> None:
        entry = self._entry()
        if entry is None:
            return
        place = await ask_text(
            self.screen.app,
            "Folder to move it to",
            str(entry.path.parent),
            "Made if the one above is there. Enter takes it.",
        )
        if not place:
            return
        folder = Path(os.path.expanduser(place))
        await self._unloaded(entry)
        path = await self._watched(
            "moving",
            lambda show, cancel: move_model(entry.path, folder, self._folders, on_progress=show, cancel=cancel),
        )
        await self._changed(path, entry)
        if path is not None and not any(real_path(path).is_relative_to(real_path(known)) for known in self._folders):
            self.screen.say(f"{folder} is no model folder: name it in the setting model.folders to see it here.")

    async def delete(self) -> None:
        """Remove the file for good, after a question."""
        entry = self._entry()
        if entry is None:
            return
        await self._unloaded(entry)
        files = await self._do(partial(check_removable, entry.path, self._folders))
        if files is None:
            return
        names, size = ", ".join(file.name for file in files), size_text(sum(file.lstat().st_size for file in files))
        question = f"Delete {names} ({size}) from the disk? It cannot be brought back."
        if await self.screen.app.push_screen_wait(Confirm(question, yes="delete it", no="keep it")):
            copies = self.screen.bench.workspace.cache_dir.parent / "models"
            gone = await self._do(partial(remove_model, entry.path, self._folders, copies=copies))
            if gone is not None:
                if self.screen.running.model == str(entry.path):
                    self.screen.running.model = ""
                self.screen.say(f"Deleted; the disk got {size_text(gone.bytes)} back.")
                await self.screen.read()

    async def _unloaded(self, entry: ModelEntry) -> None:
        """Let go of a file that an idle engine here still holds."""
        await self.screen.bench.pool.unload(entry.path)

    @property
    def _folders(self) -> list[Path]:
        return self.screen.bench.model_folders

    async def _changed(self, path: Path | None, entry: ModelEntry) -> None:
        if path is None or not self.screen.is_mounted:
            return
        if self.screen.running.model == str(entry.path):
            self.screen.running.model = str(path)
        await self.screen.read(then=f"have:{path}")
