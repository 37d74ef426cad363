"""The model shelf: files here, models of servers, what can be fetched, and what can be done with each.

Files are shown as soon as they are read; servers are asked meanwhile, and one that does not answer is a row with its
reason. A download goes on when the shelf is left.
"""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from workbench.display import counted, display, display_line
from workbench.engine.fetch_url import unfinished
from workbench.engine.memory import free_memory, size_text
from workbench.engine.server_models import list_server_models
from workbench.engine.shelf import ModelEntry
from workbench.tui.background import carry_on
from workbench.tui.fetching import Job, source_job
from workbench.tui.listview import LineList
from workbench.tui.screens.saying import SayingScreen
from workbench.tui.shelf import Shelf
from workbench.tui.shelfwork import ShelfWork
from workbench.tui.status import KeyLine

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.tui.running import Running

TITLE = "Models (name, quantization, memory, engine)"
EMPTY = "There is no model here, and nothing to fetch."


class ShelfScreen(SayingScreen[str | None]):
    """Leaves with the model to use, a path or ``server/model``, or with nothing."""

    context = "shelf"
    # Longer than elsewhere: a server's fault comes with a hint.
    SECONDS = 8
    CSS = """
    ShelfScreen { background: $background; }
    ShelfScreen .title { height: 1; background: $panel; color: $text-muted; padding: 0 1; text-style: bold; }
    ShelfScreen #models { padding: 0 1; }
    ShelfScreen #detail { height: 6; padding: 0 1; color: $text-muted; border-top: solid $panel; }
    ShelfScreen #about { height: 1; background: $panel; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False)]

    def __init__(self, bench: Workbench, commands: Any, running: Running) -> None:
        super().__init__()
        self.bench = bench
        self.running = running
        self.fetching = running.fetching
        self.shelf = Shelf()
        self.rows = LineList(id="models", widths=(0, 10, 10, 10), placeholder="Reading …")
        self.title_line = Static(TITLE, classes="title", markup=False)
        self.detail = Static("", id="detail", markup=False)
        self.about = Static("", id="about", markup=False)
        self.doing = ""
        self._keys = KeyLine(commands, "shelf")
        self.work = ShelfWork(self)

    def compose(self) -> ComposeResult:
        yield self.title_line
        yield self.rows
        yield self.detail
        yield self.about
        yield self._keys

    def on_mount(self) -> None:
        self.rows.focus()
        self.fetching.on_change = self.tell
        carry_on(self, self.read(servers=True), group="shelf-read")

    def on_unmount(self) -> None:
        self.fetching.on_change = _nothing
        self.work.stop_reading()

    def on_resize(self, event: Resize) -> None:
        self.rows.widths = (0, 10, 10, 10) if event.size.width >= 64 else (0, 10)
        self.detail.styles.height = 6 if event.size.height >= 20 else 3

    # -- what is there -----------------------------------------------------------------------------------------

    async def read(self, *, servers: bool = False, then: str = "") -> None:
        """Read the folders anew, and ask the servers if wanted; the cursor goes to ``then``, or stays."""
        if servers and self.bench.config.servers:
            self.shelf.servers = None
        entries, free, disk, left = await asyncio.to_thread(self._look)
        if not self.is_mounted:
            return
        self.shelf.entries, self.shelf.free = entries, free
        self.shelf.left = self.fetching.left | {job.id: job for job in left}
        self.title_line.update(Content(display_line(f"{TITLE} · {size_text(free)} free{disk}")))
        self.draw(then or (f"have:{self.running.model}" if servers else ""))
        if self.shelf.servers is None:
            found = await asyncio.to_thread(list_server_models, self.bench.config)
            if self.is_mounted:
                self.shelf.servers = found
                self.draw(f"srv:{self.running.model}")

    def _look(self) -> tuple[list[ModelEntry], int, str, list[Job]]:
        folder = self.bench.model_folders[-1]
        there = next((item for item in (folder, *folder.parents) if item.exists()), None)
        disk = f", disk {size_text(shutil.disk_usage(there).free)}" if there else ""
        left = [source_job(source, size) for source, size in unfinished(folder)]
        return self.bench.models(), free_memory(), disk, left

    def draw(self, then: str = "") -> None:
        """Show the rows anew, the cursor where it was, or on ``then`` if there is such a row."""
        self.rows.placeholder = EMPTY
        self.rows.set_rows(self.shelf.rows())
        if then:
            self.rows.move_to(then)
        current = self.rows.current
        self._look_at(current.key if current else "")
        self.tell()

    def tell(self) -> None:
        """The line above the keys: what is going on."""
        if not self.is_mounted:
            return
        job = self.fetching.job
        parts = [self.doing, f"{job.name}: {self.fetching.text}" if job else ""]
        if not any(parts):
            usable = sum(1 for entry in self.shelf.entries if not entry.problem)
            broken = len(self.shelf.entries) - usable
            parts = [f"{usable} of {usable + broken} files can be used" if broken else counted(usable, "file")]
            parts.append("Enter uses the model, Escape leaves")
        self.about.update(Content(display_line(" · ".join(part for part in parts if part))))

    # -- keys --------------------------------------------------------------------------------------------------

    def on_line_list_highlighted(self, event: LineList.Highlighted) -> None:
        self._look_at(event.key)

    def _look_at(self, key: str) -> None:
        self.detail.update(Content(display(self.shelf.detail(key))))

    def on_line_list_selected(self) -> None:
        self.work.use()

    def action_leave(self) -> None:
        self.dismiss(None)


def _nothing() -> None:
    return None
