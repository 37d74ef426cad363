"""The emacs preset: the keys of readline and emacs in the editor, with a region and a place for what was killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.widgets.text_area import Selection

if TYPE_CHECKING:
    from workbench.tui.editor import TemplateEditor

KEYS = (
    "ctrl+a", "ctrl+e", "ctrl+f", "ctrl+b", "ctrl+n", "ctrl+p", "ctrl+d", "ctrl+k", "ctrl+y", "ctrl+w", "alt+w",
    "ctrl+@", "ctrl+g", "ctrl+t", "ctrl+v", "alt+v", "alt+d", "ctrl+underscore", "ctrl+s", "ctrl+o",
)  # fmt: skip
HELP = (
    "emacs: ^A ^E line's ends, ^F ^B ^N ^P move, ^D delete, ^K kill to the end, ^W kill the region, Alt+w copy it, "
    "^Y yank, ^Space mark, ^G drop it, ^T swap characters, ^O open a line, ^V Alt+v a page, Alt+d kill a word, ^_ undo"
)


class EmacsKeys:
    """``press`` says whether a key was used. ``keys`` are those that the app leaves to the editor."""

    label = ""

    def __init__(self, editor: TemplateEditor, keys: frozenset[str] = frozenset(KEYS)) -> None:
        self.editor, self._keys = editor, keys
        self._killed = ""
        self._mark = False
        self._killing = False
        self._commands: dict[str, Callable[[], object]] = {
            "ctrl+a": lambda: self._move(editor.get_cursor_line_start_location()),
            "ctrl+e": lambda: self._move(editor.get_cursor_line_end_location()),
            "ctrl+f": lambda: self._move(editor.get_cursor_right_location()),
            "ctrl+b": lambda: self._move(editor.get_cursor_left_location()),
            "ctrl+n": lambda: self._move(editor.get_cursor_down_location()),
            "ctrl+p": lambda: self._move(editor.get_cursor_up_location()),
            "ctrl+d": editor.action_delete_right,
            "ctrl+k": self._kill_line,
            "ctrl+w": self._kill_region,
            "alt+w": self._copy_region,
            "alt+d": self._kill_word,
            "ctrl+y": self._yank,
            "ctrl+@": self._set_mark,
            "ctrl+g": self._drop_mark,
            "ctrl+t": self._transpose,
            "ctrl+o": self._open_line,
            "ctrl+v": editor.action_cursor_page_down,
            "alt+v": editor.action_cursor_page_up,
            "ctrl+underscore": editor.undo,
        }

    def press(self, key: str, character: str | None) -> bool:
        """Use a key, or leave it to the editor and the app."""
        command = self._commands.get(key) if key in self._keys else None
        if command is None:
            self._killing = False
            if character and character.isprintable():
                self._mark = False
            return False
        command()
        self._killing = key in ("ctrl+k", "alt+d", "ctrl+w")
        return True

    def _move(self, place: tuple[int, int]) -> None:
        self.editor.move_cursor(place, select=self._mark, record_width=True)

    def _kill(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        text = self.editor.document.get_text_range(start, end)
        self._killed = self._killed + text if self._killing else text
        self.editor.history.checkpoint()
        self.editor.replace("", start, end, maintain_selection_offset=False)
        self.editor.history.checkpoint()
        self._mark = False

    def _kill_line(self) -> None:
        row, column = self.editor.cursor_location
        end = len(self.editor.document[row])
        if column < end:
            self._kill((row, column), (row, end))
        elif row + 1 < self.editor.document.line_count:
            self._kill((row, column), (row + 1, 0))

    def _kill_word(self) -> None:
        here = self.editor.cursor_location
        self._kill(here, self.editor.get_cursor_word_right_location())

    def _kill_region(self) -> None:
        start, end = sorted(self.editor.selection)
        if start != end:
            self._kill(start, end)

    def _copy_region(self) -> None:
        self._killed = self.editor.selected_text or self._killed
        self._drop_mark()

    def _yank(self) -> None:
        if self._killed:
            self.editor.history.checkpoint()
            place = self.editor.replace(self._killed, *self.editor.selection, maintain_selection_offset=False)
            self.editor.history.checkpoint()
            self.editor.move_cursor(place.end_location)

    def _set_mark(self) -> None:
        self._drop_mark()
        self._mark = True

    def _drop_mark(self) -> None:
        self._mark = False
        self.editor.selection = Selection.cursor(self.editor.cursor_location)

    def _transpose(self) -> None:
        row, column = self.editor.cursor_location
        line = self.editor.document[row]
        column = min(column, len(line) - 1)
        if column > 0:
            self.editor.history.checkpoint()
            self.editor.replace(line[column] + line[column - 1], (row, column - 1), (row, column + 1))
            self.editor.history.checkpoint()
            self.editor.move_cursor((row, column + 1))

    def _open_line(self) -> None:
        here = self.editor.cursor_location
        self.editor.insert(self.editor.document.newline, here, maintain_selection_offset=False)
        self.editor.move_cursor(here)
