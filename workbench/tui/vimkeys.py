"""The vim preset: normal, insert and visual modes with counts, motions, operators and text objects.

Keys are collected until they make a command; what makes none is dropped. One command is one undo step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.widgets.text_area import Selection

from workbench.tui import motions
from workbench.tui.vimmotions import WAITING, Mode, Move, Shape, VimMotions, count_of, incomplete, text_object

if TYPE_CHECKING:
    from workbench.tui.editor import TemplateEditor

KEYS = ("ctrl+r", "ctrl+d", "ctrl+u", "ctrl+f", "ctrl+b")
HELP = (
    "vim: Escape normal mode, i a I A o O insert, v V visual; h j k l w b e W B E 0 ^ $ gg G { } % f t with counts; "
    'd c y > < with a motion, iw aw i" a( and the like; dd cc yy D C Y x X s S r J ~ p P u ^R; ^D ^U half a page; '
    "/ n N find; :w :q :wq :12"
)
_ARROWS = {"left": "h", "down": "j", "up": "k", "right": "l", "home": "0", "end": "$", "space": "l", "backspace": "h"}
_ALIASES = {"D": "d$", "C": "c$", "Y": "yy", "x": "dl", "X": "dh", "s": "cl", "S": "cc", "delete": "dl"}
_OPERATORS = "dcy><"


class VimKeys(VimMotions):
    """``press`` says whether a key was used. ``run`` carries out commands of the app by id; ``ex`` asks for a line."""

    def __init__(self, editor: TemplateEditor, run: Callable[[str], None], ex: Callable[[], None]) -> None:
        super().__init__(editor)
        self._run, self._ex = run, ex
        self._keys: list[str] = []
        self._register, self._register_lines = "", False

    @property
    def label(self) -> str:
        """For the status line."""
        return f"-- {self.mode.upper()} --" + (" " + "".join(self._keys) if self._keys else "")

    # -- keys --------------------------------------------------------------------------------------------------

    def press(self, key: str, character: str | None) -> bool:
        """Use a key, or leave it to the editor and the app."""
        if self.mode == "insert":
            if key != "escape":
                return False
            self.editor.history.checkpoint()
            self.mode = "normal"
            text, at = self._text(), self._at()
            self._go(max(motions.line_start(text, at), at - 1))
            return True
        if key == "escape":
            self._keys.clear()
            if self.mode != "normal":
                self._leave_visual()
            return True
        token = self._token(key, character)
        if not token:
            return False
        short = self.mode == "normal" and self._fresh()
        self._keys.extend(_ALIASES.get(token, [token]) if short else [token])
        if self._keys and self._take():
            self._keys.clear()
        return True

    def _fresh(self) -> bool:
        return "".join(self._keys).lstrip("0123456789") == ""

    def _token(self, key: str, character: str | None) -> str:
        if key in _ARROWS and not self._waits():
            return _ARROWS[key]
        if key in KEYS or key == "delete":
            return key
        if key == "enter":
            return "j"
        return character if character and character.isprintable() else ""

    def _waits(self) -> bool:
        return bool(self._keys) and self._keys[-1] in WAITING

    def _take(self) -> bool:
        """Carry out what has been typed; false while it may still become something."""
        keys = list(self._keys)
        count, keys = count_of(keys)
        if not keys:
            return False
        if self.mode == "normal" and keys[0] in _OPERATORS:
            inner, rest = count_of(keys[1:])
            return bool(rest) and self._operate(keys[0], (count or 1) * (inner or 1), bool(count or inner), rest)
        if self.mode != "normal" and self._visual(keys):
            return True
        move = self._motion(keys, count)
        if move is None and incomplete(keys, visual=self.mode != "normal"):
            return False
        if move is not None:
            self._go(move.place, keep_column=keys[0] in "jk")
            return True
        if self.mode == "normal":
            self._simple(keys, count or 1)
        return True

    # -- operators ---------------------------------------------------------------------------------------------

    def _operate(self, operator: str, times: int, counted: bool, keys: list[str]) -> bool:
        text, at = self._text(), self._at()
        if keys == [operator]:
            row, _ = self._place(at)
            self._apply(operator, at, self._offset((self._row(row + times - 1), 0)), "lines")
            return True
        if keys[0] in "ia":
            if len(keys) < 2:
                return False
            span = text_object(text, at, keys)
            if span is not None:
                self._apply(operator, *span, "exclusive")
            return True
        if operator == "c" and keys[0] in "wW" and text[at : at + 1].strip():
            keys = ["e" if keys[0] == "w" else "E"]
            at_end = motions.word_object(text, at, around=False, big=keys[0] == "E")[1] - 1
            move: Move | None = Move(at_end, "inclusive") if times == 1 else self._motion(keys, times)
        else:
            move = self._motion(keys, times if counted else 0)
        if move is None:
            return not incomplete(keys, visual=False)
        start, end = sorted((at, move.place))
        if keys[0] in "wW" and "\n" in text[start:end]:
            # The last word of a line is taken without the line's end.
            end = start + len(text[start:end].rstrip(" \t").removesuffix("\n"))
        self._apply(operator, start, end + (move.shape == "inclusive"), move.shape)
        return True

    def _apply(self, operator: str, start: int, end: int, shape: Shape) -> None:
        """Delete, change, copy or indent from ``start`` up to ``end``; whole lines of both when ``shape`` is that."""
        text = self._text()
        start, end = sorted((start, end))
        lines = shape == "lines" or operator in "><"
        if lines:
            start, end = motions.line_start(text, start), motions.line_end(text, end)
        if operator in "><":
            self.editor.selection = Selection(self._place(start), self._place(end))
            self.editor.indent_rows(1 if operator == ">" else -1)
            self._go(motions.first_filled(self._text(), start))
            return
        self._register, self._register_lines = text[start:end], lines
        if operator == "y":
            self._go(start if not lines else min(self._at(), start + self._column))
            return
        if operator == "c":
            self._replace("", start, end)
            self._insert(start)
            return
        if lines:
            # The line's end goes too: the one behind, or before the last line the one in front.
            start, end = (start, end + 1) if end < len(text) else (max(0, start - 1), end)
        self._replace("", start, end)
        text = self._text()
        self._go(motions.first_filled(text, min(start, len(text))) if lines else start)

    def _replace(self, new: str, start: int, end: int) -> None:
        history = self.editor.history
        history.checkpoint()
        newline = self.editor.document.newline
        places = self._place(start), self._place(end)
        self.editor.replace(new.replace("\n", newline), *places, maintain_selection_offset=False)
        history.checkpoint()

    def _insert(self, offset: int) -> None:
        self.editor.history.checkpoint()
        self.mode = "insert"
        self.editor.move_cursor(self._place(offset))

    # -- single commands ---------------------------------------------------------------------------------------

    def _simple(self, keys: list[str], times: int) -> None:
        text, at = self._text(), self._at()
        start, end = motions.line_start(text, at), motions.line_end(text, at)
        inserts = {"i": at, "a": min(end, at + 1), "I": motions.first_filled(text, at), "A": end}
        if keys[0] in inserts:
            self._insert(inserts[keys[0]])
        elif keys[0] in "oO":
            indent = text[start : motions.first_filled(text, at)]
            self.editor.history.checkpoint()
            self._replace("\n" + indent if keys[0] == "o" else indent + "\n", *[end if keys[0] == "o" else start] * 2)
            self._insert((end + 1 if keys[0] == "o" else start) + len(indent))
        elif keys[0] in "vV":
            self.mode = "visual" if keys[0] == "v" else "visual line"
            self._anchor = self._head = at
            self._show_visual()
        elif keys[0] in "pP":
            self._put(times, before=keys[0] == "P")
        elif keys[0] == "r" and len(keys) == 2 and at + times <= end:
            self._replace(keys[1] * times, at, at + times)
            self._go(at + times - 1)
        elif keys[0] == "~" and at < end:
            stop = min(end, at + times)
            self._replace(text[at:stop].swapcase(), at, stop)
            self._go(stop)
        elif keys[0] == "J" and end < len(text):
            after = end + 1 + len(text[end + 1 :]) - len(text[end + 1 :].lstrip(" \t"))
            self._replace(" " if text[after : after + 1] not in ("", "\n", ")") else "", end, after)
            self._go(end)
        elif keys[0] == "u" or keys[0] == "ctrl+r":
            for _ in range(times):
                self.editor.undo() if keys[0] == "u" else self.editor.redo()
            self._go(self._offset(self.editor.cursor_location))
        elif keys[0] in "/nN":
            self._run({"/": "find", "n": "find_next", "N": "find_previous"}[keys[0]])
        elif keys[0] == ":":
            self._ex()

    def _put(self, times: int, *, before: bool) -> None:
        text, at = self._text(), self._at()
        if self._register_lines:
            piece = (self._register + "\n") * times
            place = motions.line_start(text, at) if before else motions.line_end(text, at) + 1
            if place > len(text):
                self._replace("\n" + piece[:-1], len(text), len(text))
            else:
                self._replace(piece, place, place)
            self._go(motions.first_filled(self._text(), place))
        elif self._register:
            piece = self._register * times
            place = at if before else min(motions.line_end(text, at), at + 1)
            self._replace(piece, place, place)
            self._go(place + len(piece) - 1)

    # -- visual ------------------------------------------------------------------------------------------------

    def _leave_visual(self) -> None:
        head = self._head
        self.mode = "normal"
        self._go(head)

    def _visual(self, keys: list[str]) -> bool:
        """What a key does with the selection; false when it is a motion or not finished."""
        operator = {"x": "d", "s": "c", "delete": "d"}.get(keys[0], keys[0])
        start, end = self._span()
        shape: Shape = "lines" if self.mode == "visual line" else "exclusive"
        if operator in tuple(_OPERATORS) and len(keys) == 1:
            self.mode = "normal"
            self._apply(operator, start, end, shape)
        elif keys[0] in "vV":
            wanted: Mode = "visual" if keys[0] == "v" else "visual line"
            if self.mode == wanted:
                self._leave_visual()
            else:
                self.mode = wanted
                self._show_visual()
        elif keys[0] == "o":
            self._anchor, self._head = self._head, self._anchor
            self._show_visual()
        elif keys[0] in "pP":
            kept = self._register, self._register_lines
            self.mode = "normal"
            self._replace(kept[0], start, end)
            self._go(start + max(0, len(kept[0]) - 1))
        elif keys[0] in "ia" and len(keys) == 2:
            span = text_object(self._text(), self._head, keys)
            if span is not None:
                self._anchor, self._head = span[0], max(span[0], span[1] - 1)
                self._show_visual()
        elif keys[0] == ":":
            self._leave_visual()
            self._ex()
        else:
            return False
        return True
