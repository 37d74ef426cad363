"""The vim preset: normal, insert and visual modes with counts, motions, operators and text objects.

Keys are collected until they make a command; what makes none is dropped. One command is one undo step.
"""

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
KEYS = ("ctrl+r", "ctrl+d", "ctrl+u", "ctrl+f", "ctrl+b")
HELP = (
    "vim: Escape normal mode, i a I A o O insert, v V visual; h j k l w b e W B E 0 ^ $ gg G { } % f t with counts; "
    'd c y > < with a motion, iw aw i" a( and the like; dd cc yy D C Y x X s S r J ~ p P u ^R; ^D ^U half a page; '
    "/ n N find; :w :q :wq :12"
)
_ARROWS = {"left": "h", "down": "j", "up": "k", "right": "l", "home": "0", "end": "$", "space": "l", "backspace": "h"}
_ALIASES = {"D": "d$", "C": "c$", "Y": "yy", "x": "dl", "X": "dh", "s": "cl", "S": "cc", "delete": "dl"}
_OPERATORS = "dcy><"
_WAITING = frozenset("fFtTgr")


@dataclass(frozen=True)
class Move:
    """Where a motion leads, and what an operator takes of the way."""

    place: int
    shape: Shape = "exclusive"


class VimKeys:
    """``press`` says whether a key was used. ``run`` carries out commands of the app by id; ``ex`` asks for a line."""

    def __init__(self, editor: TemplateEditor, run: Callable[[str], None], ex: Callable[[], None]) -> None:
        self.editor, self._run, self._ex = editor, run, ex
        self.mode: Mode = "normal"
        self._keys: list[str] = []
        self._register, self._register_lines = "", False
        self._anchor = self._head = 0
        self._column = 0
        self._seen = -1
        self._find: tuple[str, str] | None = None

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
        return bool(self._keys) and self._keys[-1] in _WAITING

    def _take(self) -> bool:
        """Carry out what has been typed; false while it may still become something."""
        keys = list(self._keys)
        count, keys = _count(keys)
        if not keys:
            return False
        if self.mode == "normal" and keys[0] in _OPERATORS:
            inner, rest = _count(keys[1:])
            return bool(rest) and self._operate(keys[0], (count or 1) * (inner or 1), bool(count or inner), rest)
        if self.mode != "normal" and self._visual(keys):
            return True
        move = self._motion(keys, count)
        if move is None and _incomplete(keys, visual=self.mode != "normal"):
            return False
        if move is not None:
            self._go(move.place, keep_column=keys[0] in "jk")
            return True
        if self.mode == "normal":
            self._simple(keys, count or 1)
        return True

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
            span = _object(text, at, keys)
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
            return not _incomplete(keys, visual=False)
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

    def _span(self) -> tuple[int, int]:
        start, end = sorted((self._anchor, self._head))
        if self.mode == "visual line":
            text = self._text()
            return motions.line_start(text, start), motions.line_end(text, end)
        return start, end + 1

    def _show_visual(self) -> None:
        start, end = map(self._place, self._span())
        self.editor.selection = Selection(start, end) if self._head >= self._anchor else Selection(end, start)

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
            span = _object(self._text(), self._head, keys)
            if span is not None:
                self._anchor, self._head = span[0], max(span[0], span[1] - 1)
                self._show_visual()
        elif keys[0] == ":":
            self._leave_visual()
            self._ex()
        else:
            return False
        return True


def _count(keys: list[str]) -> tuple[int, list[str]]:
    """A count in front, 0 for none, and the rest."""
    number = 0
    while keys and keys[0].isdecimal() and len(keys[0]) == 1 and (number or keys[0] != "0"):
        number = min(number * 10 + int(keys[0]), 1_000_000)
        keys = keys[1:]
    return number, keys


def _incomplete(keys: list[str], *, visual: bool) -> bool:
    return len(keys) == 1 and (keys[0] in _WAITING or (visual and keys[0] in "ia"))


def _object(text: str, at: int, keys: list[str]) -> tuple[int, int] | None:
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
