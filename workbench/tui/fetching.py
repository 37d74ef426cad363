"""One download at a time, shown in the status line and on the shelf; paused and continued as one likes.

What came before a pause is kept by the fetch itself (finished packages, or the bytes of an address), so that pausing
is no more than stopping, and continuing no more than asking again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.engine.catalog import CatalogEntry
from workbench.engine.catalog_file import ListedModel
from workbench.engine.download import FetchCancelled, FetchProgress, fetch
from workbench.engine.fetch_http import Source
from workbench.engine.fetch_url import fetch_url
from workbench.engine.memory import size_text
from workbench.error import WorkbenchError
from workbench.tui.screens.modal import Confirm
from workbench.tui.status import RunState

if TYPE_CHECKING:
    from workbench.tui.screens.main import MainScreen

PHASES = {"wait": "waiting for another fetch of", "download": "fetching", "verify": "checking", "done": "fetched"}


@dataclass(frozen=True)
class Job:
    """What is to be fetched; ``id`` tells jobs apart. ``bytes`` 0: not known before. ``terms`` are asked about."""

    id: str
    name: str
    work: Callable[..., Path]
    bytes: int = 0
    terms: str = ""


def catalog_job(entry: CatalogEntry) -> Job:
    """A model of the built-in catalog."""
    return Job(f"get:{entry.id}", entry.id, partial(fetch, entry, accept_terms=True), entry.bytes, entry.terms)


def source_job(source: Source, size: int = 0) -> Job:
    """A file at an address; ``size`` in bytes, if that is known."""
    return Job(f"url:{source.url}", source.file, partial(fetch_url, source), source.bytes or size)


def listed_job(model: ListedModel) -> Job:
    """An entry of a list in GPT4All's format."""
    return source_job(model.source)


class Fetching:
    """``job`` is the one under way or paused, with its ``text``; ``left`` are those that did not come to their
    end here. ``on_change`` is called in the app's loop.
    """

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen
        self.job: Job | None = None
        self.text = ""
        self.left: dict[str, Job] = {}
        self.on_change: Callable[[], None] = _nothing
        self._cancel: threading.Event | None = None

    @property
    def active(self) -> bool:
        return self._cancel is not None

    def pause(self) -> None:
        """Stop at the next piece; what came is kept."""
        if self._cancel is not None:
            self._cancel.set()

    async def get(self, job: Job) -> Path | None:
        """Fetch ``job`` into the last model folder, or go on with it; None when it did not come to its end."""
        screen = self.screen
        if self.active:
            screen.say(f"{self.job.name if self.job else 'Something'} is being fetched. F6 pauses it.")
            return None
        if job.terms and not (self.job and self.job.id == job.id):
            agreed: bool | None = await screen.app.push_screen_wait(Confirm(f"{job.terms}\n\nDo you accept?"))
            if not agreed or self.active:
                return None
        self.job, self._cancel = job, threading.Event()
        self.left[job.id] = job
        state = RunState(model=job.name)
        if not screen.running.busy:
            screen.status.state = state
        try:
            folder = screen.bench.model_folders[-1]
            loop = asyncio.get_running_loop()

            def show(step: FetchProgress) -> None:
                loop.call_soon_threadsafe(self._show, state, step)

            path: Path = await asyncio.to_thread(job.work, folder, on_progress=show, cancel=self._cancel)
        except FetchCancelled:
            self._end(state, "paused")
            screen.say(f"{job.name} is paused; what came is kept. Asking for it again goes on.")
        except WorkbenchError as error:
            self._end(state, "not fetched")
            screen.tell(error)
        else:
            self._end(state, "ready")
            self.job = None
            self.left.pop(job.id, None)
            screen.say(f"{path.name} is here. F5 runs the template.")
            await screen.running.look_for_models()
            return path
        return None

    def _show(self, state: RunState, step: FetchProgress) -> None:
        share = f"{100 * step.done // step.total} % of {size_text(step.total)}" if step.total else "…"
        self.text = state.phase = f"{PHASES[step.phase]} {share}"
        if self.screen.is_mounted:
            self.screen.status.show()
            self.on_change()

    def _end(self, state: RunState, phase: str) -> None:
        self._cancel = None
        self.text = state.phase = phase
        if self.screen.is_mounted:
            self.screen.status.show()
            self.on_change()


def _nothing() -> None:
    return None
