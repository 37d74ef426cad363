"""A table that scrolls both ways under fixed heads: only what is seen is asked for and drawn, however large it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from workbench.display import cell_width, display, display_line

WIDEST_HEAD = 24
NARROWEST, WIDEST = 6, 120


class Shown(NamedTuple):
    """One cell: its text, and a kind of ``TableView.COMPONENT_CLASSES``, or none."""

    text: str
    kind: str = ""
    marked: bool = False


class TableSource(Protocol):
    """What is shown. Heads of rows have a label for each axis."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def corner(self) -> tuple[str, ...]: ...
    @property
    def head_widths(self) -> tuple[int, ...]: ...
    def row_head(self, row: int) -> Sequence[str]: ...
    def column_head(self, column: int) -> str: ...
    def cell(self, row: int, column: int) -> Shown: ...


class TableView(Widget, can_focus=True):
    """Cells with a cursor. Arrows, Page Up and Down, Home and End move it; Enter opens the cell."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"grid--{kind}" for kind in ("head", "cursor", "running", "failed", "no", "yes", "muted", "marked")
    }
    DEFAULT_CSS = """
    TableView {
        width: 1fr;
        height: 1fr;
        & > .grid--head { color: $text-muted; background: $panel; text-style: bold; }
        & > .grid--cursor { text-style: bold underline; }
        &:focus > .grid--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: bold;
        }
        & > .grid--running { color: $accent; }
        & > .grid--failed { color: $text-error; text-style: bold; }
        & > .grid--no { color: $text-warning; }
        & > .grid--yes { color: $text-success; }
        & > .grid--muted { color: $text-muted; }
        & > .grid--marked { text-style: reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1, 0)", show=False),
        Binding("down", "move(1, 0)", show=False),
        Binding("left", "move(0, -1)", show=False),
        Binding("right", "move(0, 1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "edge(0, -1)", show=False),
        Binding("end", "edge(0, 1)", show=False),
        Binding("ctrl+home", "edge(-1, 0)", show=False),
        Binding("ctrl+end", "edge(1, 0)", show=False),
        Binding("enter", "open", show=False),
    ]

    class Moved(Message):
        """The cursor came to another cell."""

    class Opened(Message):
        """Enter, or a click on the cell under the cursor."""

    def __init__(self, *, id: str | None = None, placeholder: str = "") -> None:
        super().__init__(id=id)
        self.placeholder = placeholder
        self.cell_width = 24
        self.row = self.column = 0
        self.top = self.left = 0
        self._source: TableSource | None = None
        self._head_widths: list[int] = []
        self._head_width = 1
        self._cell_width = self.cell_width
        self.visible_columns = 1

    def render(self) -> Text:
        return Text("")

    # -- what is shown -----------------------------------------------------------------------------------------

    def show(self, source: TableSource) -> None:
        """Show ``source`` from now on; the cursor stays where it is as far as there are cells."""
        self._source = source
        self._to(self.row, self.column, force=True)

    @property
    def shape(self) -> tuple[int, int]:
        return self._source.shape if self._source is not None else (0, 0)

    @property
    def visible_rows(self) -> int:
        return max(1, self.size.height - 1)

    def changed(self, row: int, column: int) -> None:
        """Draw one cell anew, if it is on screen."""
        if self.top <= row < self.top + self.visible_rows and self.left <= column < self.left + self.visible_columns:
            x = self._head_width + (column - self.left) * (self._cell_width + 1)
            self.refresh(Region(x, 1 + row - self.top, self._cell_width + 1, 1))

    def widen(self, cells: int) -> None:
        """Wider or narrower columns."""
        self.cell_width = max(NARROWEST, min(WIDEST, self._cell_width + cells))
        self._to(self.row, self.column, force=True)

    # -- measures ----------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        """Once for a source and a size: drawing asks for these numbers at every cell."""
        widths = [min(WIDEST_HEAD, width) for width in self._source.head_widths] if self._source is not None else []
        while widths and sum(widths) + len(widths) > max(8, self.size.width // 2) and max(widths) > 3:
            widths[widths.index(max(widths))] -= 1
        self._head_widths = widths
        self._head_width = sum(widths) + len(widths) + 1
        room = max(1, self.size.width - self._head_width)
        columns, wanted = max(1, self.shape[1]), min(self.cell_width, max(1, room - 1))
        # Few columns share the whole width.
        self._cell_width = max(wanted, room // columns - 1) if columns * (wanted + 1) <= room else wanted
        self.visible_columns = max(1, room // (self._cell_width + 1))

    # -- the cursor --------------------------------------------------------------------------------------------

    def move_to(self, row: int, column: int) -> None:
        """Put the cursor there, as far as there are cells."""
        self._to(row, column)

    def _to(self, row: int, column: int, *, force: bool = False) -> None:
        if force:
            self._measure()
        rows, columns = self.shape
        old = self.row, self.column, self.top, self.left
        self.row, self.column = max(0, min(row, rows - 1)), max(0, min(column, columns - 1))
        self.top = max(0, min(max(self.top, self.row - self.visible_rows + 1), self.row, rows - 1))
        self.top = min(self.top, max(0, rows - self.visible_rows))
        self.left = max(0, min(max(self.left, self.column - self.visible_columns + 1), self.column, columns - 1))
        self.left = min(self.left, max(0, columns - self.visible_columns))
        if force or (self.top, self.left) != old[2:]:
            self.refresh()
        elif (self.row, self.column) != old[:2]:
            self.changed(*old[:2])
            self.changed(self.row, self.column)
            self._refresh_heads(old[0], self.row)
        if force or (self.row, self.column) != old[:2]:
            self.post_message(self.Moved())

    def _refresh_heads(self, *rows: int) -> None:
        self.refresh(Region(0, 0, self.size.width, 1))
        for row in rows:
            self.refresh(Region(0, 1 + row - self.top, self._head_width, 1))

    def action_move(self, rows: int, columns: int) -> None:
        self._to(self.row + rows, self.column + columns)

    def action_page(self, pages: int) -> None:
        self._to(self.row + pages * max(1, self.visible_rows - 1), self.column)

    def action_edge(self, rows: int, columns: int) -> None:
        far = 1 << 30
        self._to(self.row + rows * far, self.column + columns * far)

    def action_open(self) -> None:
        if all(self.shape):
            self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        row = self.top + event.y - 1
        column = self.left + (event.x - self._head_width) // (self._cell_width + 1)
        if event.y < 1 or event.x < self._head_width or row >= self.shape[0] or column >= self.shape[1]:
            return
        if (row, column) == (self.row, self.column):
            self.action_open()
        self._to(row, column)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._to(self.row + 3, self.column)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._to(self.row - 3, self.column)

    def on_resize(self) -> None:
        self._to(self.row, self.column, force=True)

    # -- drawing -----------------------------------------------------------------------------------------------

    def _style(self, kind: str) -> Style:
        return self.get_component_rich_style(f"grid--{kind}", partial=True) if kind else Style.null()

    def render_line(self, y: int) -> Strip:
        base, width, source = self.rich_style, self.size.width, self._source
        row = self.top + y - 1
        if source is None or not all(source.shape):
            lines = display(self.placeholder).split("\n")
            return Strip([Segment(set_cell_size(" " + lines[y] if y < len(lines) else "", width), base)], width)
        if row >= source.shape[0]:
            return Strip.blank(width, base)
        columns = range(self.left, min(source.shape[1], self.left + self.visible_columns))
        segments = [self._head(source.corner if y == 0 else source.row_head(row), base, current=row == self.row)]
        for column in columns:
            segments.append(self._segment(source, row if y else -1, column, base))
        line = Strip(segments, self._head_width + len(columns) * (self._cell_width + 1))
        return line.adjust_cell_length(width, base + self._style("head") if y == 0 else base)

    def _head(self, labels: Sequence[str], base: Style, *, current: bool) -> Segment:
        widths = self._head_widths
        text = " ".join(_cut(label, width) for label, width in zip(labels, widths, strict=True))
        style = base + self._style("head") + (Style(reverse=True) if current else Style.null())
        return Segment(set_cell_size(text, self._head_width - 1) + " ", style)

    def _column_head(self, source: TableSource, column: int, width: int) -> str:
        near = [source.column_head(at) for at in (column - 1, column + 1) if 0 <= at < source.shape[1]]
        return _cut_apart(source.column_head(column), near, width)

    def _segment(self, source: TableSource, row: int, column: int, base: Style) -> Segment:
        width = self._cell_width
        if row < 0:
            style = base + self._style("head") + (Style(reverse=True) if column == self.column else Style.null())
            return Segment(self._column_head(source, column, width) + " ", style)
        shown = source.cell(row, column)
        style = base + self._style(shown.kind) + (self._style("marked") if shown.marked else Style.null())
        if (row, column) == (self.row, self.column):
            style += self._style("cursor")
        return Segment(_cut(shown.text, width) + " ", style)


def _cut_apart(text: str, others: Sequence[str], width: int) -> str:
    """Cut to the width, at its left where a cut at the right would leave the same as of a neighbour."""
    cut = display_line(text, width)
    if text not in others and cut in {display_line(other, width) for other in others if other != text}:
        line = display_line(text)
        while cell_width(line) > max(0, width - 1):
            line = line[1:]
        cut = f"…{line}"
    return set_cell_size(cut, width)


def _cut(text: str, width: int) -> str:
    """One inert line of exactly so many cells."""
    return set_cell_size(display_line(text, width), width)
