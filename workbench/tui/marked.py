"""Text with parts set off: of a prompt what came from a slot is underlined, from a pick bold, from a list italic; of a
difference what only one side has.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple, Protocol

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.strip import Strip

from workbench.display import display
from workbench.tui.stream import StreamView
from workbench.tui.wrap import expand


class Marked(Protocol):
    """A part: offsets into the text, and a kind of ``PromptView``."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def kind(self) -> str: ...


class _Shown(NamedTuple):
    """A mark by its place in the shown text."""

    start: int
    end: int
    kind: str


def shown_marks(text: str, marks: Sequence[Marked]) -> list[_Shown]:
    """Offsets into ``text`` as offsets into what is shown of it, which may be longer. Marks in order and apart."""
    found: list[_Shown] = []
    last = position = 0
    for mark in marks:
        position += len(display(text[last : mark.start]))
        end = position + len(display(text[mark.start : mark.end]))
        found.append(_Shown(position, end, mark.kind))
        last, position = mark.end, end
    return found


class PromptView(StreamView):
    """A rendered prompt."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"prompt--{kind}" for kind in ("slot", "pick", "wildcard", "jinja", "left", "right")
    }
    DEFAULT_CSS = """
    PromptView {
        & .prompt--slot { color: $primary; text-style: underline; }
        & .prompt--pick { color: $warning; text-style: bold; }
        & .prompt--wildcard { color: $warning; text-style: italic; }
        & .prompt--jinja { color: $accent; }
        & .prompt--left { color: $error; text-style: strike; }
        & .prompt--right { color: $success; text-style: bold; }
    }
    """

    def __init__(self, *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, id=id)
        self._marks: list[_Shown] = []
        self._starts: list[int] = []

    def set_marked(self, text: str, marks: Sequence[Marked]) -> None:
        """Show ``text``; ``marks`` are offsets into it, in order and apart."""
        self.set_text(text)
        self._marks = shown_marks(text, marks)
        self._starts = []
        self.refresh()

    def open_page(self, text: str, marks: Sequence[Marked]) -> None:
        """The same as a page to read: from its start, with the keys."""
        self.set_marked(text, marks)
        self.focus()
        self.action_start()

    def set_text(self, text: str) -> None:
        if text != self.text:
            self._marks = []
        self._starts = []
        super().set_text(text)

    def on_resize(self, event: events.Resize) -> None:
        self._starts = []

    def _row_start(self, row: int) -> int:
        """Where ``row`` begins in the shown text."""
        if not self._starts:
            position, rows = 0, self._rows
            breaks = set(rows.first_rows[1:])
            for number, text in enumerate(rows.rows):
                position += number in breaks
                self._starts.append(position)
                position += len(text)
        return self._starts[row]

    def _spans(self, row: int) -> Iterator[tuple[int, int, str]]:
        """Marks on ``row`` by its characters, tabs as one."""
        start = self._row_start(row)
        end = start + len(self._rows.rows[row])
        first = max(0, bisect_left(self._marks, start, key=lambda mark: mark.end))
        for mark in self._marks[first:]:
            if mark.start >= end:
                return
            if mark.end > start:
                yield max(0, mark.start - start), min(end, mark.end) - start, mark.kind

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        row = self.scroll_offset.y + y
        if not self._marks or self.dimmed or self._rows.empty or row >= len(self._rows):
            return strip
        if self.text_selection is not None and self.text_selection.get_span(row) is not None:
            return strip
        spans = list(self._spans(row))
        if not spans:
            return strip
        text, base = self._rows.rows[row], self._row_style(row, self.rich_style)
        segments: list[Segment] = []
        last = 0
        for start, end, kind in [*spans, (len(text), len(text), "")]:
            style = base + self.get_component_rich_style(f"prompt--{kind}", partial=True) if kind else base
            for upto, wanted in ((start, base), (end, style)):
                shown = expand(text[:upto])[len(expand(text[:last])) :]
                if shown:
                    segments.append(Segment(shown, wanted))
                last = upto
        marked = Strip(segments, sum(cell_len(segment.text) for segment in segments))
        return marked.adjust_cell_length(self.size.width, base).apply_offsets(0, row)
