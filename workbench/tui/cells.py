"""The screen as cells: frames are drawn into it, and only what changed since the last output leaves it.

A frame is what Textual writes: cursor positions, SGR and text. Anything else in a frame is foreign and is drawn as a
visible character, never obeyed. Frames that were drawn between two outputs cost nothing on the link: only their sum
goes out.
"""

from __future__ import annotations

import re

from rich.cells import split_graphemes

from workbench.display import inert_characters
from workbench.tui.clusters import cell_len_apart, is_wide, unsure
from workbench.tui.scrolling import find_shift
from workbench.tui.sgr import change_pen, erasable, set_pen
from workbench.tui.wrap import is_narrow

Cell = tuple[str, str]
"""What a cell shows and the SGR codes of its style. The second half of a wide character shows nothing."""

BLANK: Cell = (" ", "")
UNKNOWN: Cell = ("\x00", "?")
# Unchanged cells between two changed ones that are cheaper to write again than to jump over.
GAP = 4
# From so many blanks on, to erase them is shorter: up to the right edge, and before other text.
ERASE_TAIL, ERASE_INSIDE = 3, 10
# What tells a cluster's look and what terminals disagree about: the emoji selector and the tones of skin.
_DOUBTFUL = re.compile("[\ufe0f\U0001f3fb-\U0001f3ff]")
_TOKEN = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[([\d;]*)m|\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)|\n|[^\x1b\n]+|\x1b")
_FRAME = re.compile(r"\x1b\[\d+;\d+H")


class Cells:
    """A screen of ``width`` x ``height`` cells: what it shall show, and what the terminal shows."""

    def __init__(self, width: int, height: int, *, keeps_background: bool = True, plain_clusters: bool = False) -> None:
        """``keeps_background``: the terminal erases with the background of the pen. ``plain_clusters``: draw emoji
        without selectors and tones, for a terminal that is known to give them other widths."""
        self._keeps_background = keeps_background
        self._plain_clusters = plain_clusters
        self._resume = 0
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
                cells.extend(self._cluster(text[start:end], width))
        cells = cells[: max(0, self.width - self._x)]
        if cells:
            self._place(cells)
        self._x = min(self._x + len(cells), self.width)

    def _cluster(self, text: str, width: int) -> list[Cell]:
        if not width:
            return []
        if self._plain_clusters and len(text) > 1:
            text = _DOUBTFUL.sub("", text) or " "
            if width == 2 and cell_len_apart(text) < 2:
                return [(text, self._style), (" ", self._style)]
        cells = [(text, self._style)]
        return cells if width == 1 else [*cells, ("", self._style)]

    def _place(self, cells: list[Cell]) -> None:
        row, x = self._wanted[self._y], self._x
        end = x + len(cells)
        if row[x][0] == "" and x:
            row[x - 1] = (" ", row[x - 1][1])
        if end < self.width and row[end][0] == "":
            row[end] = (" ", row[end][1])
        row[x:end] = cells
        if end == self.width and len(row[-1][0]) and is_wide(row[-1][0]):
            row[-1] = (" ", row[-1][1])
        self._dirty.add(self._y)

    # -- output ---------------------------------------------------------------------------------------------

    def take(self, limit: int | None = None) -> str:
        """What makes the terminal show what it shall; afterwards it is taken to do so.

        With a ``limit`` in characters, what does not fit stays for the next time; the cursor's row goes first.
        """
        out: list[str] = []
        size = 0
        place = (min(self._x, self.width - 1), min(self._y, self.height - 1))
        self._scroll(out)
        for y in self._order(place[1]):
            if limit is not None and size >= limit:
                self._resume = y
                break
            before = len(out)
            self._row(y, out)
            self._dirty.discard(y)
            size += sum(map(len, out[before:]))
        if self._cursor != place:
            self._move(*place, out)
        self._x, self._y = place
        return "".join(out)

    def _order(self, first: int) -> list[int]:
        """The rows to write: the cursor's, then on from where the last output ended."""
        rows = sorted(self._dirty, key=lambda y: (y != first, y < self._resume, y))
        self._resume = 0
        return rows

    def end_pen(self) -> str:
        """What leads back to the plain style, before something else is written."""
        plain = "\x1b[m" if self._pen not in ("", "?") else ""
        self._pen = ""
        return plain

    def _scroll(self, out: list[str]) -> None:
        """Let the terminal move rows that moved as a whole: by line feeds in a region, which every terminal knows."""
        blank = [BLANK] * self.width
        shift = find_shift(self._wanted, self._shown, sorted(self._dirty), blank)
        if shift is None:
            return
        top, bottom, rows = shift
        # What comes in must be blank, whether or not a terminal fills with the background of the pen.
        out.append(change_pen(self._pen, "") if self._pen != "?" else set_pen(""))
        self._pen = ""
        out.append(f"\x1b[{top + 1};{bottom}r")
        if rows > 0:
            out.append(f"\x1b[{bottom}H" + "\n" * rows)
            self._shown[top:bottom] = self._shown[top + rows : bottom] + [blank.copy() for _ in range(rows)]
        else:
            out.append((f"\x1b[{top + 1}H" if top else "") + "\x1bM" * -rows)
            self._shown[top:bottom] = [blank.copy() for _ in range(-rows)] + self._shown[top : bottom + rows]
        out.append("\x1b[r")
        # Most terminals go to the first cell now, but not all.
        self._cursor = None
        self._dirty.update(range(top, bottom))

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
            if wanted[at] != shown[at] or unsure(wanted[at - 1][0]):
                end = at + 1
            elif at - end >= GAP:
                break
        while end < self.width and (wanted[end][0] == "" or _spilled(wanted, end)):
            end += 1
        return end

    def _write_run(self, y: int, x: int, end: int, wanted: list[Cell], out: list[str]) -> None:
        at = x
        while at < end:
            text, style = wanted[at]
            if text == "":
                at += 1
                continue
            self._move(at, y, out)
            if style != self._pen:
                out.append(change_pen(self._pen, style) if self._pen != "?" else set_pen(style))
                self._pen = style
            if text == " ":
                at = self._blanks(y, at, end, wanted, out)
            else:
                at += self._character(y, at, wanted, out)

    def _character(self, y: int, at: int, wanted: list[Cell], out: list[str]) -> int:
        """Write one character or cluster at the cursor; how many cells it takes."""
        text = wanted[at][0]
        width = 2 if at + 1 < self.width and wanted[at + 1][0] == "" else 1
        if len(text) == 1:
            out.append(text)
            # At the right edge the cursor waits, so its place is unknown.
            self._cursor = (at + width, y) if at + width < self.width else None
            return width
        if unsure(text):
            # Terminals disagree about its width: clear its cells first.
            out.append(" " * width)
            self._cursor = (at + width, y) if at + width < self.width else None
            self._move(at, y, out)
        out.append(text)
        # Say where the next one goes.
        self._cursor = None
        return width

    def _blanks(self, y: int, at: int, end: int, wanted: list[Cell], out: list[str]) -> int:
        """Write or erase the equal blanks from ``at`` on; where they end."""
        blank = wanted[at]
        stop = at
        while stop < end and wanted[stop] == blank:
            stop += 1
        count = stop - at
        can_erase = count > ERASE_TAIL and erasable(blank[1], keeps_background=self._keeps_background)
        if can_erase and stop == self.width:
            out.append("\x1b[K")
        elif can_erase and count > ERASE_INSIDE:
            out.append(f"\x1b[{count}X")
        else:
            out.append(" " * count)
            self._cursor = (stop, y) if stop < self.width else None
        return stop

    def _move(self, x: int, y: int, out: list[str]) -> None:
        if self._cursor == (x, y):
            return
        ways = [f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H" if y else "\x1b[H"]
        if self._cursor is not None:
            right, down = x - self._cursor[0], y - self._cursor[1]
            if not right:
                ways.append(_step(down, "B", "A"))
            elif not down:
                ways.append(_step(right, "C", "D") if x else "\r")
            elif not x and down == 1:
                ways.append("\r\n")
        out.append(min(ways, key=len))
        self._cursor = (x, y)


def _step(count: int, forward: str, back: str) -> str:
    if count == -1 and back == "D":
        return "\b"
    number = str(abs(count)) if abs(count) > 1 else ""
    return f"\x1b[{number}{forward if count > 0 else back}"


def _spilled(wanted: list[Cell], at: int) -> bool:
    """May the cluster before ``at`` have been drawn over it by a terminal that takes each part for itself?"""
    for start in range(max(0, at - 4), at):
        if unsure(wanted[start][0]) and start + cell_len_apart(wanted[start][0]) > at:
            return True
    return False


def is_frame(data: str) -> bool:
    """Is this a frame, or a message of its own to the terminal?"""
    return _FRAME.match(data) is not None
