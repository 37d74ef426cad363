"""The live table of a grid, with a page beside it from 120 columns on, else in its place.

The grid belongs to the app and goes on when this screen is left. What changed is drawn a dozen times a second, and
only where it is seen.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from workbench.compare.state import CellState
from workbench.compare.table import Layout, Stack, View
from workbench.display import display_line
from workbench.error import WorkbenchError
from workbench.tui.background import carry_on
from workbench.tui.grid.live import GridLive
from workbench.tui.grid.pages import Stretch, cell_text, rates_text, row_page
from workbench.tui.grid.rows import LEGEND, TEXT, GridRows
from workbench.tui.grid.saved import check_saved
from workbench.tui.grid.table import TableView
from workbench.tui.grid.work import GridWork
from workbench.tui.marked import PromptView
from workbench.tui.screens.saying import SayingScreen
from workbench.tui.status import KeyLine, RunState, StatusLine

if TYPE_CHECKING:
    from workbench.tui.grid.keeper import Grids

FLUSHES_PER_SECOND = 12
WIDE = 120
# Beyond so many changed cells the whole table is drawn at once.
_FEW = 100
# A filtered or sorted table is laid out anew after this many times what it took, and not more often than each second.
_REST = 10.0


@dataclass
class GridStatus(RunState):
    """The status line of a grid."""

    told: list[str] = field(default_factory=list)

    def parts(self) -> list[str]:
        return self.told


class GridScreen(SayingScreen[None]):
    """Escape closes the page, then leaves; the grid goes on."""

    context = "grid"
    CSS = """
    GridScreen { background: $background; }
    GridScreen #side { width: 1fr; border-left: solid $panel; display: none; }
    GridScreen.paged #side { display: block; }
    GridScreen.paged.narrow TableView { display: none; }
    GridScreen.narrow #side { border-left: none; }
    GridScreen .about { height: 1; color: $text-muted; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        *(Binding(str(number), f"rate({number})", show=False) for number in range(6)),
    ]

    def __init__(self, grids: Grids, live: GridLive) -> None:
        super().__init__()
        self.grids = grids
        self.live = live
        self.view: View = live.table.view()
        self.mode = TEXT
        self.marked: list[int] = []
        self.page = ""
        self.turn = 0
        self.table = TableView(id="table", placeholder="No row fits. H shows all.")
        self.detail = PromptView(id="detail")
        self.status = StatusLine()
        self.rows = GridRows(live.table, live.table.layout(self.view), live.marks)
        self.work = GridWork(self)
        self._title = Static("", classes="title", markup=False)
        self._about = Static("", classes="about", markup=False)
        self._legend = Static(Content(LEGEND), classes="about", markup=False)
        self._keys = KeyLine(grids.app.commands, "grid")
        self._laid = 0
        self._next_layout = 0.0
        self._stale = False
        self._next_rates = 0.0
        self._old_rates = False
        self._told: list[str] = []
        self._read = 0

    def compose(self) -> ComposeResult:
        yield self._title
        with Horizontal():
            yield self.table
            with Vertical(id="side"):
                yield self.detail
        yield self._about
        yield self._legend
        yield self.status
        yield self._keys

    def on_mount(self) -> None:
        self.status.state = GridStatus()
        self.table.focus()
        self.set_interval(1 / FLUSHES_PER_SECOND, self._tick)
        self.show_live(self.live)

    def show_live(self, live: GridLive) -> None:
        """Show this grid: the first one, or the one that goes on in its place. The view is kept where it fits."""
        shapes = [[(d.name, len(d.labels)) for d in one.table.dimensions] for one in (live, self.live)]
        # Prompts get their names once their runs were read: the same axes all the same.
        if shapes[0] != shapes[1]:
            self.view = live.table.view()
        self.live = live
        self.marked.clear()
        self._title.update(Content(display_line(f"Grid: {live.title}")))
        self._take(live.table.layout(self.view))
        carry_on(self, self._read_disk(live), group="grid-marks")
        self._tick()

    async def _read_disk(self, live: GridLive) -> None:
        """Marks of the runs; checks of a grid that only stands on disk."""
        if live.reading:
            return
        await asyncio.to_thread(live.read_marks)
        if self.is_mounted:
            self.table.refresh()
        if live.run is None:
            await check_saved(live)

    def on_unmount(self) -> None:
        self.grids.tell()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width < WIDE, "narrow")

    # -- the table ---------------------------------------------------------------------------------------------

    async def relayout(self) -> None:
        """Rows and columns anew, as the view and the cells are now; in a thread where all cells are looked at."""
        self._laid += 1
        mine, began = self._laid, monotonic()
        self._stale = False
        live, view = self.live, self.view
        if self.looks_at_all:
            layout = await asyncio.to_thread(live.table.layout, view)
        else:
            layout = live.table.layout(view)
        if mine == self._laid and live is self.live and self.is_mounted:
            self._next_layout = monotonic() + max(1.0, _REST * (monotonic() - began))
            self._take(layout)

    @property
    def looks_at_all(self) -> bool:
        """Whether the layout depends on what stands in the cells."""
        return self.view.sort is not None or self.view.filter is not None or self.view.only != "all"

    def _take(self, layout: Layout) -> None:
        """Show a layout, the cursor on the cell where it was."""
        at = self.state
        rows = GridRows(self.live.table, layout, self.live.marks, mode=self.mode)
        rows.marked = set(self.marked)
        self.rows = rows
        place = rows.place_of(at) if at is not None else None
        self.table.show(rows)
        if place is not None:
            self.table.move_to(*place)
        self.tell_view()

    def redraw(self) -> None:
        """The same layout with other marks or another mode."""
        self.rows.marked, self.rows.mode = set(self.marked), self.mode
        self.table.refresh()
        self.tell_view()

    @property
    def stack(self) -> Stack:
        """What stands under the cursor."""
        rows, columns = self.rows.shape
        if not (self.table.row < rows and self.table.column < columns):
            return Stack(())
        return self.rows.stack(self.table.row, self.table.column)

    @property
    def state(self) -> CellState | None:
        """The run under the cursor; of several the one that was turned to."""
        states = self.stack.states
        return states[min(self.turn, len(states) - 1)] if states else None

    def tell_view(self) -> None:
        """The line below the table: what is shown how."""
        self._about.update(Content(display_line(" · ".join(self.work.view_parts()))))

    # -- what happens ------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        live = self.live
        changed = live.take_changed()
        if len(changed) > _FEW:
            self.table.refresh()
        else:
            for number in changed:
                place = self.rows.place_of(live.states[number])
                if place is not None:
                    self.table.changed(*place)
        self._stale = self._stale or (bool(changed) and self.looks_at_all)
        if self._stale and monotonic() >= self._next_layout:
            carry_on(self, self.relayout(), group="grid-layout")
        state = self.state
        if changed and self.page == "cell" and state is not None and state.number in changed:
            self.look()
        self._old_rates = self._old_rates or (bool(changed) and self.page == "rates")
        if self._old_rates and monotonic() >= self._next_rates:
            self._old_rates, self._next_rates = False, monotonic() + 1.0
            self.look()
        self._tell_status()

    def _tell_status(self) -> None:
        live = self.live
        told = live.parts() + ([live.error] if live.error else [])
        if not live.running:
            live.seen = True
        if told != self._told and isinstance(self.status.state, GridStatus):
            self._told = self.status.state.told = told
            self.status.show()

    def on_table_view_moved(self) -> None:
        self.turn = 0
        if self.page in ("cell", "row"):
            self.look(anew=True)
        self.tell_view()

    # -- the page ----------------------------------------------------------------------------------------------

    def on_table_view_opened(self) -> None:
        self.open_page("cell")

    def open_page(self, page: str) -> None:
        """Show a page: ``cell``, ``row`` or ``rates``."""
        self.page = page
        self.add_class("paged")
        if self.has_class("narrow"):
            self.detail.focus()
        self.look(anew=True)

    def close_page(self) -> None:
        self.page = ""
        self.remove_class("paged")
        self.table.focus()

    def look(self, *, anew: bool = False) -> None:
        """Read what the page shows now."""
        self._read += 1
        carry_on(self, self._look(self._read, anew=anew), group="grid-look", exclusive=True)

    async def _look(self, mine: int, *, anew: bool) -> None:
        live, state, page, stack = self.live, self.state, self.page, self.stack
        spans: list[Stretch] = []
        try:
            if page == "rates":
                text = await asyncio.to_thread(rates_text, live.states, live.marks)
            elif page == "row":
                text, spans = await asyncio.to_thread(row_page, self.rows, self.table.row)
            elif state is None:
                text = "Nothing stands here."
            else:
                place = stack.states.index(state)
                text = await asyncio.to_thread(cell_text, live, state, place, len(stack.states))
        except WorkbenchError as error:
            text = str(error)
        if mine != self._read or not self.is_mounted:
            return
        shown = self.detail.text
        if not anew and not spans and shown and text.startswith(shown):
            self.detail.append(text[len(shown) :])
            return
        self.detail.set_marked(text, spans)
        if anew:
            self.detail.action_start()

    # -- keys --------------------------------------------------------------------------------------------------

    def action_rate(self, number: int) -> None:
        carry_on(self, self.work.rate(number), group="grid-rate")

    def action_leave(self) -> None:
        if self.page:
            self.close_page()
        else:
            self.dismiss(None)
