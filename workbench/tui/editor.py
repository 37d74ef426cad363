"""The template editor: colours, whole characters, a marked error line, and edits that people expect.

Wide and joined characters are crossed and deleted whole. A paste is one undo step and has a limit. The text
is kept exactly; what cannot be seen is drawn as one inert character.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from rich.cells import split_graphemes
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets.text_area import Location, Selection

from workbench.tui.searched import SearchedTextArea

if TYPE_CHECKING:
    from workbench.tui.keymaps import Keymap

PASTE_LIMIT = 1_000_000


class TemplateEditor(SearchedTextArea):
    """A text area for templates."""

    DEFAULT_CSS = "TemplateEditor { border: none; padding: 0; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("alt+up", "move_line(-1)", "Move line up", show=False),
        Binding("alt+down", "move_line(1)", "Move line down", show=False),
        Binding("ctrl+home", "text_start", "Start of the text", show=False),
        Binding("ctrl+end", "text_end", "End of the text", show=False),
    ]

    class PasteRefused(Message):
        """A paste was larger than the limit; nothing was inserted."""

        def __init__(self, editor: TemplateEditor, size: int, limit: int) -> None:
            super().__init__()
            self.editor = editor
            self.size = size
            self.limit = limit

        @property
        def control(self) -> TemplateEditor:
            return self.editor

    class KeymapChanged(Message):
        """A key may have changed the preset's mode."""

        def __init__(self, editor: TemplateEditor) -> None:
            super().__init__()
            self.editor = editor

        @property
        def control(self) -> TemplateEditor:
            return self.editor

    def __init__(
        self,
        text: str = "",
        *,
        read_only: bool = False,
        soft_wrap: bool = True,
        show_line_numbers: bool = True,
        placeholder: str = "",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(
            text,
            read_only=read_only,
            soft_wrap=soft_wrap,
            show_line_numbers=show_line_numbers,
            placeholder=placeholder,
            tab_behavior="focus",
            compact=True,
            max_checkpoints=500,
            name=name,
            id=id,
            classes=classes,
        )
        self.cursor_blink = False
        self.last_key = 0.0
        self.keymap: Keymap | None = None

    # -- places ---------------------------------------------------------------------------------------------

    @property
    def line(self) -> int:
        """The cursor's line, from 1."""
        return self.selection.end[0] + 1

    @property
    def column(self) -> int:
        """The cursor's column in characters, from 1."""
        return self.selection.end[1] + 1

    def go_to(self, line: int, column: int = 1) -> None:
        """Put the cursor on ``line`` and ``column``, from 1, or as near as there is one, and show it."""
        row = max(0, min(line, self.document.line_count) - 1)
        self.move_cursor(self.clamp_visitable((row, column - 1)), center=True)

    # -- whole characters -----------------------------------------------------------------------------------

    def _edges(self, row: int) -> list[int]:
        spans, _ = split_graphemes(self.shown_line(row))
        return [0, *(end for _, end, _ in spans)]

    def get_cursor_left_location(self) -> Location:
        row, column = self.cursor_location
        if column == 0 or self.document[row].isascii():
            return super().get_cursor_left_location()
        return row, max((edge for edge in self._edges(row) if edge < column), default=0)

    def get_cursor_right_location(self) -> Location:
        row, column = self.cursor_location
        if column >= len(self.document[row]) or self.document[row].isascii():
            return super().get_cursor_right_location()
        return row, min(edge for edge in self._edges(row) if edge > column)

    def get_cursor_up_location(self) -> Location:
        return self._snapped(super().get_cursor_up_location())

    def get_cursor_down_location(self) -> Location:
        return self._snapped(super().get_cursor_down_location())

    def _snapped(self, location: Location) -> Location:
        row, column = location
        if self.document[row].isascii():
            return location
        return row, max((edge for edge in self._edges(row) if edge <= column), default=0)

    # -- offsets --------------------------------------------------------------------------------------------

    def selected_offsets(self) -> tuple[int, int]:
        """The selection, or the cursor twice, as offsets into ``text``."""
        newline = len(self.document.newline)
        start, end = sorted(self.selection)
        lengths = [len(line) + newline for line in self.document.lines[: end[0]]]
        return sum(lengths[: start[0]]) + start[1], sum(lengths) + end[1]

    def _location(self, text: str, offset: int) -> Location:
        newline = self.document.newline
        row = text.count(newline, 0, offset)
        return row, offset - (text.rfind(newline, 0, offset) + len(newline) if row else 0)

    def apply_change(self, text: str, start: int, end: int) -> None:
        """Become ``text`` as one undo step, touching only what differs, and select ``start`` to ``end`` of it."""
        old = self.text
        if text != old:
            same = _common(old, text)
            tail = _common(old[same:][::-1], text[same:][::-1])
            self.history.checkpoint()
            place, until = self._location(old, same), self._location(old, len(old) - tail)
            self.replace(text[same : len(text) - tail], place, until, maintain_selection_offset=False)
            self.history.checkpoint()
        self.selection = Selection(self._location(text, start), self._location(text, end))

    def follow(self, text: str) -> None:
        """Become ``text``, which somebody else wrote, as one undo step; the cursor stays where it was in the text."""
        old = self.text
        same = _common(old, text)
        tail = _common(old[same:][::-1], text[same:][::-1])

        def moved(offset: int) -> int:
            if offset <= same:
                return offset
            longer = len(text) - len(old)
            return offset + longer if offset >= len(old) - tail else min(offset, len(text) - tail)

        start, end = self.selected_offsets()
        self.apply_change(text, moved(start), moved(end))

    def action_text_start(self) -> None:
        self.move_cursor((0, 0))

    def action_text_end(self) -> None:
        self.move_cursor(self.document.end)

    # -- edits ----------------------------------------------------------------------------------------------

    async def _on_key(self, event: events.Key) -> None:
        self.last_key = monotonic()
        if self.keymap is not None:
            used = self.keymap.press(event.key, event.character)
            self.post_message(self.KeymapChanged(self))
            if used:
                event.stop()
                event.prevent_default()

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        if self.read_only:
            return
        if len(event.text) > PASTE_LIMIT:
            self.post_message(self.PasteRefused(self, len(event.text), PASTE_LIMIT))
            return
        text = event.text.replace("\r\n", "\n").replace("\r", "\n")
        self.history.checkpoint()
        start, end = self.selection
        result = self.replace(text, start, end, maintain_selection_offset=False)
        self.history.checkpoint()
        self.move_cursor(result.end_location)

    def action_move_line(self, rows: int) -> None:
        """Move the cursor's line up or down by one, as one undo step."""
        row, column = self.cursor_location
        other = row + rows
        if self.read_only or not 0 <= other < self.document.line_count:
            return
        top, bottom = sorted((row, other))
        newline = self.document.newline
        swapped = f"{self.document[bottom]}{newline}{self.document[top]}"
        self.history.checkpoint()
        self.replace(swapped, (top, 0), (bottom, len(self.document[bottom])))
        self.history.checkpoint()
        self.move_cursor(self.clamp_visitable((other, column)))

    def action_duplicate_line(self) -> None:
        """Put a copy of the cursor's line below it."""
        row, column = self.cursor_location
        if self.read_only:
            return
        line = self.document[row]
        self.history.checkpoint()
        self.insert(self.document.newline + line, (row, len(line)), maintain_selection_offset=True)
        self.history.checkpoint()
        self.move_cursor((row + 1, column))


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))
