"""Rows of cells for a text that only grows: an append costs the open row, never the history.

Lines break after spaces and between wide characters (closing punctuation stays with what it closes), longer
words are folded, and spaces at a break hang invisibly past the edge, so the rows joined are exactly the text.
Wrapping piece by piece gives the same rows as wrapping the whole.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from rich.cells import cell_len, split_graphemes

TAB = 4
# Characters of one cell each that nothing following can widen; verified against the screen library in a test.
_NARROW = re.compile("[\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u0590\u2010-\u2027\u2500-\u25a9]*")
_SPACES = re.compile(" *")
_CLOSING = "、。，．・：；？！ー）］｝」』】〉》〕…’”ぁぃぅぇぉっゃゅょァィゥェォッャュョ々"


def is_narrow(text: str) -> bool:
    """Does every character take one cell, with nothing that joins or widens?"""
    return _NARROW.fullmatch(text) is not None


def expand(row: str) -> str:
    """``row`` with its tabs as spaces, by cells from the row's start."""
    if "\t" not in row:
        return row
    out: list[str] = []
    column = 0
    for index, part in enumerate(row.split("\t")):
        if index:
            pad = TAB - column % TAB
            out.append(" " * pad)
            column += pad
        out.append(part)
        column += cell_len(part)
    return "".join(out)


def source_index(row: str, shown: int) -> int:
    """The index in ``row`` of character ``shown`` of ``expand(row)``."""
    if "\t" not in row:
        return min(shown, len(row))
    for index in range(len(row) + 1):
        if len(expand(row[:index])) >= shown:
            return index
    return len(row)


def wrap_line(line: str, width: int) -> list[str]:
    """One line as rows of at most ``width`` cells, not counting hanging spaces. At least one row."""
    if len(line) <= width and is_narrow(line):
        return [line]
    return _wrap_narrow(line, width) if is_narrow(line) else list(_wrap_wide(line, width))


def _wrap_narrow(line: str, width: int) -> list[str]:
    rows: list[str] = []
    start, length = 0, len(line)
    while length - start > width:
        edge = start + width
        if line[edge] == " ":
            found = _SPACES.match(line, edge)
            cut = found.end() if found else edge
        else:
            cut = line.rfind(" ", start, edge) + 1
            if cut <= start:
                cut = edge
        rows.append(line[start:cut])
        start = cut
    if start < length or not rows:
        rows.append(line[start:])
    return rows


def _units(line: str) -> Iterator[tuple[str, int, str]]:
    """Graphemes with their cells and kind: space, tab, wide, or word."""
    for index, part in enumerate(line.split("\t")):
        if index:
            yield "\t", 0, "tab"
        for start, end, cells in split_graphemes(part)[0]:
            text = part[start:end]
            yield text, cells, "space" if text == " " else "wide" if cells == 2 else "word"


def _chunks(line: str) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Runs that are kept together: spaces, a tab, a word, or a wide character with what closes it."""
    kind = ""
    chunk: list[tuple[str, int]] = []
    for text, cells, unit in _units(line):
        closes = bool(chunk) and kind in ("wide", "word") and text[0] in _CLOSING
        same = unit == kind and unit in ("space", "word")
        if chunk and not closes and not same:
            yield kind, chunk
            chunk = []
        if not closes or cells == 2:
            # After a wide closing mark a line may break, also when it closed a word.
            kind = unit
        chunk.append((text, cells))
    if chunk:
        yield kind, chunk


def _wrap_wide(line: str, width: int) -> Iterator[str]:
    row: list[str] = []
    used = 0
    for kind, chunk in _chunks(line):
        if kind in ("space", "tab"):
            row.extend(text for text, _ in chunk)
            used += len(chunk) if kind == "space" else TAB - used % TAB
            continue
        size = sum(cells for _, cells in chunk)
        if row and used + size > width:
            yield "".join(row)
            row, used = [], 0
        for text, cells in chunk:
            if row and used + cells > width:
                yield "".join(row)
                row, used = [], 0
            row.append(text)
            used += cells
    yield "".join(row)


class Rows:
    """A growing text as rows of ``width`` cells; ``rows`` keep tabs and hanging spaces, not line feeds."""

    def __init__(self, width: int = 80) -> None:
        self.width = max(1, width)
        self.rows: list[str] = [""]
        self.first_rows: list[int] = [0]
        """For each line of the text the index of its first row."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def empty(self) -> bool:
        return len(self.rows) == 1 and not self.rows[0]

    def append(self, text: str) -> int:
        """Add ``text``, already made inert; the index of the first row that changed."""
        lines = text.split("\n")
        changed = len(self.rows) - 1
        self.rows.extend(wrap_line(self.rows.pop() + lines[0], self.width))
        for line in lines[1:]:
            self.first_rows.append(len(self.rows))
            self.rows.extend(wrap_line(line, self.width))
        return changed

    def resize(self, width: int) -> None:
        """Wrap everything anew for ``width`` cells."""
        text = self.text()
        self.width = max(1, width)
        self.rows, self.first_rows = [""], [0]
        self.append(text)

    def line_of(self, row: int) -> int:
        """The line, from 0, that ``row`` belongs to."""
        return bisect_right(self.first_rows, row) - 1

    def rows_of(self, line: int) -> range:
        """The rows of ``line``, counted from 0; empty when there is no such line."""
        if not 0 <= line < len(self.first_rows):
            return range(0)
        end = self.first_rows[line + 1] if line + 1 < len(self.first_rows) else len(self.rows)
        return range(self.first_rows[line], end)

    def text(self, first: int = 0, last: int | None = None) -> str:
        """The text of rows ``first`` to ``last`` (all by default), without the breaks that wrapping made."""
        end = len(self.rows) - 1 if last is None else min(last, len(self.rows) - 1)
        if first > end:
            return ""
        line = self.line_of(first) + 1
        parts: list[str] = []
        while line < len(self.first_rows) and self.first_rows[line] <= end:
            parts.append("".join(self.rows[first : self.first_rows[line]]))
            first = self.first_rows[line]
            line += 1
        parts.append("".join(self.rows[first : end + 1]))
        return "\n".join(parts)
