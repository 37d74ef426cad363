"""A screen that is left once: a second key of a fast hand, which arrives before it has gone, does not leave another."""

from __future__ import annotations

from typing import Any

from textual.await_complete import AwaitComplete


class Once:
    """For a screen that is made anew each time; stands before ``Screen`` among the bases."""

    _leaving = False

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """As the stock one, but only the first time."""
        if self._leaving:
            return AwaitComplete()
        self._leaving = True
        left: AwaitComplete = super().dismiss(result)  # type: ignore[misc]
        return left
