"""Where Markdown code stands in a text: fenced blocks and inline code (guard G8).

A fence that is never closed runs to the end. Inline code ends at an equal run of backticks within its paragraph.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

_FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})([^\n]*)$", re.M)
_TICKS = re.compile(r"`+")
_BLANK_LINE = re.compile(r"\n[ \t]*\r?\n")


def code_intervals(source: str) -> list[tuple[int, int]]:
    """Offsets of code, in order, not overlapping."""
    if "`" not in source and "~~~" not in source:
        return []
    found: list[tuple[int, int]] = []
    position = 0
    open_at, open_run = -1, ""
    for line in _FENCE.finditer(source):
        run, rest = line.group(1), line.group(2)
        if open_at < 0:
            if run[0] == "`" and "`" in rest:
                continue
            found.extend(_inline(source, position, line.start()))
            open_at, open_run = line.start(), run
        elif run[0] == open_run[0] and len(run) >= len(open_run) and not rest.strip():
            found.append((open_at, line.end()))
            open_at, position = -1, line.end()
    if open_at >= 0:
        found.append((open_at, len(source)))
    else:
        found.extend(_inline(source, position, len(source)))
    return found


def _inline(source: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        blank = _BLANK_LINE.search(source, start, end)
        stop = blank.end() if blank else end
        yield from _paragraph(source, start, stop)
        start = stop


def _paragraph(source: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    runs = [(match.start(), match.end()) for match in _TICKS.finditer(source, start, end)]
    by_length: dict[int, list[int]] = {}
    for number, (left, right) in enumerate(runs):
        by_length.setdefault(right - left, []).append(number)
    number = 0
    while number < len(runs):
        left, right = runs[number]
        same = by_length[right - left]
        following = bisect_right(same, number)
        if following < len(same):
            yield left, runs[same[following]][1]
            number = same[following]
        number += 1
