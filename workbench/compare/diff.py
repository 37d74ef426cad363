"""What differs between two texts, by words or by lines, exactly: the parts give both texts back.

The time is bounded whatever the texts are. A word is never cut, a character with its marks neither; scripts without
blanks between words are compared character by character. Texts too long for words are first compared by lines, and by
words only within the lines that differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.compare.align import Block, Budget, matching

Kind = Literal["same", "left", "right"]
Unit = Literal["word", "line"]
# Blanks, and the word after them; the last one of a text has no word.
Token = tuple[str, str]
# Characters of both texts together: beyond the first number lines are compared first, beyond the second only lines.
LINES_FIRST = 200_000
WORD_CHARS = 2_500_000
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_CODE_LINE = re.compile(
    r"\s{2,}\S|\t\S|.*[{};:,(\[]\s*\Z|\s*[\])}]+[;,]?\s*\Z"
    r"|\s*(#|//|import |from |def |class |return |let |const |var |if |for )"
)
_FENCE = re.compile(r"^(```|~~~).*?(?:^\1|\Z)", re.MULTILINE | re.DOTALL)
_ASCII = re.compile(r"(\s*)(\w+|[^\w\s]|\Z)")
_CJK = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_PIECES = rf"[{_CJK}]\p{{M}}*|(?:(?![{_CJK}])[\w\p{{M}}])+|\r\n|[ \t]+|\X"


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text: in both, only in the left one, or only in the right one."""

    kind: Kind
    text: str


def tokens(text: str) -> list[Token]:
    """Words, characters of CJK and the like, other clusters, each with the blanks before it."""
    if text.isascii():
        found: list[Token] = _ASCII.findall(text)
        # Blanks at the end are followed by one more, empty, match.
        return found[:-1] if len(found) > 1 and not found[-2][1] else found
    import regex

    out: list[Token] = []
    blank = ""
    for piece in _whole(regex.findall(_PIECES, text), {match.end() for match in regex.finditer(r"\X", text)}):
        if piece.isspace():
            blank += piece
        else:
            out.append((blank, piece))
            blank = ""
    return [*out, (blank, "")]


def _whole(pieces: Sequence[str], ends: set[int]) -> list[str]:
    """Pieces joined so that each ends where a grapheme cluster does."""
    out: list[str] = []
    held, at = "", 0
    for piece in pieces:
        held, at = held + piece, at + len(piece)
        if at in ends:
            out.append(held)
            held = ""
    return [*out, held] if held else out


def lines(text: str) -> list[str]:
    """Lines with their line feeds."""
    return _LINES.findall(text)


def word_diff(a: str, b: str) -> list[Part]:
    """Parts in order, a left one before its right one: same + left is ``a``, same + right is ``b``."""
    return _merged(_word_parts(a, b, Budget()))


def _word_parts(a: str, b: str, budget: Budget) -> Iterator[Part]:
    if a == b:
        yield Part("same", a)
    elif len(a) + len(b) <= LINES_FIRST:
        yield from _token_parts(tokens(a), tokens(b), budget)
    else:
        left, right = lines(a), lines(b)
        for a_gap, b_gap, same in _gaps(left, right, matching(left, right, budget)):
            one, other = "".join(left[a_gap]), "".join(right[b_gap])
            if one and other and len(one) + len(other) <= WORD_CHARS:
                yield from _token_parts(tokens(one), tokens(other), budget)
            else:
                yield from _changed(one, other)
            yield Part("same", "".join(left[same]))


def _token_parts(a: Sequence[Token], b: Sequence[Token], budget: Budget) -> Iterator[Part]:
    """Words are matched whatever blanks stand before them; the blanks are then compared by themselves."""
    blocks = matching([word for _, word in a], [word for _, word in b], budget)
    for a_gap, b_gap, same in _gaps(a, b, blocks):
        left, right = a[a_gap], b[b_gap]
        if left and right and left[0][0] == right[0][0]:
            yield Part("same", left[0][0])
            left, right = [("", left[0][1]), *left[1:]], [("", right[0][1]), *right[1:]]
        yield from _changed(_text(left), _text(right))
        for (a_blank, word), (b_blank, _) in zip(a[same], b[b_gap.stop :], strict=False):
            if a_blank == b_blank:
                yield Part("same", a_blank + word)
            else:
                yield from _changed(a_blank, b_blank)
                yield Part("same", word)


def _text(found: Sequence[Token]) -> str:
    return "".join(blank + word for blank, word in found)


def line_diff(a: str, b: str) -> list[Part]:
    """As ``word_diff``, but a line is the same as a whole or not at all."""
    left, right = lines(a), lines(b)
    parts: list[Part] = []
    for a_gap, b_gap, same in _gaps(left, right, matching(left, right)):
        parts += _changed("".join(left[a_gap]), "".join(right[b_gap]))
        parts.append(Part("same", "".join(left[same])))
    return _merged(parts)


def diff(a: str, b: str, unit: Unit | None = None) -> list[Part]:
    """By ``unit``; without one by lines for code, else by words."""
    return line_diff(a, b) if (unit or choose_unit(a, b)) == "line" else word_diff(a, b)


def choose_unit(a: str, b: str) -> Unit:
    """``line`` when both texts look like code: mostly fenced, or most lines indented or ended as code is."""
    return "line" if _is_code(a) and _is_code(b) else "word"


def _is_code(text: str) -> bool:
    sample = text[:20_000]
    fenced = sum(len(match[0]) for match in _FENCE.finditer(sample))
    if fenced * 2 > len(sample) > 0:
        return True
    full = [line for line in sample.split("\n") if line.strip()]
    return len(full) >= 3 and sum(bool(_CODE_LINE.match(line)) for line in full) * 3 >= len(full) * 2


def _gaps(a: Sequence[object], b: Sequence[object], blocks: Iterable[Block]) -> Iterator[tuple[slice, slice, slice]]:
    """What differs, in ``a`` and in ``b``, and what follows that is the same, in ``a``."""
    a_at = b_at = 0
    for x, y, size in [*blocks, (len(a), len(b), 0)]:
        yield slice(a_at, x), slice(b_at, y), slice(x, x + size)
        a_at, b_at = x + size, y + size


def _changed(left: str, right: str) -> tuple[Part, Part]:
    return Part("left", left), Part("right", right)


def _merged(parts: Iterable[Part]) -> list[Part]:
    """Between two same parts one left and one right part, in this order; empty ones are left out."""
    out: list[Part] = []
    held: dict[Kind, list[str]] = {"same": [], "left": [], "right": []}

    def flush(*kinds: Kind) -> None:
        for kind in kinds:
            if held[kind]:
                out.append(Part(kind, "".join(held[kind])))
                held[kind].clear()

    for part in parts:
        if not part.text:
            continue
        flush(*(("left", "right") if part.kind == "same" else ("same",)))
        held[part.kind].append(part.text)
    flush("same", "left", "right")
    return out
