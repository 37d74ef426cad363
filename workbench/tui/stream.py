"""The pane that text streams into: virtual lines, flat cost in its history, nothing but plain text.

``append`` takes the exact text; what is drawn went through ``display`` and is wrapped once. A paint touches
only rows that changed, as one segment each without scrollbar or padding: every extra segment costs some 35
bytes per row on the link. The view follows the end only while it stands there; on a remote link (``jump``) it
moves a third of a page at a time, which saves most of the bytes of following.
"""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive, var
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from workbench.display import DisplayStream, display
from workbench.tui.paging import PagedView
from workbench.tui.strips import row_strip, selected_text, text_strip
from workbench.tui.wrap import Rows, expand


class StreamView(PagedView, can_focus=True):
    """A read-only text that may grow while it is looked at."""

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {"stream--marked", "stream--placeholder"}
    DEFAULT_CSS = """
    StreamView {
        & > .stream--marked { color: $text-error; text-style: underline; }
        & > .stream--placeholder { color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("end,ctrl+end", "follow", "End", show=False),
    ]

    jump: var[bool] = var(False)
    """Follow by a third of a page instead of line by line: for slow links."""
    dimmed: reactive[bool] = reactive(False)
    """Draw everything dim: what is shown is no longer current."""
    marked_line: reactive[int] = reactive(0)
    """A line, from 1, to set off; 0 marks none."""
    placeholder: reactive[str] = reactive("")
    """What to say while there is no text."""

    class FollowChanged(Message):
        """The view began or ceased to follow the end."""

        def __init__(self, view: StreamView, following: bool) -> None:
            super().__init__()
            self.view = view
            self.following = following

        @property
        def control(self) -> StreamView:
            return self.view

    def __init__(
        self,
        text: str = "",
        *,
        placeholder: str = "",
        jump: bool = False,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._pieces: list[str] = []
        self._inert = DisplayStream()
        self._rows = Rows()
        self._following = True
        self._streamed = False
        self.set_reactive(StreamView.placeholder, placeholder)
        self.set_reactive(StreamView.jump, jump)
        if text:
            self.set_text(text)

    # -- text -----------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The exact text, as it came."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    @property
    def shown_text(self) -> str:
        """The text as it is shown: inert, tabs kept."""
        return self._rows.text()

    @property
    def row_count(self) -> int:
        """Wrapped rows of the text, 0 when it is empty."""
        return 0 if self._rows.empty else len(self._rows)

    @property
    def following(self) -> bool:
        """Does the view stand at the end, and will it go with it?"""
        return self._following

    def append(self, text: str) -> None:
        """Add exact text at the end. Costs the open row and a repaint of the rows that changed."""
        if not text:
            return
        was_empty = self._rows.empty
        self._pieces.append(text)
        self._streamed = True
        self._grow(self._inert.feed(text), was_empty=was_empty)

    def finish(self) -> None:
        """No more will come: show what was held back of a cut character."""
        self._grow(self._inert.end(), was_empty=self._rows.empty)

    def set_text(self, text: str) -> None:
        """Replace the text; the place in it stays as far as it can. A finished text: nothing is held back."""
        if self._pieces and text == self.text:
            return
        self._pieces = [text] if text else []
        self._streamed = False
        self._inert = DisplayStream()
        self._rows = Rows(self._rows.width)
        self._rows.append(display(text))
        self._update_height()
        self.refresh()

    def clear(self) -> None:
        """Forget the text and follow again."""
        self._pieces = []
        self._inert = DisplayStream()
        self._rows = Rows(self._rows.width)
        self._set_following(True)
        self._update_height()
        self.scroll_to(y=0, animate=False)
        self.refresh()

    def _grow(self, shown: str, *, was_empty: bool) -> None:
        if not shown:
            return
        first = self._rows.append(shown)
        if not self.is_attached:
            return
        if was_empty:
            self.refresh()
        else:
            self._refresh_rows(first)
        self._update_height()
        if self._following:
            self._to_end()

    def _refresh_rows(self, first: int) -> None:
        top = max(0, first - self.scroll_offset.y)
        height = self.size.height
        if top < height:
            self.refresh(Region(0, top, self.size.width, min(height - top, len(self._rows) - first)))

    # -- scrolling ------------------------------------------------------------------------------------------

    def _end_target(self) -> int:
        """The scroll offset that shows the end: aligned to a third of a page when jumping."""
        over = max(0, self.row_count - self.page_height)
        if self.jump and over:
            step = max(1, self.page_height // 3)
            return -(-over // step) * step
        return over

    def _update_height(self) -> None:
        # Set without a layout of the screen: the size of the widget does not depend on its text.
        height = max(self.row_count, self._end_target() + self.page_height)
        self.set_reactive(Widget.virtual_size, Size(self.size.width, height))
        if self.scroll_offset.y > self.max_scroll_y:
            self.scroll_to(y=self.max_scroll_y, animate=False)

    def _to_end(self) -> None:
        target = self._end_target()
        if self.scroll_offset.y != target:
            self.scroll_to(y=target, animate=False)

    def _set_following(self, following: bool) -> None:
        if following != self._following:
            self._following = following
            if self.is_attached:
                self.post_message(self.FollowChanged(self, following))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self.size.height:
            # Not on the screen: whatever moves there is the layout, not a person.
            return
        self._set_following(round(new_value) >= max(0, self.row_count - self.page_height))

    def action_follow(self) -> None:
        """Go to the end and follow it from now on."""
        self._to_end()
        self._set_following(True)

    def show_line(self, line: int) -> None:
        """Bring ``line``, from 1, into view."""
        rows = self._rows.rows_of(line - 1)
        top = self.scroll_offset.y
        if rows and not top <= rows.start < top + self.page_height:
            self.scroll_to(y=max(0, rows.start - self.page_height // 3), animate=False)

    # -- drawing --------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        width = event.size.width
        if width and width != self._rows.width:
            line = self._rows.line_of(min(self.scroll_offset.y, len(self._rows) - 1))
            self._rows.resize(width)
            # Rows painted before this layout were wrapped for another width.
            self.refresh()
            if not (self._following and self._streamed):
                self._update_height()
                self.scroll_to(y=self._rows.rows_of(line).start, animate=False)
        self._update_height()
        if self._following and self._streamed:
            self._to_end()

    def watch_jump(self) -> None:
        self._update_height()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        if self._rows.empty:
            muted = base + self.get_component_rich_style("stream--placeholder", partial=True)
            return text_strip(display(self.placeholder), y, width, muted)
        row = self.scroll_offset.y + y
        if row >= len(self._rows):
            return Strip.blank(width, base)
        style = self._row_style(row, base)
        text = expand(self._rows.rows[row])
        span = self._selected_span(row, len(text))
        selected = None if span is None else self.screen.get_component_rich_style("screen--selection")
        strip = row_strip(text, style, width, span=span, selected=selected)
        return strip.apply_offsets(0, row)

    def _row_style(self, row: int, base: Style) -> Style:
        style = base
        if self.marked_line and row in self._rows.rows_of(self.marked_line - 1):
            style += self.get_component_rich_style("stream--marked", partial=True)
        if self.dimmed:
            style += Style(dim=True)
        return style

    def _selected_span(self, row: int, length: int) -> tuple[int, int] | None:
        selection = self.text_selection
        span = selection.get_span(row) if selection is not None else None
        if span is None:
            return None
        start, end = span
        return start, length if end == -1 else min(end, length)

    # -- selecting ------------------------------------------------------------------------------------------

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text as shown, without the breaks that wrapping made."""
        if self._rows.empty:
            return None
        return selected_text(self._rows, selection), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()
