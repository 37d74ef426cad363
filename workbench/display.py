"""The one door for foreign text on its way to a screen: nothing that passes can steer a terminal or hide.

Model output, templates, file names, model metadata and error texts may hold escape sequences, bidirectional
overrides, invisible characters or half surrogates. ``display`` turns each into something visible and inert;
letters, CJK, emoji, line feeds and tabs pass unchanged. It works code point by code point, so it matters
little how a stream was cut: the three things that look at a neighbour (CR before LF, halves of a surrogate
pair, long runs of combining marks) are carried over cuts by ``DisplayStream``. Data on disk and on the way to
a model stays exact.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

MARKS_KEPT = 8
_REPLACEMENT = "�"

# Everything a terminal may obey, reorder or not show at all: C0 but TAB and LF, DEL, C1, soft hyphen,
# bidirectional controls, zero width characters but the joiner that emoji need, fillers, line separators,
# tags, and surrogates.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufdd0-\ufdef\ufff0-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)
# Variation selectors: one chooses a form of its character, more of them only hide a message.
_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_SELECTED = re.compile(f"([{_SELECTORS}])[{_SELECTORS}]+")
_LEADING_SELECTORS = re.compile(f"[{_SELECTORS}]+")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_BEYOND_LATIN = re.compile("[^\x00-\u02ff]")
# The planes in which combining marks live; each code point in them is looked up once, when first needed.
_MARK_BLOCKS = (
    (0x300, 0x1E00),
    (0x200D, 0x200E),
    (0x20D0, 0x2100),
    (0x2CEF, 0x3100),
    (0xA66F, 0xAC00),
    (0xFB1E, 0xFB1F),
    (0xFE00, 0xFE30),
)
_MARK_BLOCKS_BEYOND = (
    (0x10000, 0x12000),
    (0x16A00, 0x17000),
    (0x1BC00, 0x1BD00),
    (0x1CF00, 0x1EA00),
    (0xE0100, 0xE01F0),
)


@lru_cache(maxsize=2048)
def _visible(character: str) -> str:
    """What stands in for one unsafe character."""
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if 0xD800 <= code <= 0xDFFF:
        return _REPLACEMENT
    return f"<U+{code:04X}>"


def _join_pair(match: re.Match[str]) -> str:
    pair = match.group()
    return chr(0x10000 + ((ord(pair[0]) - 0xD800) << 10) + (ord(pair[1]) - 0xDC00))


def _is_mark(code: int) -> bool:
    return code == 0x200D or unicodedata.category(chr(code)) in ("Mn", "Me")


@cache
def _mark_class() -> str:
    """A regular expression class of all combining marks and the joiner."""
    return f"[{_mark_ranges(_MARK_BLOCKS)}{_mark_ranges(_MARK_BLOCKS_BEYOND)}]"


@cache
def _mark_ranges(blocks: tuple[tuple[int, int], ...]) -> str:
    parts: list[str] = []
    for first, end in blocks:
        start = -1
        for code in range(first, end + 1):
            inside = code < end and _is_mark(code)
            if inside and start < 0:
                start = code
            elif not inside and start >= 0:
                parts.append(f"{chr(start)}-{chr(code - 1)}")
                start = -1
    return "".join(parts)


@cache
def _long_marks() -> re.Pattern[str]:
    mark = _mark_class()
    return re.compile(f"({mark}{{{MARKS_KEPT}}}){mark}+")


@cache
def _perhaps_long_marks() -> re.Pattern[str]:
    """Finds whatever ``_long_marks`` may match in, ten times as fast.

    The many small ranges beyond the basic plane are tried one by one for every character; here they are a few large
    ones. A class comes first, not a repetition: the engine passes over all other characters in one quick loop.
    """
    beyond = "".join(f"{chr(first)}-{chr(end - 1)}" for first, end in _MARK_BLOCKS_BEYOND)
    some = f"[{_mark_ranges(_MARK_BLOCKS)}{beyond}]"
    return re.compile(f"{some}{some}{{{MARKS_KEPT},}}")


def _cap_marks(match: re.Match[str]) -> str:
    return _long_marks().sub(r"\1", match.group())


@cache
def _edge_marks() -> tuple[re.Pattern[str], re.Pattern[str]]:
    mark = _mark_class()
    return re.compile(f"{mark}*"), re.compile(f"{mark}+\\Z")


def display(text: str) -> str:
    """``text`` made inert: controls and invisible characters become visible, line feeds and tabs are kept.

    A CR before LF is dropped, any other shows as ``␍``. Of combining marks in a row at most ``MARKS_KEPT`` are kept, of
    variation selectors one. Halves of a surrogate pair are joined, lone ones become U+FFFD. Applying it twice changes
    nothing.
    """
    if _UNSAFE.search(text) is not None:
        text = _PAIR.sub(_join_pair, text.replace("\r\n", "\n"))
        text = _UNSAFE.sub(lambda match: _visible(match.group()), text)
    if _BEYOND_LATIN.search(text) is not None:
        text = _SELECTED.sub(r"\1", text)
        text = _perhaps_long_marks().sub(_cap_marks, text)
    return text


def inert_characters(text: str) -> str:
    """``text`` with one visible character for each that is not: for an editor, where columns must stay.

    Controls become control pictures; what has no picture becomes ``�``, which takes one cell.
    """
    if _UNSAFE.search(text) is None:
        return text
    return _UNSAFE.sub(_single, text)


def _single(match: re.Match[str]) -> str:
    shown = _visible(match.group())
    return shown if len(shown) == 1 else _REPLACEMENT


class DisplayStream:
    """``display`` for text in pieces: the pieces shown equal the whole shown, wherever it was cut.

    At most one code unit (a CR, or the first half of a pair) is held back until the next piece or ``end``.
    """

    def __init__(self) -> None:
        self._held = ""
        self._marks = 0
        self._selected = False

    def feed(self, piece: str) -> str:
        """What may be shown after ``piece`` came."""
        text = self._held + piece
        self._held = ""
        if text and (text[-1] == "\r" or "\ud800" <= text[-1] <= "\udbff"):
            self._held = text[-1]
            text = text[:-1]
        return self._capped(self._one_selector(display(text)))

    def end(self) -> str:
        """What was held back, when no more will come."""
        text, self._held = self._held, ""
        return self._capped(self._one_selector(display(text)))

    def _one_selector(self, shown: str) -> str:
        if self._selected and (found := _LEADING_SELECTORS.match(shown)):
            shown = shown[found.end() :]
        if shown:
            self._selected = _LEADING_SELECTORS.match(shown[-1]) is not None
        return shown

    def _capped(self, shown: str) -> str:
        if not shown:
            return shown
        leading = 0
        if shown[0] > "\u02ff" and (self._marks or len(shown) <= MARKS_KEPT):
            found = _edge_marks()[0].match(shown)
            leading = found.end() if found else 0
        if leading:
            keep = max(0, min(leading, MARKS_KEPT - self._marks))
            if leading == len(shown):
                self._marks += keep
                return shown[:keep]
            shown = shown[:keep] + shown[leading:]
        # What was shown has no longer run of marks.
        trailing = _edge_marks()[1].search(shown[-MARKS_KEPT:]) if shown[-1] > "\u02ff" else None
        self._marks = len(trailing.group()) if trailing else 0
        return shown


def display_line(text: str, limit: int = 0) -> str:
    """``text`` on one line: line feeds become ``⏎``, tabs a space; cut to ``limit`` cells with ``…``."""
    line = display(text).replace("\n", "⏎").replace("\t", " ")
    if limit <= 0 or cell_width(line) <= limit:
        return line
    kept = line[:limit]
    while kept and cell_width(kept) > limit - 1:
        kept = kept[:-1]
    return kept.rstrip("\u200d") + "…"


def counted(count: int, word: str) -> str:
    """``1 run``, ``2,000 runs``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def cell_width(text: str) -> int:
    """Terminal cells that ``text`` takes, as most terminals count them; controls take none.

    Wide and full-width characters take two cells, marks none, what follows a joiner none, and VS16 widens a
    narrow emoji. Tabs count as one cell: expand them first where a column matters.
    """
    if text.isascii() and text.isprintable():
        return len(text)
    total = 0
    previous = ""
    joined = False
    for character in text:
        if character == "\u200d":
            joined = True
            continue
        if joined:
            joined = False
            continue
        if character == "\ufe0f":
            total += _widens(previous)
            previous = ""
            continue
        width = _char_width(character)
        total += width
        if width:
            previous = character
    return total


def _widens(character: str) -> bool:
    if not character or _char_width(character) != 1:
        return False
    return character in "#*0123456789©®‼⁉™ℹ" or unicodedata.category(character) in ("So", "Sm")


@lru_cache(maxsize=4096)
def _char_width(character: str) -> int:
    if character == "\t":
        return 1
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cc", "Cs"):
        return 0
    code = ord(character)
    if category == "Cf":
        return 0
    if 0x1160 <= code <= 0x11FF or 0xD7B0 <= code <= 0xD7FB:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
