"""Places in the editor for the vim preset: where motions lead, and what an operator takes of the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from textual.widgets.text_area import Selection

from workbench.tui import motions

if TYPE_CHECKING:
    from workbench.tui.editor import TemplateEditor

Mode = Literal["normal", "insert", "visual", "visual line"]
Shape = Literal["exclusive", "inclusive", "lines"]
WAITING = frozenset("fFtTgr")


@dataclass(frozen=True)
class Move:
    """Where a motion leads, and what an operator takes of the way."""

    place: int
    shape: Shape = "exclusive"


class VimMotions:
    """The editor's text as offsets, the cursor, and the visual selection. ``mode`` belongs to the subclass."""

    def __init__(self, editor: TemplateEditor) -> None:
        self.editor = editor
        self.mode: Mode = "normal"
        self._anchor = self._head = 0
        self._column = 0
        self._seen = -1
        self._find: tuple[str, str] | None = None

    # -- text and places ---------------------------------------------------------------------------------------

    def _text(self) -> str:
        return "\n".join(self.editor.document.lines)

    def _at(self) -> int:
        if self.mode in ("visual", "visual line"):
            return self._head
        return self._offset(self.editor.cursor_location)

    def _offset(self, place: tuple[int, int]) -> int:
        return sum(len(line) + 1 for line in self.editor.document.lines[: place[0]]) + place[1]

    def _place(self, offset: int) -> tuple[int, int]:
        text = self._text()
        offset = max(0, min(offset, len(text)))
        return text.count("\n", 0, offset), offset - motions.line_start(text, offset)

    def _go(self, offset: int, *, keep_column: bool = False) -> None:
        text = self._text()
        offset = max(0, min(offset, len(text)))
        start, end = motions.line_start(text, offset), motions.line_end(text, offset)
        if self.mode != "insert":
            offset = max(start, min(offset, end - 1))
        if not keep_column:
            self._column = offset - start
        self._seen = offset
        if self.mode in ("visual", "visual line"):
            self._head = offset
            self._show_visual()
        else:
            self.editor.move_cursor(self._place(offset))

    # -- motions -----------------------------------------------------------------------------------------------

    def _motion(self, keys: list[str], count: int) -> Move | None:
        text, at, times = self._text(), self._at(), count or 1
        name = "".join(keys)
        walks: dict[str, Callable[[int], int]] = {
            "h": lambda place: max(motions.line_start(text, place), place - 1),
            "l": lambda place: min(motions.line_end(text, place), place + 1),
            "w": lambda place: motions.word_forward(text, place),
            "W": lambda place: motions.word_forward(text, place, big=True),
            "b": lambda place: motions.word_back(text, place),
            "B": lambda place: motions.word_back(text, place, big=True),
            "e": lambda place: motions.word_end(text, place),
            "E": lambda place: motions.word_end(text, place, big=True),
            "}": lambda place: motions.paragraph(text, place, 1),
            "{": lambda place: motions.paragraph(text, place, -1),
        }
        if name in walks:
            for _ in range(min(times, len(text) + 1)):
                at = walks[name](at)
            return Move(at, "inclusive" if name in "eE" else "exclusive")
        if name in ("0", "^"):
            return Move(motions.line_start(text, at) if name == "0" else motions.first_filled(text, at))
        if name == "$":
            row, _ = self._place(at)
            return Move(motions.line_end(text, self._offset((self._row(row + times - 1), 0))))
        if name in ("j", "k", "gg", "G", "ctrl+d", "ctrl+u", "ctrl+f", "ctrl+b"):
            return self._vertical(name, at, count)
        if name == "%":
            found = motions.partner(text, at)
            return Move(found, "inclusive") if found is not None else None
        return self._on_line(keys, text, at, times)

    def _row(self, row: int) -> int:
        return max(0, min(row, self.editor.document.line_count - 1))

    def _vertical(self, name: str, at: int, count: int) -> Move:
        row, _ = self._place(at)
        half, page = max(1, self.editor.size.height // 2), max(1, self.editor.size.height - 2)
        if at != self._seen:
            # Something else moved the cursor since.
            self._column = self._place(at)[1]
        steps = {"j": count or 1, "k": -(count or 1), "ctrl+d": half, "ctrl+u": -half, "ctrl+f": page, "ctrl+b": -page}
        if name in steps:
            row = self._row(row + steps[name])
            line = self.editor.document[row]
            return Move(self._offset((row, min(self._column, len(line)))), "lines")
        row = self._row((count or 1) - 1) if name == "gg" or count else self.editor.document.line_count - 1
        return Move(motions.first_filled(self._text(), self._offset((row, 0))), "lines")

    def _on_line(self, keys: list[str], text: str, at: int, times: int) -> Move | None:
        if keys[0] in ";," and self._find is not None:
            name, sign = self._find
            name = name if keys[0] == ";" else name.swapcase()
        elif len(keys) == 2 and keys[0] in "fFtT":
            name, sign = keys
            self._find = (name, sign)
        else:
            return None
        found = motions.on_line(text, at, sign, times, back=name in "FT", short=name in "tT")
        return Move(found, "exclusive" if name in "FT" else "inclusive") if found is not None else None

    def _span(self) -> tuple[int, int]:
        start, end = sorted((self._anchor, self._head))
        if self.mode == "visual line":
            text = self._text()
            return motions.line_start(text, start), motions.line_end(text, end)
        return start, end + 1

    def _show_visual(self) -> None:
        start, end = map(self._place, self._span())
        self.editor.selection = Selection(start, end) if self._head >= self._anchor else Selection(end, start)


def count_of(keys: list[str]) -> tuple[int, list[str]]:
    """A count in front, 0 for none, and the rest."""
    number = 0
    while keys and keys[0].isdecimal() and len(keys[0]) == 1 and (number or keys[0] != "0"):
        number = min(number * 10 + int(keys[0]), 1_000_000)
        keys = keys[1:]
    return number, keys


def incomplete(keys: list[str], *, visual: bool) -> bool:
    return len(keys) == 1 and (keys[0] in WAITING or (visual and keys[0] in "ia"))


def text_object(text: str, at: int, keys: list[str]) -> tuple[int, int] | None:
    around, what = keys[0] == "a", keys[1]
    if what in "wW":
        return motions.word_object(text, at, around=around, big=what == "W")
    if what in "\"'`":
        return motions.quoted_object(text, at, what, around=around)
    if what == "p":
        start, end = motions.paragraph(text, at, -1), motions.paragraph(text, at, 1)
        return (start, end) if around else (start, end - (text[end - 1 : end] == "\n" and end < len(text)))
    sign = {")": "(", "b": "(", "]": "[", "}": "{", "B": "{"}.get(what, what)
    return motions.bracket_object(text, at, sign, around=around) if sign in motions.PAIRS else None
