"""Reads a recording, whatever became of it.

Never raises on content. Lines that cannot be read are counted and passed over; of lines that were glued
together every complete record counts; a line that is there twice (a git merge) counts once; what is missing
is known by the piece numbers, of which a single wrong one is not believed. Nothing is repaired, nothing
invented.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

from workbench.event import Piece
from workbench.session.line import VERSION
from workbench.session.owner import Owner
from workbench.textio import open_regular

FILE_LIMIT = 256 << 20
LINE_LIMIT = 1 << 20
FIRST_LINE_LIMIT = 16 << 20
_TIME_LIMIT = 10**12


@dataclass(frozen=True, slots=True)
class Gap:
    """``missing`` pieces are lost before the piece at ``place`` in ``RecordingView.pieces``."""

    place: int
    missing: int


@dataclass
class RecordingView:
    """What a recording says. ``head`` and ``end`` are None when their lines are lost or not written yet."""

    head: Mapping[str, Any] | None = None
    started: Mapping[str, Any] | None = None
    end: Mapping[str, Any] | None = None
    pieces: list[Piece] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    chatter: list[tuple[int, str]] = field(default_factory=list)
    thoughts: list[tuple[int, str]] = field(default_factory=list)
    marks: list[tuple[int, str]] = field(default_factory=list)
    bad_lines: int = 0
    duplicates: int = 0
    truncated: bool = False
    newer: bool = False

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def reasoning(self) -> str:
        return "".join(text for _, text in self.thoughts)

    @property
    def missing(self) -> int:
        """Pieces known to be lost."""
        return sum(gap.missing for gap in self.gaps)

    @property
    def damage(self) -> str:
        """One sentence; empty when nothing is wrong."""
        words = []
        if self.head is None:
            words.append("the request is lost")
        if self.missing:
            words.append(f"~{self.missing} tokens missing")
        if self.bad_lines:
            words.append(f"{self.bad_lines} unreadable line{'s' if self.bad_lines > 1 else ''}")
        if self.truncated:
            words.append("too long, only the beginning was read")
        return ", ".join(words)

    @property
    def owner(self) -> Owner | None:
        """Who wrote it, as far as its first line tells."""
        head = self.head or {}
        host, boot, pid, start = (head.get(name) for name in ("host", "boot", "pid", "start"))
        if isinstance(host, str) and isinstance(boot, str) and isinstance(pid, int) and 0 < pid < 1 << 31:
            return Owner(host, boot, pid, start if isinstance(start, int) else 0)
        return None


def read_recording(path: Path) -> RecordingView:
    """Raises OSError when the file cannot be read at all; its content raises nothing."""
    with open_regular(path) as file:
        return _Reader().read(file)


class _Reader:
    def __init__(self) -> None:
        self.view = RecordingView()
        self._seen: set[bytes] = set()
        # First piece number, number of pieces begun, place in the list: of each output line, to find the
        # gaps.
        self._runs: list[tuple[int, int, int]] = []
        self._time = 0

    def read(self, file: BinaryIO) -> RecordingView:
        left, limit = FILE_LIMIT, FIRST_LINE_LIMIT
        while left > 0:
            line = file.readline(min(limit, left))
            if not line:
                break
            left -= len(line)
            if not line.endswith(b"\n") and len(line) >= limit:
                # Far longer than we write them: pass over the whole line.
                self.view.bad_lines += 1
                left -= _skip_line(file, left)
            else:
                self.line(line)
            limit = LINE_LIMIT
        self.view.truncated = left <= 0
        self._find_gaps()
        return self.view

    def line(self, line: bytes) -> None:
        data = line.removeprefix(b"\xef\xbb\xbf").strip()
        if not data:
            return
        records, clean = _records(data)
        taken = [self._record(record) for record in records]
        if not clean or not all(taken):
            self.view.bad_lines += 1

    def _record(self, record: dict[str, Any]) -> bool:
        """Whether the record made sense."""
        match record.get("k"):
            case "run":
                return self._head(record)
            case "o":
                return self._output(record)
            case "e":
                return self._texts(record, self.view.chatter)
            case "r":
                return self._texts(record, self.view.thoughts)
            case "x":
                return self._texts(record, self.view.marks)
            case "s":
                self.view.started = self.view.started or record
            case "end":
                self.view.end = self.view.end or record
            case "p":
                self._times(record, len(_list(record.get("s"))))
            case kind:
                # A kind that a newer version added is no damage.
                return isinstance(kind, str)
        return True

    def _head(self, record: dict[str, Any]) -> bool:
        if self.view.head is not None or not isinstance(record.get("req"), dict):
            return self.view.head == record
        self.view.head = record
        version = record.get("v")
        self.view.newer = isinstance(version, int) and version > VERSION
        return True

    def _texts(self, record: dict[str, Any], into: list[tuple[int, str]]) -> bool:
        texts = _list(record.get("s"))
        if not all(isinstance(text, str) for text in texts):
            return False
        if self._again(record):
            return True
        into.extend(zip(self._times(record, len(texts)), cast(list[str], texts), strict=True))
        return True

    def _output(self, record: dict[str, Any]) -> bool:
        texts = record.get("s")
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            return False
        if self._again(record):
            return True
        times, tokens = self._times(record, len(texts)), _list(record.get("w"))
        n, part = record.get("n"), record.get("part")
        expected = self._runs[-1][0] + self._runs[-1][1] if self._runs else 0
        first = n if isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 1 << 40 else expected
        continued = isinstance(part, int) and part > 0
        if not continued:
            self._runs.append((first, len(texts), len(self.view.pieces)))
        elif first == expected:
            # The beginning of this long piece is lost.
            self._runs.append((first, 1, len(self.view.pieces)))
        for place, text in enumerate(texts):
            count = tokens[place] if place < len(tokens) and isinstance(tokens[place], int) else 1
            self.view.pieces.append(Piece(times[place], first + place, text, count if 0 <= count < 1 << 40 else 1))
        return first == n

    def _again(self, record: dict[str, Any]) -> bool:
        """Whether this very record was seen; then it is counted and dropped."""
        key = hashlib.blake2b(json.dumps(record, sort_keys=True).encode(), digest_size=12).digest()
        if key in self._seen:
            self.view.duplicates += 1
            return True
        self._seen.add(key)
        return False

    def _times(self, record: dict[str, Any], count: int) -> list[int]:
        """The time of each entry in ms since the start, never going back."""
        steps = [_milliseconds(step) for step in _list(record.get("t"))[:count]]
        steps += [0] * (count - len(steps))
        times: list[int] = []
        now = self._time
        for place, step in enumerate(steps):
            now += step
            if place == 0 and (at := _milliseconds(record.get("at"))) >= self._time:
                now = at
            times.append(now)
        self._time = now
        return times

    def _find_gaps(self) -> None:
        runs = list(self._runs)
        end = self.view.end.get("n") if self.view.end else None
        if isinstance(end, int) and not isinstance(end, bool) and 0 <= end < 1 << 40:
            runs.append((end, 0, len(self.view.pieces)))
        expected = 0
        for index, (first, count, place) in enumerate(runs):
            after = runs[index + 1][0] if index + 1 < len(runs) else None
            if first != expected and after == expected + count:
                # The line after it goes on as if this number were right: one bad field is not believed.
                first = expected
            if first > expected:
                self.view.gaps.append(Gap(place, first - expected))
            expected = max(expected, first + count)


def _records(data: bytes) -> tuple[list[dict[str, Any]], bool]:
    """The complete records of a line, and whether there was nothing else."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        pass
    else:
        return ([record], True) if isinstance(record, dict) else ([], False)
    text = data.decode("ascii", "replace")
    found: list[dict[str, Any]] = []
    end = 0
    # Tables within a record never begin like this (``line.py``). The limit keeps hostile lines cheap.
    for start in islice(_START.finditer(text), 1000):
        if start.start() < end:
            continue
        try:
            record, end = _DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        found.append(record)
    return found, False


_DECODER = json.JSONDecoder()
_START = re.compile(r'\{"k":|\{"v":\d+,"k":')


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _milliseconds(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0
    return int(min(max(value, 0), _TIME_LIMIT))


def _skip_line(file: BinaryIO, left: int) -> int:
    """Read to the end of the line; the bytes it took, ``left`` at most."""
    taken = 0
    while taken < left:
        part = file.readline(min(LINE_LIMIT, left - taken))
        taken += len(part)
        if not part or part.endswith(b"\n"):
            break
    return taken
