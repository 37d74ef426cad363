"""A screen that tells things in small boxes."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.screen import Screen

from workbench.display import display
from workbench.tui.textual_private import is_told

T = TypeVar("T")


class SayingScreen(Screen[T], Generic[T]):
    """What it says can be read again in the list of notices."""

    SECONDS: ClassVar[float] = 6

    def say(self, text: str, *, error: bool = False) -> None:
        """A short notice; foreign text is made inert."""
        shown = display(text)
        # The same sentence twice would only cover more of the screen.
        if not is_told(self.app, shown):
            self.app.notify(shown, severity="error" if error else "information", markup=False, timeout=self.SECONDS)
