"""Motions of the vim preset: plain functions from a text and a place in it, in characters from 0, to another place."""

from __future__ import annotations

PAIRS = {"(": ")", "[": "]", "{": "}"}


def kind_of(character: str, *, big: bool) -> int:
    """0 for space, 1 for a part of a word, 2 for a sign; with ``big`` all that is no space is one word."""
    if character.isspace():
        return 0
    return 1 if big or character.isalnum() or character == "_" else 2


def word_forward(text: str, at: int, *, big: bool = False) -> int:
    """The start of the next word; an empty line counts as one."""
    end = len(text)
    if at >= end:
        return end
    kind = kind_of(text[at], big=big)
    while kind and at < end and kind_of(text[at], big=big) == kind:
        at += 1
    while at < end and text[at].isspace():
        at += 1
        if text[at - 1 : at + 1] == "\n\n":
            break
    return at


def word_back(text: str, at: int, *, big: bool = False) -> int:
    """The start of this word, or of the one before."""
    at = min(at, len(text))
    while at > 0 and text[at - 1].isspace():
        at -= 1
    kind = kind_of(text[at - 1], big=big) if at > 0 else 0
    while at > 0 and kind_of(text[at - 1], big=big) == kind:
        at -= 1
    return at


def word_end(text: str, at: int, *, big: bool = False) -> int:
    """The last character of this word, or of the next when there already."""
    end = len(text)
    at += 1
    while at < end and text[at].isspace():
        at += 1
    if at >= end:
        return max(0, end - 1)
    kind = kind_of(text[at], big=big)
    while at + 1 < end and kind_of(text[at + 1], big=big) == kind:
        at += 1
    return at


def line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def line_end(text: str, at: int) -> int:
    """Behind the line's last character."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def first_filled(text: str, at: int) -> int:
    """The line's first character that is no space, or its end."""
    start, end = line_start(text, at), line_end(text, at)
    return start + len(text[start:end]) - len(text[start:end].lstrip())


def on_line(text: str, at: int, character: str, count: int, *, back: bool, short: bool) -> int | None:
    """The ``count``-th ``character`` on the line, or the place before it when ``short``; None when it is not there."""
    low, high, place = line_start(text, at), line_end(text, at), at
    for _ in range(count):
        place = text.rfind(character, low, place) if back else text.find(character, place + 1, high)
        if place < 0:
            return None
    return place + (1 if back else -1) * short


def paragraph(text: str, at: int, step: int) -> int:
    """The next empty line, or the end."""
    if step > 0:
        while at < len(text) and text[at] == "\n":
            at += 1
        found = text.find("\n\n", at)
        return len(text) if found < 0 else found + 1
    while at > 0 and text[at - 1] == "\n":
        at -= 1
    found = text.rfind("\n\n", 0, at)
    return 0 if found < 0 else found + 1


def partner(text: str, at: int) -> int | None:
    """The bracket that belongs to the first one from here on in the line."""
    back = {close: open_ for open_, close in PAIRS.items()}
    end = line_end(text, at)
    while at < end and text[at] not in PAIRS and text[at] not in back:
        at += 1
    if at >= end:
        return None
    sign = text[at]
    other, step = (PAIRS[sign], 1) if sign in PAIRS else (back[sign], -1)
    depth, place = 0, at
    while 0 <= place < len(text):
        depth += (text[place] == sign) - (text[place] == other)
        if depth == 0:
            return place
        place += step
    return None


def word_object(text: str, at: int, *, around: bool, big: bool = False) -> tuple[int, int]:
    """``iw`` and ``aw``: start and end of the word here."""
    low, high = line_start(text, at), line_end(text, at)
    if at >= high:
        return at, at
    kind = kind_of(text[at], big=big)
    start = end = at
    while start > low and kind_of(text[start - 1], big=big) == kind:
        start -= 1
    while end < high and kind_of(text[end], big=big) == kind:
        end += 1
    if around:
        wider = end
        while wider < high and text[wider].isspace():
            wider += 1
        if wider == end:
            while start > low and text[start - 1].isspace():
                start -= 1
        end = wider
    return start, end


def quoted_object(text: str, at: int, quote: str, *, around: bool) -> tuple[int, int] | None:
    """``i"`` and ``a"`` on this line."""
    low, high = line_start(text, at), line_end(text, at)
    places = [place for place in range(low, high) if text[place] == quote and text[place - 1 : place] != "\\"]
    for start, end in zip(places[::2], places[1::2], strict=False):
        if at <= end:
            return (start, end + 1) if around else (start + 1, end)
    return None


def bracket_object(text: str, at: int, open_: str, *, around: bool) -> tuple[int, int] | None:
    """``i(`` and ``a(`` and the like, over lines."""
    depth, start, close = 0, at, PAIRS[open_]
    while start >= 0:
        sign = text[start : start + 1]
        depth += (sign == open_) - (sign == close and start != at)
        if depth > 0:
            break
        start -= 1
    if start < 0:
        return None
    end = partner(text, start)
    if end is None:
        return None
    return (start, end + 1) if around else (start + 1, end)
