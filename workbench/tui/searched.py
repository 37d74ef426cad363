"""The text area's finding and replacing, and its work on whole lines; each change is one undo step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.widgets.text_area import Location, Selection

from workbench.tui.coloured import ColouredTextArea
from workbench.tui.finding import EditorTarget, Query, Span
from workbench.tui.linework import in_header, indented, outdented, toggled_body, toggled_header


class SearchedTextArea(ColouredTextArea):
    """A text area that can be searched."""

    def replace_text(self, text: str) -> None:
        """Replace everything as one undo step; the cursor stays near where it was."""
        if text == self.text:
            return
        place = self.selection
        self.history.checkpoint()
        self.replace(text, (0, 0), self.document.end)
        self.history.checkpoint()
        self.selection = Selection(self.clamp_visitable(place.start), self.clamp_visitable(place.end))

    # -- finding --------------------------------------------------------------------------------------------

    def find(self, pattern: str, *, regex: bool = False, ignore_case: bool = True) -> int:
        """Set off all matches; how many there are. Empty ends it. Raises UsageError: a wrong or too slow ``regex``."""
        return self.look_for(Query(pattern, regular=regex, ignore_case=ignore_case) if pattern else None)

    def look_for(self, query: Query | None) -> int:
        """Set off all matches; how many there are. None ends it. Raises UsageError when it takes too long."""
        self._query = query
        self.refresh()
        return len(self.matches())

    def matches(self) -> list[Span]:
        """All places of what is looked for. Raises UsageError when it takes too long."""
        return self._query.search(self.document.lines) if self._query is not None else []

    def select_span(self, span: Span) -> None:
        """Select a match and show it."""
        self.selection = Selection((span.row, span.start), (span.row, span.end))
        self.scroll_cursor_visible(center=True)

    def find_next(self, *, backwards: bool = False) -> bool:
        """Select the next match after the cursor, around the end; false when there is none."""
        return EditorTarget(self).step(-1 if backwards else 1)[1] > 0

    def replace_one(self, replacement: str) -> bool:
        """Replace the match that is selected, as one undo step; false when none is. Raises UsageError."""
        start, end = sorted(self.selection)
        chosen = (*start, *end)
        here = next((span for span in self.matches() if (span.row, span.start, span.row, span.end) == chosen), None)
        if here is None or self._query is None or self.read_only:
            return False
        text = self._query.expanded(self.document[here.row], here, replacement)
        self.history.checkpoint()
        result = self.replace(text, start, end, maintain_selection_offset=False)
        self.history.checkpoint()
        self.move_cursor(result.end_location)
        return True

    def replace_all(self, replacement: str) -> int:
        """Replace every match as one undo step; how many there were. In a regular expression, ``\\1`` is a group.

        Raises UsageError for a replacement that is wrong, and when it takes too long.
        """
        if self._query is None or self.read_only:
            return 0
        lines, count = self._query.replaced(self.document.lines, replacement)
        if count:
            self.replace_text(self.document.newline.join(lines))
        return count

    # -- whole lines ----------------------------------------------------------------------------------------

    def selected_rows(self) -> tuple[int, int]:
        """First and last row of the selection; a selection that ends before a row's first character leaves it out."""
        (first, _), (last, column) = sorted(self.selection)
        return first, last - (column == 0 and last > first)

    def change_rows(self, change: Callable[[Sequence[str]], Sequence[str]]) -> None:
        """Put ``change`` of the selected rows in their place, as one undo step; they stay selected."""
        if self.read_only:
            return
        first, last = self.selected_rows()
        old = [self.document[row] for row in range(first, last + 1)]
        new = list(change(old))
        if new == old:
            return
        selection = self.selection
        self.history.checkpoint()
        text = self.document.newline.join(new)
        self.replace(text, (first, 0), (last, len(old[-1])), maintain_selection_offset=False)
        self.history.checkpoint()

        def moved(place: Location) -> Location:
            row, column = place
            if not first <= row <= last:
                return place
            longer = len(new[row - first]) - len(old[row - first])
            return row, max(0, min(len(new[row - first]), column + longer if column else 0))

        self.selection = Selection(moved(selection.start), moved(selection.end))

    def toggle_comment(self) -> None:
        """Rows into a comment, or out of one: ``#`` in the header, ``{# #}`` in the body."""
        first, _last = self.selected_rows()
        header = in_header(self.document.lines, first)
        self.change_rows(toggled_header if header else toggled_body)

    def indent_rows(self, steps: int) -> None:
        """Move rows right (1) or left (-1) by two columns."""
        self.change_rows(indented if steps > 0 else outdented)
