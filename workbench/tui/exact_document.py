"""A document that keeps every text exactly, and the view of it that is wrapped and drawn.

The stock one splits at U+2028, form feeds and the like, and loses them. Private names of Textual 8.2, see
``textual_private``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from textual.document._document import Document, EditResult, Location
from textual.document._wrapped_document import WrappedDocument

from workbench.display import inert_characters


class ExactDocument(Document):
    """A document whose text is exactly what was put in: lines end at LF, or at CRLF when every one does."""

    def __init__(self, text: str) -> None:
        crlf = text.count("\r\n")
        self._newline = "\r\n" if crlf and crlf == text.count("\n") else "\n"
        self._lines = text.split(self._newline)

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        top, bottom = sorted((start, end))
        lines = self._lines
        replaced = self.get_text_range(top, bottom)
        before = lines[top[0]][: top[1]] if top[0] < len(lines) else ""
        after = lines[bottom[0]][bottom[1] :] if bottom[0] < len(lines) else ""
        inserted = text.replace("\r\n", "\n").split("\n") if self._newline == "\r\n" else text.split("\n")
        inserted[0] = before + inserted[0]
        column = len(inserted[-1])
        inserted[-1] += after
        lines[top[0] : bottom[0] + 1] = inserted
        return EditResult((top[0] + len(inserted) - 1, column), replaced)


class _ShownLines(Sequence[str]):
    """The lines of a document as they are drawn."""

    def __init__(self, lines: list[str]) -> None:
        self._source = lines

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[str]:
        return map(inert_characters, self._source)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [inert_characters(line) for line in self._source[index]]
        return inert_characters(self._source[index])


class ShownDocument(Document):
    """A view of a document for wrapping and cursor motion: as many characters, all of them visible."""

    def __init__(self, document: Document) -> None:
        self._newline = document._newline
        self._document = document

    @property
    def _lines(self) -> list[str]:  # type: ignore[override]
        shown: Any = _ShownLines(self._document._lines)
        return shown  # type: ignore[no-any-return]


class QuickWrapped(WrappedDocument):
    """The stock wrapped document with a height that does not cost a walk over all lines per row drawn."""

    @property
    def height(self) -> int:
        return len(self._offset_to_line_info)
