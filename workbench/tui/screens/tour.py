"""The tour's strip: one line at the top of whatever screen is in front, that says what to do next.

It blocks nothing and asks for nothing: it looks a few times a second whether its step was done, and goes on. Without a
model the scripted engine speaks in its place, until the tour is left.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from workbench.error import StorageError
from workbench.textio import atomic_write
from workbench.tui.tour.steps import END, STEPS, Seen

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp

LOOKS_PER_SECOND = 5
STOP_STEP = 3
OFFER = "F12 starts a tour of six steps"
SCRIPT = "WORKBENCH_SCRIPT"
# Slow and long: there is time to find the key that stops it.
SLOW = json.dumps(
    {"pieces": ["One ", "sentence ", "after ", "another, ", "until ", "F6. "], "repeat": 60, "delay_ms": 150}
)


class TourStrip(Static):
    """The line itself."""

    DEFAULT_CSS = """
    TourStrip {
        dock: top; height: auto; max-height: 2; padding: 0 1;
        background: $accent; color: $background; text-style: bold;
    }
    """

    def __init__(self, text: str) -> None:
        super().__init__(Content(text), markup=False)


class Tour:
    """One walk through the steps; ``number`` counts from 0, ``len(STEPS)`` is its end."""

    def __init__(self, app: WorkbenchApp) -> None:
        self._app = app
        self._timer: Timer | None = None
        self._strips: dict[Screen[object], TourStrip] = {}
        self._text = ""
        self._speaks_in_place = False
        self._scripted = False
        self.number = 0
        self.seen = Seen()

    @property
    def on(self) -> bool:
        return self._timer is not None

    async def toggle(self) -> None:
        """Begin at the first step, or leave."""
        if self.on:
            self.leave()
            return
        running = self._app.main.running
        self._speaks_in_place = not running.engine and not await running.can_speak()
        if self._speaks_in_place:
            running.engine = "scripted"
        self._app.main.status.state.hint = ""
        self._app.main.status.show()
        self._begin(0)
        self._timer = self._app.set_interval(1 / LOOKS_PER_SECOND, self.look)
        self.look()

    def leave(self) -> None:
        """Take the strip away, and the engine that stood in."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        for strip in self._strips.values():
            if strip.is_mounted:
                strip.remove()
        self._strips.clear()
        self._script(False)
        if self._speaks_in_place and self._app.main.running.engine == "scripted":
            self._app.main.running.engine = ""

    def look(self) -> None:
        """Was the step done? Then the next one; and the strip is where the person is."""
        while self.number < len(STEPS) and STEPS[self.number].done(self._app, self.seen):
            self._begin(self.number + 1)
        self._show()

    def _begin(self, number: int) -> None:
        self.number, self.seen = number, Seen.of(self._app)
        self._script(number == STOP_STEP and self._app.main.running.engine == "scripted")

    def _script(self, wanted: bool) -> None:
        """The engine's script is read from the environment when a run is planned."""
        if wanted and SCRIPT not in os.environ:
            os.environ[SCRIPT], self._scripted = SLOW, True
        elif self._scripted and not wanted:
            os.environ.pop(SCRIPT, None)
            self._scripted = False

    def _words(self) -> str:
        if self.number >= len(STEPS):
            return END
        return f"Tour {self.number + 1}/{len(STEPS)}: {STEPS[self.number].text(self._app, self.seen)}"

    def _show(self) -> None:
        front, text = self._app.screen, self._words()
        strip = self._strips.get(front)
        if strip is None and getattr(front, "context", None):
            strip = self._strips[front] = TourStrip(text)
            front.mount(strip, before=0)
        elif strip is not None and text != self._text:
            strip.update(Content(text))
        if text != self._text:
            self._text = text
            for other, shown in self._strips.items():
                if other is not front and shown.is_mounted:
                    shown.update(Content(text))

    # -- the offer ---------------------------------------------------------------------------------------------

    def offer(self) -> bool:
        """Whether to offer the tour now: once for a workspace that holds no run of one's own. Blocking, short."""
        workspace = self._app.bench.workspace
        mark = workspace.state_dir / "tour-offered"
        if mark.exists() or any("-sample-" not in item.dir.name for item in self._app.bench.store.list_sessions(3)):
            return False
        try:
            mark.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(mark, "", durable=False)
        except (OSError, StorageError):
            return False
        return True
