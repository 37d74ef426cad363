"""Names and times. A ULID sorts by the clock, and within one process strictly by the order of its making.

Format: https://github.com/ulid/spec, 48 bits of milliseconds and 80 random bits in Crockford's base 32.
"""

from __future__ import annotations

import re
import secrets
import threading
import time
import unicodedata
from datetime import UTC, datetime, timedelta

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")
_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z(?![0-9A-Za-z])")


class _Clock:
    """Makes ULIDs; the state is one number behind a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        with self._lock:
            fresh = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
            # Same millisecond, or a clock set back: go on from the last one.
            self._last = fresh if fresh >> 80 > self._last >> 80 else self._last + 1
            return self._last


_CLOCK = _Clock()


def new_ulid() -> str:
    """26 characters, greater than every one this process made before."""
    number = _CLOCK.next()
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def is_ulid(text: str) -> bool:
    return _ULID.match(text) is not None


def now_iso() -> str:
    """Now in UTC with milliseconds: ``2026-11-25T19:56:12.345Z``."""
    return iso(datetime.now(UTC))


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat("T", "milliseconds").replace("+00:00", "Z")


def stored_iso(moment: datetime) -> str:
    """``iso`` of a time that stands in a file, where it may be any; empty when UTC's calendar has no such day."""
    try:
        return iso(moment)
    except (OverflowError, ValueError):
        return ""


def folder_stamp(moment: datetime) -> str:
    """The head of a session folder's name: ``20261125T195612Z``."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def stamp_time(name: str) -> datetime | None:
    """The time in a folder's name; None when there is none, or it is impossible."""
    found = _STAMP.match(name)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def plausible(moment: datetime) -> bool:
    """False for a time before this tool existed, or more than an hour ahead: some clock was wrong."""
    return datetime(2024, 1, 1, tzinfo=UTC) <= moment <= datetime.now(UTC) + timedelta(hours=1)


def slug(title: str, *, limit: int = 32) -> str:
    """``title`` as a part of a file name that every file system, shell and archive takes."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    return "-".join(words)[:limit].strip("-") or "session"


def short_id() -> str:
    """Four characters that keep apart two sessions of the same second and title."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(4)).lower()
