"""One to six panes: where they stand, which has the focus, what their titles say.

From 100 columns they tile below lists, template and prompt; below that, or with one of them zoomed, one is seen at a
time under a line of tabs that shows the progress of all. With a single pane nothing of this is seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.containers import Container
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from workbench.session.info import RunRecord, Session
from workbench.tui.pane_view import Pane, PaneSettings, PaneText, differences, recorded_settings, tab_texts
from workbench.tui.status import RunState

if TYPE_CHECKING:
    from workbench.tui.screens.main import MainScreen

MOST = 6
LABELS = "ABCDEF"
THREE_ABREAST = 150
BLIND_KEYS = "a to f: the better one · t tie · x all bad · v names"


class PaneGrid(Container):
    """The tiles. The last of an odd number takes the room that is left."""

    DEFAULT_CSS = "PaneGrid { layout: grid; width: 1fr; height: 1fr; grid-size: 1 1; grid-gutter: 0 1; }"

    def tile(self, panes: Sequence[Pane], *, only: Pane | None) -> None:
        """Lay out; ``only`` shows one of them."""
        shown = [only] if only is not None else list(panes)
        columns = columns_for(len(shown), self.app.size.width)
        rows = -(-len(shown) // columns)
        self.styles.grid_size_columns, self.styles.grid_size_rows = columns, rows
        for pane in panes:
            pane.display = pane in shown
            last = pane is shown[-1]
            pane.styles.column_span = columns * rows - len(shown) + 1 if last else 1


def columns_for(count: int, width: int) -> int:
    """Panes abreast on a terminal of ``width`` columns."""
    if count <= 2:
        return count
    return 3 if count > 4 or (count == 3 and width >= THREE_ABREAST) else 2


class Panes:
    """All panes of the main screen; there is always at least one, and one of them is ``current``."""

    def __init__(self, *, jump: bool) -> None:
        self._jump = jump
        first = Pane(jump=jump, placeholder="Looking for models …", id="output")
        self.all: list[Pane] = [first]
        self.current = first
        self.pinned: Pane | None = None
        self.together = False
        self.zoomed = False
        self.blind = False
        self.grid = PaneGrid(first)
        self.strip = Static("", id="pane-tabs", markup=False)
        self._strip_shown = ""
        self._hidden = _Hidden(self)

    def bind(self, screen: MainScreen) -> None:
        """Begin; ``screen`` is mounted."""
        self.screen = screen
        screen.status.holder = self.current
        self.arrange()

    @property
    def many(self) -> bool:
        return len(self.all) > 1

    @property
    def busy(self) -> list[Pane]:
        """The panes whose run goes on."""
        return [pane for pane in self.all if pane.bridge is not None]

    # -- how many ----------------------------------------------------------------------------------------------

    async def set_all(self, settings: Sequence[PaneSettings]) -> None:
        """So many panes with these settings; the first ones stay where they are. No run goes on in those that leave."""
        while len(self.all) > len(settings):
            await self._drop(self.all[-1])
        while len(self.all) < len(settings):
            await self._new()
        for pane, wanted in zip(self.all, settings, strict=True):
            pane.set(wanted)
        self.arrange()

    async def show_records(self, session: Session, records: Sequence[tuple[RunRecord, RunState]]) -> None:
        """Recorded runs as they were. Several take a pane each; a single one takes the place of what is there."""
        self.blind = False
        if len(records) == 1:
            await self.set_all([self.current.settings])
        else:
            await self.set_all(recorded_settings([record.request for record, _ in records]))
        for pane, (record, state) in zip(self.all, records, strict=True):
            pane.show_record(session, record, state)
        self.arrange()

    async def add(self) -> None:
        """One more, with the settings of the focused one."""
        if len(self.all) == MOST:
            self.screen.say(f"There are {MOST} panes; no more fit.")
            return
        pane = await self._new()
        pane.set(self.current.settings)
        self.arrange()
        self.go_to(len(self.all))

    async def remove(self) -> None:
        """Take the focused pane away; a run in it is stopped, and stays in its session."""
        if not self.many:
            self.screen.say("This is the last pane.")
            return
        pane, place = self.current, self.all.index(self.current)
        if pane.bridge is not None:
            await pane.bridge.handle.cancel()
        await self._drop(pane)
        self.arrange()
        self.go_to(min(place, len(self.all) - 1) + 1)

    async def _new(self) -> Pane:
        pane = Pane(jump=self._jump, placeholder="No run yet. F5 runs the template in every pane.")
        self.all.append(pane)
        await self.grid.mount(pane)
        return pane

    async def _drop(self, pane: Pane) -> None:
        place = self.all.index(pane)
        self.all.remove(pane)
        if self.pinned is pane:
            self.pinned = None
        if self.current is pane:
            self.show_current(self.all[min(place, len(self.all) - 1)])
        await pane.remove()

    async def reorder(self, order: Sequence[int]) -> None:
        """Stand in another order: ``order`` names the panes by their present places."""
        self.all = [self.all[place] for place in order]
        for place, pane in enumerate(self.all):
            self.grid.move_child(pane, before=place)
        await asyncio.sleep(0)
        self.arrange()

    # -- focus and layout --------------------------------------------------------------------------------------

    def go_to(self, number: int) -> None:
        """Move the focus to the pane of a number, from 1."""
        if not 1 <= number <= len(self.all):
            self.screen.say(f"There is no pane {number}. + adds one.")
            return
        self.show_current(self.all[number - 1])
        self.screen.show_area("output")

    def step(self, places: int) -> None:
        self.go_to((self.all.index(self.current) + places) % len(self.all) + 1)

    def focused(self, widget: Widget) -> None:
        """The focus came to ``widget``."""
        if isinstance(widget, PaneText) and isinstance(widget.parent, Pane) and widget.parent in self.all:
            self.show_current(widget.parent)

    def show_current(self, pane: Pane) -> None:
        if pane is not self.current:
            self.current = pane
            self.arrange()

    def zoom(self) -> None:
        """The focused pane alone on the whole screen, and back."""
        if self.screen.has_class("narrow") and not self.zoomed:
            self.screen.say("Below 100 columns a pane has the whole screen already.")
            return
        self.zoomed = not self.zoomed
        self.arrange()
        self.screen.show_area("output")

    def unzoom(self) -> None:
        if self.zoomed:
            self.zoomed = False
            self.arrange()

    def toggle_together(self) -> None:
        self.together = not self.together
        self.screen.say("Panes scroll together." if self.together else "Each pane scrolls alone.")
        self.draw()

    def scrolled(self, view: PaneText) -> None:
        """Others go where the focused one was scrolled to."""
        if not self.together or view is not self.current.view:
            return
        for pane in self.all:
            if pane.view is not view:
                if view.following:
                    pane.view.action_follow()
                else:
                    pane.view.scroll_to(y=view.scroll_offset.y, animate=False)

    def pin(self) -> None:
        """The focused pane is what others are compared with; again: none is."""
        self.pinned = None if self.pinned is self.current else self.current
        self.draw()

    def arrange(self) -> None:
        """Lay out anew, after anything that changes what is seen."""
        screen = self.screen
        screen.set_class(self.many, "many")
        screen.set_class(self.zoomed, "zoomed")
        one = screen.has_class("narrow") or self.zoomed
        self.strip.display = self.many and (one or self.blind)
        self.grid.tile(self.all, only=self.current if one else None)
        screen.status.holder = self._hidden if self.blind else self.current
        screen.status.show()
        self.draw()

    # -- titles ------------------------------------------------------------------------------------------------

    def label(self, pane: Pane) -> str:
        """A pane's number, while judging blind its letter."""
        place = self.all.index(pane)
        return LABELS[place] if self.blind else str(place + 1)

    def names(self) -> list[str]:
        """What each pane is, in full."""
        return [" · ".join(about) for about in differences([pane.facts() for pane in self.all])]

    def draw(self) -> None:
        """All titles and the line of tabs."""
        if not self.many:
            self.all[0].draw_alone()
            return
        about = differences([pane.facts() for pane in self.all])
        for pane, words in zip(self.all, about, strict=True):
            label = self.label(pane)
            signed = f"[{label}]" if pane is self.current else f" {label} "
            words = [] if self.blind else [*(["baseline"] if pane is self.pinned else []), *words]
            pane.draw(signed, words, masked=self.blind)
        if self.strip.display:
            self._draw_strip()

    def _draw_strip(self) -> None:
        room = self.screen.size.width - 1 - (len(BLIND_KEYS) + 2 if self.blind else 0)
        texts = tab_texts([(self.label(pane), pane) for pane in self.all], room, masked=self.blind)
        content = Content(" ")
        for pane, text in zip(self.all, texts, strict=True):
            style = "reverse bold" if pane is self.current else "dim"
            content += Content.styled(f" {text} ", style)
        if self.blind:
            content += Content.styled(f"  {BLIND_KEYS}", "dim")
        if content.markup != self._strip_shown:
            self._strip_shown = content.markup
            self.strip.update(content, layout=False)


class _Hidden:
    """What the status line says while names are hidden: speed and length would tell the models apart."""

    def __init__(self, panes: Panes) -> None:
        self._panes = panes

    @property
    def state(self) -> RunState:
        going = len(self._panes.busy)
        return RunState(phase=f"blind, {going} running" if going else f"blind: {BLIND_KEYS}")

    @state.setter
    def state(self, state: RunState) -> None:
        self._panes.current.state = state
