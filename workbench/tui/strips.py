"""Rows of plain text as strips: as few segments as can be, always as wide as asked."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip

from workbench.tui.wrap import Rows, expand, source_index


def row_strip(
    text: str,
    style: Style,
    width: int,
    *,
    span: tuple[int, int] | None = None,
    selected: Style | None = None,
) -> Strip:
    """Inert, tabless ``text`` cut or padded to ``width`` cells; characters ``span`` drawn as ``selected``."""
    shown = set_cell_size(text, width)
    if span is None or selected is None:
        return Strip([Segment(shown, style)], width)
    start, end = span
    parts = ((shown[:start], style), (shown[start:end], style + selected), (shown[end:], style))
    segments = [Segment(part, part_style) for part, part_style in parts if part]
    # Cut inside a cluster its parts may measure differently than the whole.
    return Strip(segments, sum(cell_len(segment.text) for segment in segments)).adjust_cell_length(width)


def text_strip(text: str, y: int, width: int, style: Style) -> Strip:
    """Row ``y`` of inert ``text`` wrapped to ``width`` cells; blank below its end."""
    rows = Rows(width)
    rows.append(text)
    if y >= len(rows) or rows.empty:
        return Strip.blank(width, style)
    return row_strip(expand(rows.rows[y]), style, width)


def selected_text(rows: Rows, selection: Selection) -> str:
    """What ``selection`` (rows and characters as drawn) covers, without the breaks that wrapping made."""
    last = len(rows) - 1
    start = selection.start or Offset(0, 0)
    end = selection.end or Offset(len(expand(rows.rows[last])), last)
    if start.y > last:
        return ""
    last_row = min(end.y, last)
    text = rows.text(start.y, last_row)
    head = source_index(rows.rows[start.y], start.x)
    tail = len(rows.rows[last_row]) - source_index(rows.rows[last_row], end.x)
    return text[head : len(text) - tail if end.y <= last else None]
