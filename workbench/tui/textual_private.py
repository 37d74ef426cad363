"""Every private name of Textual 8.2 that this project touches stands here, in ``exact_document`` or in ``own_keys``,
each with a test.

``SoundTextArea`` is the stock text area without its faults: it keeps every text exactly (the stock one splits
at U+2028, form feeds and the like and loses them), shows controls as one inert character each, survives undo
of pasted lines and of edits in two places, and draws a row again only when something on that row changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import islice
from typing import Any

from rich.text import Text
from textual import events
from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.document._document import EditResult, Location
from textual.document._document_navigator import DocumentNavigator
from textual.document._edit import Edit
from textual.geometry import Offset, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, TextArea
from textual.worker import WorkerFailed

from workbench.display import inert_characters
from workbench.tui.exact_document import ExactDocument, QuickWrapped, ShownDocument
from workbench.tui.own_keys import OwnKeys

# How far a bracket's partner is looked for: an unmatched one must not cost a walk through the document.
BRACKET_REACH = 20_000


class SoundTextArea(OwnKeys, TextArea):
    """The stock text area, sound. Subclasses say what a row depends on through ``row_state``."""

    def edited_from(self, row: int) -> None:
        """Called when lines from ``row`` on may have changed."""

    def row_state(self, row: int) -> Hashable:
        """What, beside the line's text, the colours of line ``row`` depend on."""
        return None

    # -- documents ------------------------------------------------------------------------------------------

    def _set_document(self, text: str, language: str | None) -> None:
        self._highlight_query = None
        document = ExactDocument(text)
        self.document = document
        self.wrapped_document = QuickWrapped(ShownDocument(document), tab_width=self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self.edited_from(0)
        self.move_cursor((0, 0))
        self._rewrap_and_refresh_virtual_size()

    def _build_highlight_map(self) -> None:
        """Nothing to build, and no cached row to forget: rows are cached by what they show."""

    def edit(self, edit: Edit) -> EditResult:
        row = edit.top[0]
        result = super().edit(edit)
        self.edited_from(row)
        return result

    def _refresh_size(self) -> None:
        # The widget's own size does not depend on its text: no layout of the screen for a new line.
        if self.soft_wrap:
            size = Size(0, self.wrapped_document.height)
        else:
            width, height = self.document.get_size(self.indent_width)
            size = Size(width + self.gutter_width + 1, height)
        if size != self.virtual_size:
            self.set_reactive(Widget.virtual_size, size)
            self._scroll_update(size)
            self.refresh()
        self._refresh_scrollbars()

    # -- undo -----------------------------------------------------------------------------------------------

    def _undo_batch(self, edits: Sequence[Edit]) -> None:
        if not edits:
            return
        region = _Region(self.gutter_width)
        for edit in reversed(edits):
            end = edit._edit_result.end_location if edit._edit_result else edit.bottom
            edit.undo(self)
            region.replaced(edit.top[0], end[0], edit.bottom[0])
        self._after_batch(list(reversed(edits)), region)

    def _redo_batch(self, edits: Sequence[Edit]) -> None:
        if not edits:
            return
        region = _Region(self.gutter_width)
        for edit in edits:
            result = edit.do(self, record_selection=False)
            region.replaced(edit.top[0], edit.bottom[0], result.end_location[0])
        self._after_batch(list(edits), region)

    def _after_batch(self, edits: list[Edit], region: _Region) -> None:
        grown = self.document.line_count - len(self.wrapped_document._wrap_offsets)
        if region.gutter_width != self.gutter_width:
            self.wrapped_document.wrap(self.wrap_width, self.indent_width)
        else:
            old_bottom = region.bottom - grown
            self.wrapped_document.wrap_range((region.top, 0), (old_bottom, 0), (region.bottom, 0))
        self.edited_from(region.top)
        self._refresh_size()
        for edit in edits:
            edit.after(self)
        self.post_message(self.Changed(self))
        self.update_suggestion()

    def _recompute_cursor_offset(self) -> None:
        # Between an edit and its wrapping the cursor may stand where the wrapped document has no row yet.
        row, column = self.cursor_location
        offsets = self.wrapped_document._wrap_offsets
        row = min(row, len(offsets) - 1, self.document.line_count - 1)
        column = min(column, len(self.document[row]))
        try:
            self._cursor_offset = self.wrapped_document.location_to_offset((row, column))
        except (IndexError, ValueError):
            self._cursor_offset = Offset(0, 0)

    def _yield_character_locations(self, start: Location) -> Iterable[tuple[str, Location]]:
        return islice(super()._yield_character_locations(start), BRACKET_REACH)

    def _yield_character_locations_reverse(self, start: Location) -> Iterable[tuple[str, Location]]:
        return islice(super()._yield_character_locations_reverse(start), BRACKET_REACH)

    # -- drawing --------------------------------------------------------------------------------------------

    def shown_line(self, row: int) -> str:
        """Line ``row`` as it is drawn: one inert character for each of the line."""
        return inert_characters(self.document[row])

    def get_line(self, line_index: int) -> Text:
        return Text(self.shown_line(line_index), end="", no_wrap=True)

    def render_line(self, y: int) -> Strip:
        row_count = self.document.line_count
        if self.placeholder and row_count == 1 and not self.document[0]:
            return super().render_line(y)
        place = y + self.scroll_offset.y
        infos = self.wrapped_document._offset_to_line_info
        if place >= len(infos):
            return self._render_line(y)
        row, section = infos[place]
        if row >= row_count:
            return self._render_line(y)
        key = self._row_key(row, section)
        cached: Strip | None = self._line_cache.get(key)
        if cached is None:
            cached = self._line_cache[key] = self._render_line(y)
        return cached

    def _row_key(self, row: int, section: int) -> tuple[Hashable, ...]:
        theme = self._theme
        cursor_row, cursor_column = self.selection.end
        on_row = row == cursor_row
        bracket = self._matching_bracket_location if self.selection.is_empty else None
        return (
            self.document[row],
            section,
            self.row_state(row),
            row if self.show_line_numbers else None,
            (cursor_column, self._draw_cursor, self.suggestion, bracket is not None) if on_row else None,
            self._selected_part(row),
            bracket[1] if bracket is not None and bracket[0] == row else None,
            (self.size, self.scrollable_content_region.width, self.gutter_width, self.indent_width),
            None if self.soft_wrap else (self.scroll_offset.x, self.virtual_size.width),
            (self.highlight_cursor_line, self.match_cursor_bracket, self.read_only, self.show_cursor),
            (
                theme.name,
                theme.base_style,
                theme.cursor_style,
                theme.selection_style,
                theme.cursor_line_style,
            ),
            self.rich_style,
        )

    def _selected_part(self, row: int) -> tuple[Location | None, Location | None, bool] | None:
        if self.selection.is_empty:
            return None
        top, bottom = sorted(self.selection)
        if not top[0] <= row <= bottom[0]:
            return None
        return (
            top if top[0] == row else None,
            bottom if bottom[0] == row else None,
            row == self.selection.end[0],
        )


class SafeParser:
    """The stock key parser, begun anew when it fails: a bad sequence costs itself, not the input."""

    def __init__(self) -> None:
        self._parser = XTermParser()

    def feed(self, text: str) -> list[Message]:
        """The messages that ``text`` completes."""
        try:
            return list(self._parser.feed(text)) if text else []
        except (ParseError, ValueError, OverflowError, IndexError, KeyError, RuntimeError, StopIteration):
            self._parser = XTermParser()
            return []

    def tick(self) -> list[Message]:
        """The messages that waiting completes: a lone Escape."""
        try:
            return list(self._parser.tick())
        except (ParseError, ValueError, OverflowError, IndexError, KeyError, RuntimeError, StopIteration):
            self._parser = XTermParser()
            return []


def bound_to(widget: Widget, key: str) -> str:
    """What a key is bound to in a widget, in words; empty when it is not."""
    found = widget._bindings.key_to_bindings.get(key, [])
    return found[0].description if found else ""


def is_told(app: App[Any], text: str) -> bool:
    """Is a notice of that text on the screen?"""
    return any(notice.message == text for notice in app._notifications)


class OwnFailure(App[int]):
    """Ends on an unhandled exception without a word and keeps it in ``failure``, for the caller of ``run``.

    The stock app prints a traceback with the values of all variables, texts of people among them.
    """

    failure: BaseException | None = None

    def _handle_exception(self, error: Exception) -> None:
        if self.failure is None:
            self.failure = error.error if isinstance(error, WorkerFailed) else error
            self.failed()
        self._return_code = 1
        if self._exception is None:
            # Tests that drive the app get it raised.
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    def failed(self) -> None:
        """Last things to do; what fails there is let go."""


class _Region:
    """The lines that several edits touched together, in the document as it is after the last of them."""

    def __init__(self, gutter_width: int) -> None:
        self.gutter_width = gutter_width
        self.top = -1
        self.bottom = -1

    def replaced(self, top: int, old_bottom: int, new_bottom: int) -> None:
        """Lines ``top`` to ``old_bottom`` became lines ``top`` to ``new_bottom``."""
        self.top = top if self.top < 0 else min(self.top, top)
        self.bottom = max(self.bottom, old_bottom) + new_bottom - old_bottom


class SoundInput(OwnKeys, Input):
    """The stock field, but it draws its text inert and keeps a paste of several lines whole, ``⏎`` for each break."""

    @property
    def _value(self) -> Text:
        shown = inert_characters(self.value).replace("\n", "⏎").replace("\t", " ")
        return Text(shown, no_wrap=True, overflow="ignore", end="")

    def _on_paste(self, event: events.Paste) -> None:
        # The stock handler takes the first line and drops the rest without a word.
        event.stop()
        event.prevent_default()
        if event.text:
            self.replace(event.text, *self.selection)
