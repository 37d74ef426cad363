"""How texts are compared when searching: one definition for the index, the excerpts and the search without FTS5.

``fold`` drops case, width and accents and keeps every character's place. Scripts that write no blanks (Japanese,
Chinese, Korean, Thai and their neighbours) are indexed character by character, and a word in them is a phrase of
characters. So any part of such a text is found, one character being enough; a trigram table would need three
characters and more than twice the space.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

# Longer texts are searchable in their first part: a fold must not hold the interpreter for long.
TEXT_LIMIT = 400_000
_PIECE = 10_000
SNIPPET_BEFORE, SNIPPET_LENGTH = 40, 160

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_UNSPACED_CHAR = re.compile(rf"(?![\W_])[{_UNSPACED}]")
# Letters and numbers.
_TOKEN_CHAR = r"[^\W_]"
_TOKEN = re.compile(rf"(?![\W_])[{_UNSPACED}]|(?:(?![{_UNSPACED}]){_TOKEN_CHAR})+")
_NO_WORD_BEFORE = f"(?<!(?![{_UNSPACED}]){_TOKEN_CHAR})"
_NO_WORD_AFTER = f"(?!(?![{_UNSPACED}]){_TOKEN_CHAR})"


class _Folding(dict[int, int]):
    """Grows with the characters it meets; bounded by Unicode."""

    def __missing__(self, code: int) -> int:
        self[code] = folded = _fold_char(code)
        return folded


def _fold_char(code: int) -> int:
    if code == 0 or 0xD800 <= code < 0xE000:
        # SQLite takes neither.
        return 0xFFFD
    char = chr(code)
    plain = unicodedata.normalize("NFKC", char)
    if len(plain) != 1:
        return code
    if not _UNSPACED_CHAR.match(plain):
        parts = unicodedata.normalize("NFKD", plain)
        if all(unicodedata.combining(mark) for mark in parts[1:]):
            plain = parts[0]
    lower = plain.lower()
    return ord(lower if len(lower) == 1 else plain)


@cache
def _folding() -> _Folding:
    return _Folding()


def fold(text: str) -> str:
    """Without case, width and accents; of the same length."""
    if text.isascii():
        return text.lower().replace("\0", "\ufffd")
    return text.translate(_folding())


def storable(text: str, limit: int = TEXT_LIMIT) -> str:
    """What SQLite takes, ``limit`` characters at most: no NUL, no lone surrogates, accents within their letters."""
    text = text[:limit].replace("\0", "\ufffd")
    return text if text.isascii() else unicodedata.normalize("NFC", re.sub("[\ud800-\udfff]", "\ufffd", text))


def spaced(text: str) -> str:
    """What FTS5's ``ascii`` tokenizer is given: it ends tokens at ASCII signs only, so that all else is decided here.

    Folded, other signs made blanks, and blanks put round each character of a script that writes none.
    """
    if text.isascii():
        return fold(text)
    # In pieces, so that other threads get their turn between them; each character stands for itself.
    return "".join(text[start : start + _PIECE].translate(_spacing()) for start in range(0, len(text), _PIECE))


class _Spacing(dict[int, str]):
    """What stands in the index for a character."""

    def __missing__(self, code: int) -> str:
        char = chr(_folding()[code])
        plain = " " if re.match(r"[\W_]", char) else char
        self[code] = plain = f" {plain} " if _UNSPACED_CHAR.match(plain) else plain
        return plain


@cache
def _spacing() -> _Spacing:
    return _Spacing()


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase to look for, in its ``storable`` form. ``prefix``: its last token may go on. ``column`` is the
    one text it must stand in, empty for any.
    """

    text: str
    prefix: bool = False
    negated: bool = False
    column: str = ""

    @property
    def tokens(self) -> list[str]:
        return _TOKEN.findall(fold(self.text))

    @property
    def match(self) -> str:
        """As an FTS5 phrase, in which every character is text."""
        text = spaced(self.text).replace('"', '""')
        place = f"{self.column} : " if self.column else ""
        return f'{place}"{text}"' + ("*" if self.prefix and not self._ends_unspaced else "")

    @property
    def _ends_unspaced(self) -> bool:
        tokens = self.tokens
        return bool(tokens) and _UNSPACED_CHAR.match(tokens[-1]) is not None

    @property
    def pattern(self) -> re.Pattern[str]:
        """Finds it in a folded text, and ignoring case in most others; without any token, character by character."""
        tokens = self.tokens
        if not tokens:
            return re.compile(re.escape(fold(self.text)))
        body = r"[\W_]*".join(
            re.escape(token)
            if position == 0 or _UNSPACED_CHAR.match(token) or _UNSPACED_CHAR.match(tokens[position - 1])
            else rf"(?<=[\W_]){re.escape(token)}"
            for position, token in enumerate(tokens)
        )
        head = "" if _UNSPACED_CHAR.match(tokens[0]) else _NO_WORD_BEFORE
        tail = "" if self.prefix or self._ends_unspaced else _NO_WORD_AFTER
        return re.compile(f"{head}{body}{tail}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of a text on one line; ``spans`` are the matches in ``text``, as start and end."""

    text: str = ""
    spans: tuple[tuple[int, int], ...] = ()
    column: str = ""


class Finder:
    """Finds a term in texts that are not folded yet."""

    def __init__(self, term: Term) -> None:
        self.pattern = term.pattern
        self._column = term.column
        self._first = term.tokens[0] if term.tokens else fold(term.text)

    def search_in(self, column: str, text: str) -> int:
        """As ``search``, but -1 in a text that the term does not ask for."""
        return self.search(text) if self._column in ("", column) else -1

    def search(self, text: str) -> int:
        """Where the first match begins; -1 without one. A fold of the whole text is the last resort, for it is slow."""
        low = text.lower()
        if len(low) == len(text):
            found = self._from(low, low.find(self._first))
            if found >= 0 or text.isascii():
                return found
        folded = fold(text)
        return self._from(folded, folded.find(self._first))

    def _from(self, text: str, start: int) -> int:
        found = self.pattern.search(text, start) if start >= 0 else None
        return found.start() if found else -1


def snippet(texts: Mapping[str, str], finders: Sequence[Finder]) -> Snippet:
    """The surroundings of the first match, in the first of the texts (by name) that has one."""
    for column, text in texts.items():
        places = [place for finder in finders if (place := finder.search_in(column, text)) >= 0]
        if places:
            return _cut(column, text, min(places), [finder.pattern for finder in finders])
    return Snippet()


def _cut(column: str, text: str, at: int, patterns: list[re.Pattern[str]]) -> Snippet:
    start = max(0, at - SNIPPET_BEFORE)
    if start:
        blank = re.search(r"\s", text[start:at])
        start += blank.end() if blank else 0
    # One blank for each, so that the spans stay true.
    piece = re.sub(r"\s", " ", text[start : start + SNIPPET_LENGTH])
    folded = fold(piece)
    spans = sorted({found.span() for pattern in patterns for found in pattern.finditer(folded)})
    merged: list[tuple[int, int]] = []
    for low, high in spans:
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return Snippet(piece, tuple(merged), column)
