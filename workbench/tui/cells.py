"""The screen as cells: frames are drawn into it, and only what changed since the last output leaves it.

A frame is what Textual writes: cursor positions, SGR and text. Anything else in a frame is foreign and is drawn as a
visible character, never obeyed. Frames that were drawn between two outputs cost nothing on the link: only their sum
goes out.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from rich.cells import split_graphemes

from workbench.display import inert_characters
from workbench.tui.wrap import is_narrow

Cell = tuple[str, str]
"""What a cell shows and the SGR codes of its style. The second half of a wide character shows nothing."""

BLANK: Cell = (" ", "")
UNKNOWN: Cell = ("\x00", "?")
# Unchanged cells between two changed ones that are cheaper to write again than to jump over.
GAP = 4
_TOKEN = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[([\d;]*)m|\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)|\n|[^\x1b\n]+|\x1b")
_FRAME = re.compile(r"\x1b\[\d+;\d+H")
_ATTRIBUTES = frozenset(["1", "2", "3", "4", "5", "6", "7", "8", "9", "21", "51", "52", "53"])


class Pen(NamedTuple):
    """A style taken apart: attributes, and the codes of both colours."""

    attributes: frozenset[str]
    foreground: str
    background: str


@lru_cache(maxsize=4096)
def pen(codes: str) -> Pen:
    """The style that SGR ``codes`` set, from a reset on."""
    attributes: set[str] = set()
    colours = {"3": "", "4": ""}
    parts = codes.split(";") if codes else []
    at = 0
    while at < len(parts):
        part = parts[at]
        if part in ("38", "48"):
            length = 5 if parts[at + 1 : at + 2] == ["2"] else 3
            colours[part[0]] = ";".join(parts[at : at + length])
            at += length
            continue
        if part in ("", "0"):
            attributes.clear()
            colours = {"3": "", "4": ""}
        elif part in _ATTRIBUTES:
            attributes.add(part)
        elif len(part) == 2 and part[0] in "34":
            colours[part[0]] = "" if part[1] == "9" else part
        elif part[0] == "9" and len(part) == 2:
            colours["3"] = part
        elif part[:2] == "10" and len(part) == 3:
            colours["4"] = part
        at += 1
    return Pen(frozenset(attributes), colours["3"], colours["4"])


@lru_cache(maxsize=4096)
def change_pen(old: str, new: str) -> str:
    """The shortest SGR that leads from one style to another."""
    before, after = pen(old), pen(new)
    if before == after:
        return ""
    fresh = ["0", *sorted(after.attributes), after.foreground, after.background]
    whole = "\x1b[" + ";".join(code for code in fresh if code) + "m"
    if whole == "\x1b[0m":
        return "\x1b[m"
    if not before.attributes <= after.attributes:
        return whole
    codes = sorted(after.attributes - before.attributes)
    if before.foreground != after.foreground:
        codes.append(after.foreground or "39")
    if before.background != after.background:
        codes.append(after.background or "49")
    step = "\x1b[" + ";".join(codes) + "m"
    return min(step, whole, key=len)


class Cells:
    """A screen of ``width`` x ``height`` cells: what it shall show, and what the terminal shows."""

    def __init__(self, width: int, height: int) -> None:
        self.resize(width, height)

    def resize(self, width: int, height: int) -> None:
        """Start over: the terminal's contents are unknown."""
        self.width, self.height = max(1, width), max(1, height)
        self._wanted = [[BLANK] * self.width for _ in range(self.height)]
        self._style = ""
        self._x = self._y = 0
        self.forget()

    def forget(self) -> None:
        """The terminal may show anything now: the next output paints all of it."""
        self._shown = [[UNKNOWN] * self.width for _ in range(self.height)]
        self._dirty = set(range(self.height))
        self._cursor: tuple[int, int] | None = None
        self._pen = "?"

    @property
    def pending(self) -> bool:
        """Is there something that the terminal does not show yet?"""
        return bool(self._dirty) or self._cursor != (self._x, self._y)

    # -- drawing --------------------------------------------------------------------------------------------

    def draw(self, frame: str) -> None:
        """Apply one frame."""
        for match in _TOKEN.finditer(frame):
            token = match.group()
            if match.group(1):
                self._y, self._x = int(match.group(1)) - 1, int(match.group(2)) - 1
            elif match.group(3) is not None:
                codes = match.group(3)
                self._style = "" if codes in ("", "0") else f"{self._style};{codes}" if self._style else codes
            elif token == "\n":
                self._y, self._x = self._y + 1, 0
            elif not token.startswith("\x1b]"):
                self._put(inert_characters(token.replace("\t", " ")))

    def _put(self, text: str) -> None:
        if not 0 <= self._y < self.height or self._x < 0:
            return
        if is_narrow(text):
            cells = [(character, self._style) for character in text]
        else:
            cells = []
            for start, end, width in split_graphemes(text)[0]:
                if width:
                    cells.append((text[start:end], self._style))
                if width == 2:
                    cells.append(("", self._style))
        cells = cells[: max(0, self.width - self._x)]
        if cells:
            self._place(cells)
        self._x = min(self._x + len(cells), self.width)

    def _place(self, cells: list[Cell]) -> None:
        row, x = self._wanted[self._y], self._x
        end = x + len(cells)
        if row[x][0] == "" and x:
            row[x - 1] = (" ", row[x - 1][1])
        if end < self.width and row[end][0] == "":
            row[end] = (" ", row[end][1])
        row[x:end] = cells
        if end == self.width and len(row[-1][0]) and _wide(row[-1][0]):
            row[-1] = (" ", row[-1][1])
        self._dirty.add(self._y)

    # -- output ---------------------------------------------------------------------------------------------

    def take(self) -> str:
        """What makes the terminal show what it shall; afterwards it is taken to do so."""
        out: list[str] = []
        for y in sorted(self._dirty):
            self._row(y, out)
        self._dirty.clear()
        place = (min(self._x, self.width - 1), min(self._y, self.height - 1))
        if self._cursor != place:
            out.append(f"\x1b[{place[1] + 1};{place[0] + 1}H")
            self._cursor = place
        self._x, self._y = place
        return "".join(out)

    def end_pen(self) -> str:
        """What leads back to the plain style, before something else is written."""
        plain = "\x1b[m" if self._pen not in ("", "?") else ""
        self._pen = ""
        return plain

    def _row(self, y: int, out: list[str]) -> None:
        wanted, shown = self._wanted[y], self._shown[y]
        if wanted == shown:
            return
        x = 0
        while x < self.width:
            if wanted[x] == shown[x]:
                x += 1
                continue
            end = self._run_end(wanted, shown, x)
            while x and wanted[x][0] == "":
                x -= 1
            self._write_run(y, x, end, wanted, out)
            x = end
        self._shown[y] = wanted.copy()

    def _run_end(self, wanted: list[Cell], shown: list[Cell], x: int) -> int:
        end = x + 1
        for at in range(x + 1, self.width):
            if wanted[at] != shown[at]:
                end = at + 1
            elif at - end >= GAP:
                break
        while end < self.width and wanted[end][0] == "":
            end += 1
        return end

    def _write_run(self, y: int, x: int, end: int, wanted: list[Cell], out: list[str]) -> None:
        self._move(x, y, out)
        for at in range(x, end):
            text, style = wanted[at]
            if text == "":
                continue
            if style != self._pen:
                out.append(
                    change_pen("" if self._pen == "?" else self._pen, style) if self._pen != "?" else _whole(style)
                )
                self._pen = style
            if self._cursor != (at, y):
                out.append(f"\x1b[{y + 1};{at + 1}H")
            out.append(text)
            width = 2 if at + 1 < self.width and wanted[at + 1][0] == "" else 1
            # Terminals disagree about the width of clusters: say where the next one goes. At the right edge the
            # cursor waits, so it is unknown too.
            sure = len(text) == 1 and at + width < self.width
            self._cursor = (at + width, y) if sure else None

    def _move(self, x: int, y: int, out: list[str]) -> None:
        if self._cursor == (x, y):
            return
        if self._cursor is not None and self._cursor[1] == y and x > self._cursor[0]:
            step = x - self._cursor[0]
            out.append("\x1b[C" if step == 1 else f"\x1b[{step}C")
        else:
            out.append(f"\x1b[{y + 1};{x + 1}H")
        self._cursor = (x, y)


def is_frame(data: str) -> bool:
    """Is this a frame, or a message of its own to the terminal?"""
    return _FRAME.match(data) is not None


def _whole(style: str) -> str:
    found = pen(style)
    codes = ["0", *sorted(found.attributes), found.foreground, found.background]
    return "\x1b[" + ";".join(code for code in codes if code) + "m"


def _wide(text: str) -> bool:
    return not is_narrow(text) and split_graphemes(text)[1] == 2
