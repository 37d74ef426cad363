"""Scrolling by keys for views that draw their own lines: at once, without animation, without scroll bars."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.scroll_view import ScrollView


class PagedView(ScrollView):
    """A view of lines with keys to move in it."""

    DEFAULT_CSS = """
    PagedView {
        width: 1fr;
        height: 1fr;
        overflow: hidden hidden;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "start", "Start", show=False),
    ]

    @property
    def allow_vertical_scroll(self) -> bool:
        return True

    @property
    def page_height(self) -> int:
        """Rows on screen, at least one."""
        return max(1, self.size.height)

    def action_move(self, rows: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False)

    def action_page(self, pages: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + pages * max(1, self.page_height - 1), animate=False)

    def action_start(self) -> None:
        self.scroll_to(y=0, animate=False)
