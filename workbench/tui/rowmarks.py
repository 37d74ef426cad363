"""What the pattern reader found, by the editor's rows: true colours, and remarks with the place they are about.

The line lexer colours at once while somebody types; these marks come a moment later from the real reader and correct
it: a brace that a guard keeps as text loses its colour, a slot without a value is underlined. A row's marks count only
while its text is the one that was read, so nothing is ever drawn at a wrong place.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from workbench.error import TemplateError
from workbench.template.diagnostic import Diagnostic
from workbench.template.document import TemplateDocument
from workbench.template.slot import Slot
from workbench.template.tree import Span

# Kinds of the reader as kinds of colour; what is not here is plain.
KINDS = {
    "slot": "slot",
    "unbound-slot": "unbound",
    "group": "group",
    "bar": "group",
    "header": "group",
    "weight": "weight",
    "wildcard": "wildcard",
    "escape": "escape",
    "jinja-expr": "expression",
    "jinja-stmt": "tag",
    "jinja-comment": "comment",
    "jinja-broken": "wrong",
}


class Colour(NamedTuple):
    start: int
    end: int
    kind: str


class Remark(NamedTuple):
    """``start`` and ``end`` are columns of the row; ``text`` says what is the matter and what to write instead."""

    start: int
    end: int
    severity: str
    text: str


class RowMarks(NamedTuple):
    line: str
    colours: tuple[Colour, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass
class DocumentMarks:
    """The marks of a whole text. Rows count from 0; a row moves with edits above it."""

    rows: Sequence[RowMarks] = ()
    line_count: int = 0
    edited_from: int = field(default=1 << 30)

    def of(self, row: int, line: str, line_count: int) -> RowMarks | None:
        """The marks of a row, if its text is still what was read."""
        before = row if row < self.edited_from else row - (line_count - self.line_count)
        if 0 <= before < len(self.rows) and self.rows[before].line.removesuffix("\r") == line.removesuffix("\r"):
            return self.rows[before]
        return None


def document_marks(
    document: TemplateDocument,
    spans: Iterable[Span],
    diagnostics: Iterable[Diagnostic],
    slots: Iterable[Slot],
    faults: Iterable[TemplateError] = (),
) -> DocumentMarks:
    """Marks of every row. ``spans`` are offsets into the body; lines of ``diagnostics`` and of ``faults``, those of the
    header, count from the file's first.
    """
    lines = document.source.split("\n")
    first = document.body_line - 1
    starts = _starts(document.body)
    colours: list[list[Colour]] = [[] for _ in lines]
    for span in spans:
        kind = KINDS.get(span.kind, "")
        if kind:
            for row, start, end in _by_row(starts, span.start, span.end, len(document.body)):
                colours[min(first + row, len(lines) - 1)].append(Colour(start, end, kind))
    remarks: list[list[Remark]] = [[] for _ in lines]
    for found in diagnostics:
        if found.end > found.start and found.code != "unbound-slot":
            row, start, end = next(_by_row(starts, found.start, found.end, len(document.body)))
            text = found.message + (f": {found.hint}" if found.hint else "")
            remarks[min(first + row, len(lines) - 1)].append(Remark(start, end, found.severity, text))
    for fault in faults:
        row = min(max(0, fault.line - 1), len(lines) - 1)
        text = fault.message + (f": {fault.hint}" if fault.hint else "")
        remarks[row].append(Remark(max(0, fault.column - 1), len(lines[row].rstrip()), "error", text))
    for slot in slots:
        if not slot.bound and 0 < slot.line <= len(lines):
            remarks[slot.line - 1].append(_unbound(slot))
    return DocumentMarks(
        [RowMarks(*item) for item in zip(lines, map(tuple, colours), map(tuple, remarks), strict=True)], len(lines)
    )


def _unbound(slot: Slot) -> Remark:
    start = max(0, slot.column - 1)
    if slot.required:
        return Remark(start, start + len(slot.name), "warning", f"{slot.name} has no value: fill it in below")
    text = f"{{{slot.name}}} is kept as text: give {slot.name} a value to make it a slot"
    return Remark(start, start + len(slot.name) + 2, "info", text)


def _starts(body: str) -> list[int]:
    starts, position = [0], body.find("\n")
    while position >= 0:
        starts.append(position + 1)
        position = body.find("\n", position + 1)
    return starts


def _by_row(starts: list[int], start: int, end: int, size: int) -> Iterator[tuple[int, int, int]]:
    row = bisect_right(starts, start) - 1
    while row < len(starts) and (starts[row] < end or starts[row] <= start):
        row_end = starts[row + 1] - 1 if row + 1 < len(starts) else size
        yield row, max(0, start - starts[row]), min(end, row_end) - starts[row]
        row += 1
