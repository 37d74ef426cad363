"""The session browser: everything that was saved, found as one types, newest first, and all that can be done with it.

The first rows come straight from the disk; the index is brought up to date behind them. From 100 columns on the run
under the cursor is read at the side.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import Input, Static

from workbench.display import counted, display_line
from workbench.error import UsageError, WorkbenchError
from workbench.session.index import Hit, SessionIndex
from workbench.tui.background import carry_on
from workbench.tui.browser.detail import run_text, session_text
from workbench.tui.browser.replay import BrowserReplay
from workbench.tui.browser.rows import HEADS, LEGEND, SHORT_LEGEND, SIDE_HEADS, Found, grouped, rows_of, run_key
from workbench.tui.listview import LineList
from workbench.tui.once import Once
from workbench.tui.screens.saying import SayingScreen
from workbench.tui.status import KeyLine
from workbench.tui.stream import StreamView
from workbench.tui.textual_private import SoundInput

if TYPE_CHECKING:
    from workbench.service import Workbench

FIRST_LOOK = 50
# So many runs are listed at first; going near the end of the list brings in more.
PAGE = 400
FOLLOW_SECONDS = 2.0
NEAR_END = 40
WIDE = 100
NARROW = 60
SPACIOUS = 160
EMPTY = "Nothing is saved yet. Escape leaves, F5 runs the template: every run is kept and can be found here."


class BrowserScreen(Once, SayingScreen[tuple[Any, str] | None]):
    """Leaves with a session and the id of the run to open, or with nothing."""

    context = "browser"
    CSS = """
    BrowserScreen { background: $background; }
    BrowserScreen #filter { border: none; height: 1; padding: 0 1; background: $panel; }
    BrowserScreen #side { width: 1fr; border-left: solid $panel; display: none; }
    BrowserScreen.wide #side { display: block; }
    BrowserScreen #list { width: 1fr; }
    BrowserScreen #heads { height: 1; padding: 0; color: $text-muted; }
    BrowserScreen #about { height: 1; background: $panel; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        *(Binding(str(number), f"rate({number})", show=False) for number in range(6)),
    ]

    def __init__(self, bench: Workbench, commands: Any) -> None:
        super().__init__()
        self.bench = bench
        self.filter = SoundInput(id="filter", compact=True, placeholder="filter: words, model:smol tag:good before:7d")
        self.rows = LineList(id="found", widths=tuple(HEADS.values()), placeholder="Reading …")
        self._heads = Static("", id="heads", markup=False)
        self.detail = StreamView(id="detail")
        self.about = Static("", id="about", markup=False)
        self._keys = KeyLine(commands, "browser")
        self.found: list[Found] = []
        self.opened: set[str] = set()
        self.marked: list[str] = []
        self.hits: dict[str, Hit] = {}
        self.index: SessionIndex | None = None
        self._ended = threading.Event()
        self._asked = 0
        self._shown = ""
        self._templates = True
        self._limit = PAGE
        self._totals = (0, 0)
        self._indexing = ""
        self.work = BrowserReplay(self)

    def compose(self) -> ComposeResult:
        yield self.filter
        with Horizontal():
            with Vertical(id="list"):
                yield self._heads
                yield self.rows
            with Vertical(id="side"):
                yield self.detail
        yield self.about
        yield self._keys

    def on_mount(self) -> None:
        self.rows.focus()
        carry_on(self, self._start(), group="browse-start")
        self.set_interval(FOLLOW_SECONDS, self._follow)

    def on_unmount(self) -> None:
        self._ended.set()

    def on_resize(self, event: Resize) -> None:
        wide, width = event.size.width >= WIDE, event.size.width
        self.set_class(wide, "wide")
        heads = SIDE_HEADS if wide and width < SPACIOUS else HEADS
        self._templates = heads is HEADS
        self.rows.widths = tuple(heads.values()) if width >= NARROW else (0,)
        room = width // 2 if wide else width
        self._heads.update(Content(self.rows.head(tuple(heads), room)))
        self.draw()

    # -- finding ---------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        self.index = await asyncio.to_thread(SessionIndex, self.bench.workspace, store=self.bench.store)
        index = self.index
        if not any(await asyncio.to_thread(index.count)):
            self._take(await asyncio.to_thread(index.newest, FIRST_LOOK))
        else:
            await self.search()
        await self.reindex()

    async def reindex(self) -> None:
        """Take in what changed on disk and show it; safe to call at any time."""
        index = self.index
        if index is None:
            return
        loop = asyncio.get_running_loop()

        def progress(done: int, total: int) -> None:
            if total > FIRST_LOOK and done % 50 == 0 and not self._ended.is_set():
                loop.call_soon_threadsafe(self._tell_indexing, f"reading {done:,} of {total:,} sessions")

        try:
            await asyncio.to_thread(index.refresh, progress=progress, cancel=self._ended)
        except WorkbenchError as error:
            self.say(str(error))
        except Exception as error:  # noqa: BLE001 - what was indexed by then is found; no reason to end the app
            told = f"What is new may not be found ({type(error).__name__})."
            self.say(f"{told} Make the index anew: workbench sessions reindex", error=True)
        self._indexing = ""
        await self.search()

    def _follow(self) -> None:
        """Runs that go on, here or in another program, are looked at again now and then."""
        going_on = any(hit.status == "running" for hit in self.hits.values())
        if going_on and not self._indexing and self.app.screen is self:
            carry_on(self, self.reindex(), group="browse-follow", exclusive=True)

    def _tell_indexing(self, text: str) -> None:
        if self.is_mounted:
            self._indexing = text
            self._tell()

    async def search(self) -> None:
        """Show what the filter finds; an answer that was overtaken is dropped."""
        if self.index is None:
            return
        self._asked += 1
        mine, query = self._asked, self.filter.value
        try:
            hits, totals = await asyncio.to_thread(self._search, query, self._limit)
        except UsageError as error:
            if mine == self._asked and self.is_mounted:
                self.about.update(Content(display_line(str(error))))
            return
        if mine == self._asked and self.is_mounted:
            self._totals = totals
            self._take(hits)

    def _search(self, query: str, limit: int) -> tuple[list[Hit], tuple[int, int]]:
        assert self.index is not None
        return self.index.search(query, limit=limit), self.index.count()

    def _take(self, hits: list[Hit]) -> None:
        self.found = grouped(hits)
        self.hits = {run_key(hit): hit for hit in hits if hit.run_id}
        self.marked = [key for key in self.marked if key in self.hits]
        if self.found and not self.opened:
            self.opened.add(self.found[0].key)
        nothing = "Nothing fits the filter." if self.filter.value.strip() else EMPTY
        self.rows.placeholder = nothing
        self.draw()

    def draw(self) -> None:
        """Show the rows anew, the cursor where it was."""
        everything = bool(self.filter.value.strip())
        rows = rows_of(self.found, self.opened, self.marked, all_open=everything, templates=self._templates)
        self.rows.set_rows(rows)
        self._tell()
        current = self.rows.current
        self._look(current.key if current else "")

    def _tell(self) -> None:
        runs = len(self.hits)
        more = "+" if len(self.hits) >= self._limit else ""
        filtered = bool(self.filter.value.strip())
        sessions, every = (len(self.found), runs) if filtered or not any(self._totals) else self._totals
        runs_told = f"{every:,}+ runs" if more and filtered else counted(every, "run")
        parts = [f"{counted(sessions, 'session')}, {runs_told}"]
        if self.marked:
            parts.append(f"{len(self.marked)} marked")
        told = " · ".join(parts)
        fits = len(told) + len(LEGEND) + 5 <= self.size.width
        self.about.update(Content(f"{told} · {self._indexing or (LEGEND if fits else SHORT_LEGEND)}"))

    # -- looking ---------------------------------------------------------------------------------------------

    def on_line_list_highlighted(self, event: LineList.Highlighted) -> None:
        self._look(event.key)
        if self.rows.cursor >= len(self.rows.shown) - NEAR_END and len(self.hits) >= self._limit:
            self._limit *= 4
            carry_on(self, self.search(), group="browse-search")

    def _look(self, key: str) -> None:
        self._shown = key
        if self.has_class("wide"):
            carry_on(self, self._read(key), group="browse-look", exclusive=True)

    async def _read(self, key: str) -> None:
        text = await asyncio.to_thread(self.detail_text, key) if key else ""
        if key == self._shown and self.is_mounted:
            self.detail.set_text(text)
            self.detail.action_start()

    def detail_text(self, key: str) -> str:
        """What there is to read of a row. Blocking."""
        try:
            hit = self.hits.get(key)
            if hit is not None:
                session = self.bench.store.open_session(hit.dir)
                return run_text(session, self.bench.store.open_run(session, hit.run_id), hit)
            found = next((item for item in self.found if item.key == key), None)
            return session_text(self.bench.store.open_session(found.head.dir), len(found.runs)) if found else ""
        except WorkbenchError as error:
            return str(error)

    # -- keys ------------------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        self._limit = PAGE
        carry_on(self, self.search(), group="browse-search")

    def on_input_submitted(self) -> None:
        self.rows.focus()

    def on_line_list_selected(self, event: LineList.Selected) -> None:
        if event.key in self.hits:
            carry_on(self, self.work.open(), group="browse-open")
        else:
            self.opened ^= {event.key}
            self.draw()

    def action_rate(self, number: int) -> None:
        carry_on(self, self.work.rate(number), group="browse-rate")

    def action_leave(self) -> None:
        """Step by step: out of the filter line, the filter away, then out of the browser."""
        if self.focused is self.filter:
            self.rows.focus()
        elif self.filter.value:
            self.filter.value = ""
        else:
            self.dismiss(None)
