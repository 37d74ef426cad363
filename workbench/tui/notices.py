"""What was told in small boxes. They cover text, so the next key takes away the ones that were there to be read; all
of them can be read again in a list.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from time import monotonic

KEPT = 200
# Time to read a notice, in seconds; an error is longer, and asks for more.
READ_SECONDS, ERROR_SECONDS = 1.5, 4.0
EMPTY = "Nothing was told yet. What is told in a small box for some seconds is kept here."


class Notices:
    """The last ones, the newest last."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._until = 0.0
        self._shown = False

    def add(self, text: str, severity: str) -> None:
        """One is shown now."""
        marked = text if severity == "information" else f"{severity}: {text}"
        self._lines.append(f"{datetime.now():%H:%M:%S} {marked}")
        seconds = ERROR_SECONDS if severity == "error" else READ_SECONDS
        self._until = max(self._until, monotonic() + seconds)
        self._shown = True

    def done(self) -> bool:
        """Whether what is shown was there long enough and a key may take it away; it is asked at each key."""
        if not self._shown or monotonic() < self._until:
            return False
        self._shown = False
        return True

    @property
    def text(self) -> str:
        """All that was told, for a page."""
        return "\n".join(self._lines) or EMPTY
