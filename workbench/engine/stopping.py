"""Stop strings for engines that have none of their own, or do not tell which of their reasons ended the
answer.

Text is held back only as long as it may still become a stop string; the string itself is never part of the
answer.
"""

from __future__ import annotations

from collections.abc import Sequence


class StopWatcher:
    """Fed with text, gives out what is certainly part of the answer."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.hit = ""

    def feed(self, text: str) -> str:
        """The text that is safe to show. After a hit (``self.hit`` names it) everything is dropped."""
        if self.hit or not self._stops:
            return "" if self.hit else text
        text = self._held + text
        found = [(text.index(stop), -len(stop), stop) for stop in self._stops if stop in text]
        if found:
            position, _, self.hit = min(found)
            self._held = ""
            return text[:position]
        keep = self._possible_start(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """What was held back, once the answer has ended without a hit."""
        held, self._held = self._held, ""
        return held

    def _possible_start(self, text: str) -> int:
        """Length of the longest end of ``text`` with which a stop string begins."""
        longest = max(len(stop) for stop in self._stops) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[len(text) - length :]) for stop in self._stops):
                return length
        return 0
