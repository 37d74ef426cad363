"""A list of ten thousand rows that opens at once: rows are drawn when seen, nothing is built per row.

Rows are tuples of plain texts under fixed columns; foreign text goes through ``display_line`` as it is drawn.
The cursor stays on its row (by key) when rows are added, replaced or filtered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from workbench.display import display, display_line


@dataclass(frozen=True, slots=True)
class Row:
    """One row: a key that tells it apart, its cells, and whether it is drawn as of less account.

    A ``heading`` stands across the columns: its first cell from the left, its last at the right.
    """

    key: str
    cells: tuple[str, ...]
    muted: bool = False
    heading: bool = False


class LineList(ScrollView, can_focus=True):
    """Rows with a cursor. ``widths`` are cells per column; 0 takes what is left, once."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"list--cursor", "list--muted", "list--empty"}
    DEFAULT_CSS = """
    LineList {
        width: 1fr;
        height: 1fr;
        overflow: hidden hidden;
        & > .list--cursor { text-style: bold; }
        &:focus > .list--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: bold;
        }
        & > .list--muted { color: $text-muted; }
        & > .list--empty { color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end", "last", "Last", show=False),
        Binding("enter", "select", "Open", show=False),
    ]

    cursor: var[int] = var(0)
    """Index of the row under the cursor, among the rows that the filter lets through."""
    filter_text: var[str] = var("")
    """Show only rows that hold each word of this, in any case."""
    placeholder: var[str] = var("")
    """What to say while no row is shown."""

    class _RowMessage(Message):
        def __init__(self, line_list: LineList, row: Row) -> None:
            super().__init__()
            self.line_list = line_list
            self.row = row
            self.key = row.key

        @property
        def control(self) -> LineList:
            return self.line_list

    class Selected(_RowMessage):
        """Enter, or a click on the row under the cursor."""

    class Highlighted(_RowMessage):
        """The cursor came to another row."""

    def __init__(
        self,
        *,
        widths: Sequence[int] = (0,),
        placeholder: str = "",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.widths = tuple(widths)
        self._rows: list[Row] = []
        self._shown: list[Row] = self._rows
        self._places: dict[str, int] = {}
        self._announced = ""
        self.set_reactive(LineList.placeholder, placeholder)

    # -- rows -----------------------------------------------------------------------------------------------

    @property
    def rows(self) -> Sequence[Row]:
        """All rows, filtered or not."""
        return self._rows

    @property
    def shown(self) -> Sequence[Row]:
        """The rows that the filter lets through."""
        return self._shown

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self._shown[self.cursor] if 0 <= self.cursor < len(self._shown) else None

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Replace all rows; the cursor stays on the row of the same key when it is still there."""
        key = self.current.key if self.current else ""
        self._rows = list(rows)
        self._places = {row.key: index for index, row in enumerate(self._rows)}
        self._refilter(key)

    def append(self, row: Row) -> None:
        """Add a row at the end, or replace the row of its key where it stands; the same cost however long."""
        place = self._places.get(row.key)
        if place is not None:
            self._replace(place, row)
            return
        self._places[row.key] = len(self._rows)
        self._rows.append(row)
        if self._shown is not self._rows and self._passes(row):
            self._shown.append(row)
        self._changed()

    def move_to(self, key: str) -> bool:
        """Put the cursor on the row of this key; false when it is not shown."""
        for index, row in enumerate(self._shown):
            if row.key == key:
                self.cursor = index
                return True
        return False

    def _replace(self, place: int, row: Row) -> None:
        old = self._rows[place]
        self._rows[place] = row
        if self._shown is self._rows:
            self.refresh_line(place)
        elif self._passes(old) or self._passes(row):
            self._refilter(self.current.key if self.current else "")

    def _passes(self, row: Row) -> bool:
        hay = " ".join(row.cells).casefold()
        return all(word in hay for word in self.filter_text.casefold().split())

    def _refilter(self, key: str) -> None:
        words = self.filter_text.split()
        self._shown = [row for row in self._rows if self._passes(row)] if words else self._rows
        if not (key and self.move_to(key)):
            self.cursor = max(0, min(self.cursor, len(self._shown) - 1))
        self._changed()

    def _changed(self) -> None:
        self.set_reactive(Widget.virtual_size, Size(self.size.width, len(self._shown)))
        if self.is_attached:
            self._keep_visible()
            self._announce()
        self.refresh()

    # -- cursor ---------------------------------------------------------------------------------------------

    @property
    def allow_vertical_scroll(self) -> bool:
        return True

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self._shown) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        self.refresh_line(old)
        self.refresh_line(new)
        if self.is_attached:
            self._keep_visible()
            self._announce()

    def watch_filter_text(self) -> None:
        self._refilter(self.current.key if self.current else "")

    def watch_placeholder(self) -> None:
        self.refresh()

    def _announce(self) -> None:
        row = self.current
        key = row.key if row else ""
        if row and key != self._announced:
            self.post_message(self.Highlighted(self, row))
        self._announced = key

    def _keep_visible(self) -> None:
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False)
        elif top > self.max_scroll_y:
            self.scroll_to(y=self.max_scroll_y, animate=False)

    def action_move(self, rows: int) -> None:
        self.cursor += rows

    def action_page(self, pages: int) -> None:
        self.cursor += pages * max(1, self.size.height - 1)

    def action_first(self) -> None:
        self.cursor = 0

    def action_last(self) -> None:
        self.cursor = len(self._shown) - 1

    def action_select(self) -> None:
        if (row := self.current) is not None:
            self.post_message(self.Selected(self, row))

    def on_click(self, event: events.Click) -> None:
        index = self.scroll_offset.y + event.y
        if index >= len(self._shown):
            return
        if index == self.cursor:
            self.action_select()
        self.cursor = index

    def on_resize(self) -> None:
        self._changed()

    # -- drawing --------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        index = self.scroll_offset.y + y
        if not self._shown:
            style = base + self.get_component_rich_style("list--empty", partial=True)
            lines = display(self.placeholder).split("\n")
            text = lines[y] if y < len(lines) else ""
            return Strip([Segment(set_cell_size(text.replace("\t", " "), width), style)], width)
        if index >= len(self._shown):
            return Strip.blank(width, base)
        row = self._shown[index]
        text = set_cell_size(self._line(row, width), width)
        return Strip([Segment(text, self._row_style(row, index, base))], width)

    def _row_style(self, row: Row, index: int, base: Style) -> Style:
        if row.muted:
            base += self.get_component_rich_style("list--muted", partial=True)
        if index == self.cursor:
            base += self.get_component_rich_style("list--cursor", partial=True)
        return base

    def head(self, cells: Sequence[str], width: int) -> str:
        """Titles over the columns of a list that is ``width`` cells wide."""
        return self._line(Row("", tuple(cells)), width)

    def _line(self, row: Row, width: int) -> str:
        if row.heading:
            right = display_line(row.cells[-1], max(1, width // 2))
            room = max(1, width - cell_len(right) - 3)
            return f" {set_cell_size(display_line(row.cells[0], room), room)} {right}"
        fixed = sum(column for column in self.widths if column) + len(self.widths) - 1
        left = max(1, width - fixed - 2)
        columns = [column or left for column in self.widths]
        cells = (
            set_cell_size(display_line(cell, column), column) for cell, column in zip(row.cells, columns, strict=False)
        )
        return " " + " ".join(cells)
