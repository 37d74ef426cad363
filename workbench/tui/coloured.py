"""The text area's colours: by the line at once, by the pattern reader a moment later, with its remarks on the row.

Also what can be completed at the cursor. The text itself is not touched here.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.reactive import var
from textual.strip import Strip

from workbench.display import display_line
from workbench.tui.completing import Completion, complete, header_table
from workbench.tui.finding import Query
from workbench.tui.highlight import LineStates, State, lex_line
from workbench.tui.rowmarks import DocumentMarks, Remark, RowMarks
from workbench.tui.textual_private import SoundTextArea

_KINDS = (
    "header", "key", "string", "comment", "tag", "expression", "slot", "group", "wildcard", "weight", "escape",
    "unbound", "wrong", "remark",
)  # fmt: skip
# What only the pattern reader can tell; its word replaces the line lexer's.
_PATTERN_KINDS = frozenset(("slot", "group", "wildcard", "weight"))


class ColouredTextArea(SoundTextArea):
    """A text area that colours templates."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"template--{kind}" for kind in (*_KINDS, "error", "match")}
    DEFAULT_CSS = """
    ColouredTextArea {
        & .template--header { color: $foreground-muted; }
        & .template--key { color: $secondary; }
        & .template--string { color: $success; }
        & .template--comment { color: $foreground-muted; text-style: italic; }
        & .template--tag { color: $accent; text-style: bold; }
        & .template--expression { color: $accent; }
        & .template--slot { color: $primary; text-style: bold; }
        & .template--group { color: $warning; text-style: bold; }
        & .template--wildcard { color: $warning; text-style: italic; }
        & .template--weight { color: $secondary; }
        & .template--escape { color: $foreground-muted; }
        & .template--unbound { color: $foreground-muted; text-style: underline; }
        & .template--wrong { color: $error; }
        & .template--remark { text-style: underline; }
        & .template--error { text-style: underline; }
        & .template--match { text-style: reverse; }
    }
    """

    error_line: var[int] = var(0)
    """A line, from 1, that is wrong: underlined, with ``!`` beside its number. 0 marks none."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._states = LineStates()
        self._marks = DocumentMarks()
        self._query: Query | None = None
        self.names: Sequence[str] = ()
        self.lists: Sequence[str] = ()
        super().__init__(*args, **options)

    # -- colours --------------------------------------------------------------------------------------------

    def edited_from(self, row: int) -> None:
        self._states.changed_from(row)
        self._marks.edited_from = min(self._marks.edited_from, row)

    def set_marks(self, marks: DocumentMarks) -> None:
        """What the pattern reader found in the text as it is now."""
        self._marks = marks
        self.refresh()

    def remarks_at(self, row: int) -> tuple[Remark, ...]:
        """What there is to say about a row, from 0."""
        marks = self._row_marks(row)
        return marks.remarks if marks is not None else ()

    def _row_marks(self, row: int) -> RowMarks | None:
        return self._marks.of(row, self.document[row], self.document.line_count)

    def _state(self, row: int) -> State:
        return self._states.state(self.document.lines, row)

    def row_state(self, row: int) -> Hashable:
        return (self._state(row), self.error_line == row + 1, self._query, self._row_marks(row))

    def get_line(self, line_index: int) -> Text:
        text = super().get_line(line_index)
        spans, _ = lex_line(self.document[line_index], self._state(line_index))
        marks = self._row_marks(line_index)
        for span in spans:
            if marks is None or span.kind not in _PATTERN_KINDS:
                text.stylize(self._component(span.kind), span.start, span.end)
        for colour in marks.colours if marks is not None else ():
            if colour.kind not in ("tag", "expression", "comment"):
                text.stylize(self._component(colour.kind), colour.start, colour.end)
        for remark in marks.remarks if marks is not None else ():
            text.stylize(self._component("remark"), remark.start, remark.end)
        if self._query is not None:
            for start, end in self._query.spans(self.document[line_index]):
                text.stylize(self._component("match"), start, end)
        if self.error_line == line_index + 1:
            text.stylize(self._component("error"))
        return text

    def get_component_rich_style(self, *names: str, partial: bool = False, default: Style | None = None) -> Style:
        """The stock style of the cursor's line paints over all colours of it; here it only sets the ground."""
        style = super().get_component_rich_style(*names, partial=partial, default=default)
        return Style(bgcolor=style.bgcolor) if names == ("text-area--cursor-line",) else style

    def _component(self, kind: str) -> Style:
        return self.get_component_rich_style(f"template--{kind}", partial=True)

    def render_line(self, y: int) -> Strip:
        strip = self._with_remark(super().render_line(y), y)
        if not (self.error_line and self.show_line_numbers):
            return strip
        segments = list(strip)
        number = str(self.error_line)
        if segments and segments[0].text.strip() == number and segments[0].text.endswith("  "):
            first = segments[0]
            segments[0] = Segment(first.text[:-2] + "! ", first.style)
            return Strip(segments, strip.cell_length)
        return strip

    def _with_remark(self, strip: Strip, y: int) -> Strip:
        """The first remark behind the row's text, where there is room for it."""
        infos, place = self.wrapped_document._offset_to_line_info, y + self.scroll_offset.y
        if place >= len(infos) or infos[place][0] >= self.document.line_count:
            return strip
        row = infos[place][0]
        remarks = self.remarks_at(row)
        last_section = place + 1 >= len(infos) or infos[place + 1][0] != row
        if not remarks or not last_section or self.error_line == row + 1:
            return strip
        used = cell_len(strip.text.rstrip()) + 1
        room = strip.cell_length - used - 2
        if room < 16:
            return strip
        worst = min(remarks, key=lambda item: ("error", "warning", "info").index(item.severity))
        shown = "< " + display_line(worst.text, room - 2)
        style = self._component("comment") + Style(dim=True)
        end = strip.crop(used, used + 1)
        back = next((segment.style for segment in end if segment.style is not None), Style())
        width = cell_len(shown)
        note = Strip([Segment(shown, back + style)], width)
        return Strip.join([strip.crop(0, used), note, strip.crop(used + width, strip.cell_length)])

    def watch_error_line(self) -> None:
        self.refresh()

    # -- completion -----------------------------------------------------------------------------------------

    def completion(self) -> Completion | None:
        """What can stand at the cursor."""
        row, column = self.cursor_location
        lines = self.document.lines
        table = header_table(lines, row)
        return complete(lines[row][:column], names=self.names, lists=self.lists, table=table)

    def update_suggestion(self) -> None:
        """Offer the rest of a word at the end of a line; Right takes it."""
        row, column = self.cursor_location
        self.suggestion = ""
        if not self.selection.is_empty or column != len(self.document[row]):
            return
        found = self.completion()
        if found is not None and found.typed and found.words[0] != found.typed:
            self.suggestion = found.rest(found.words[0])
