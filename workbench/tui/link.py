"""The fence: how much may be under way to the terminal, learned from how soon the terminal answers.

Now and then an output ends with a question that every terminal answers at once (DSR 5). What was sent before it has
been shown when the answer comes. Answers that take longer than they need tell that something queues up on the way;
then less is sent at a time, so that a key's echo waits for little. A terminal that does not answer is not waited for.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

QUESTION = "\x1b[5n"
# Bytes that may be unconfirmed: at first, at least, at most.
WINDOW, NARROWEST, WIDEST = 8192, 512, 1 << 18
# Seconds of queueing that are too many, and few enough to send more.
LATE, EARLY = 0.06, 0.02
# Seconds after which an answer counts as missed, and how many missed ones end the asking.
PATIENCE, MISSES = 3.0, 2
# Seconds in which an answer is still taken for that of a question given up.
LATEST = 10.0
# The least round trip is taken from so many seconds, so that a changed link is noticed.
MEMORY = 20.0


class _Asked(NamedTuple):
    when: float
    sent: int
    underway: int


class Fence:
    """Counts bytes sent and confirmed. Not safe for threads: its owner holds a lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: deque[_Asked] = deque()
        self._given_up: deque[float] = deque()
        self._sent = self._confirmed = self._last_asked = 0
        self._window = float(WINDOW)
        self._proven = False
        self._missed = 0
        self._quickest: tuple[float, float] | None = None
        self._quickest_before: float | None = None
        self.round_trip: float | None = None
        """Seconds that the last answer took."""

    @property
    def proven(self) -> bool:
        """Has the terminal ever answered?"""
        return self._proven

    @property
    def asking(self) -> bool:
        """Are questions put at all?"""
        return self._missed < MISSES

    @property
    def underway(self) -> int:
        """Bytes that are not known to have arrived."""
        return self._sent - self._confirmed

    @property
    def open(self) -> bool:
        """May a frame be sent now?"""
        self._expire()
        return not (self._proven and self.asking and self._asked and self.underway >= self._window)

    @property
    def limit(self) -> int | None:
        """About how many bytes to send at a time, None for any number: on a link that was never behind."""
        if not self._proven or not self.asking or self._window >= WINDOW:
            return None
        return max(NARROWEST // 2, int(self._window) - self.underway)

    @property
    def waiting(self) -> bool:
        """Is an answer to come?"""
        return bool(self._asked)

    def patience(self) -> float:
        """Seconds until an answer counts as missed."""
        return max(0.0, self._asked[0].when + PATIENCE - self._clock()) if self._asked else PATIENCE

    def sent(self, size: int, *, ask: bool = True) -> bool:
        """Tell that ``size`` bytes go out; true when a question shall follow them, if one may."""
        self._sent += size
        if not ask or not self.asking:
            return False
        if self._asked and (not self._proven or self._sent - self._last_asked < self._window / 4):
            return False
        self._sent += len(QUESTION)
        self._last_asked = self._sent
        self._asked.append(_Asked(self._clock(), self._sent, self.underway))
        return True

    def answered(self) -> None:
        """The terminal has shown everything up to its oldest question."""
        now = self._clock()
        while self._given_up and now - self._given_up[0] > LATEST:
            self._given_up.popleft()
        if self._given_up or not self._asked:
            # It belongs to a question that was given up: it tells nothing but that the terminal answers.
            self._missed = 0
            if self._given_up:
                self._given_up.popleft()
            return
        asked = self._asked.popleft()
        self._proven, self._missed = True, 0
        self._confirmed = max(self._confirmed, asked.sent)
        took = self.round_trip = now - asked.when
        late = took - self._least(took, now)
        if late > LATE:
            # So many bytes took so long: let no more be under way than arrive within a round trip and a little.
            carried = asked.underway / took * (took - late + EARLY)
            self._window = max(NARROWEST, min(self._window * 0.9, carried))
        elif late < EARLY and asked.underway > self._window / 2:
            self._window = min(WIDEST, self._window * 1.0625 + 64)

    def _least(self, took: float, now: float) -> float:
        """The quickest answer of late."""
        if self._quickest is None or now - self._quickest[1] > MEMORY:
            self._quickest_before = self._quickest[0] if self._quickest else None
            self._quickest = (took, now)
        elif took < self._quickest[0]:
            self._quickest = (took, self._quickest[1])
        least = self._quickest[0]
        return least if self._quickest_before is None else min(least, self._quickest_before)

    def _expire(self) -> None:
        while self._asked and self._clock() - self._asked[0].when > PATIENCE:
            asked = self._asked.popleft()
            self._confirmed = max(self._confirmed, asked.sent)
            self._missed += 1
            self._given_up.append(self._clock())
