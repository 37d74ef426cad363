"""Screen-reader friendly mode: one area at a time, no boxes, and what happens told in lines instead of counters.

Notices become lines at the bottom of the screen in front, the newest last; the status line says nothing that changes by
itself. The terminal's own cursor stands on the row that is chosen, because that is what a screen reader follows.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from textual.content import Content
from textual.geometry import Offset
from textual.screen import Screen
from textual.widgets import Static

from workbench.display import counted, display_line
from workbench.tui.listview import LineList
from workbench.tui.status import RunState

if TYPE_CHECKING:
    from workbench.tui.app import WorkbenchApp

SHOWN = 4
KEPT = 200


class LogLines(Static):
    """The last lines, at the bottom."""

    DEFAULT_CSS = f"LogLines {{ dock: bottom; height: {SHOWN}; padding: 0 1; }}"

    def __init__(self) -> None:
        super().__init__("", markup=False)

    def show(self, lines: list[str]) -> None:
        self.update(Content("\n".join(lines)))


class Linear:
    """``on`` for the whole life of the app; ``lines`` are all that was told, inert."""

    def __init__(self, app: WorkbenchApp, *, on: bool) -> None:
        self._app = app
        self.on = on
        self.lines: deque[str] = deque(maxlen=KEPT)
        self._logs: dict[Screen[object], LogLines] = {}
        self._phase = ""

    def say(self, text: str) -> None:
        """One line for each line of ``text``, on the screen in front."""
        self.lines += [display_line(line) for line in text.splitlines() if line.strip()]
        self.show()

    def show(self) -> None:
        """Put the log on the screen in front, if it is a full one."""
        front = self._app.screen
        log = self._logs.get(front)
        if log is None:
            if not getattr(front, "context", None):
                return
            log = self._logs[front] = LogLines()
            front.mount(log)
        log.show(list(self.lines)[-SHOWN:])

    def take(self, state: RunState) -> None:
        """A run's state changed: tell it when that is more than a number."""
        phase = state.phase.partition(" ")[0]
        if phase == self._phase:
            return
        self._phase = phase
        if line := told(state, phase):
            self.say(line)

    def follow(self, rows: LineList) -> None:
        """The terminal's cursor goes to the row that is chosen."""
        region = rows.region
        self._app.cursor_position = Offset(region.x, region.y + rows.cursor - int(rows.scroll_y))


def told(state: RunState, phase: str) -> str:
    """The sentence for a new phase, or nothing."""
    model = f" with {state.model}" if state.model else ""
    speed = f", {state.per_second:.1f} tokens per second" if state.per_second else ""
    numbers = f"{counted(state.tokens, 'token')}{speed}"
    if phase == "preparing":
        return f"Run started{model}."
    if phase == "streaming":
        return f"First token after {state.ms_first / 1000:.1f} seconds."
    if phase in ("finished", "stopped", "failed"):
        return f"Run {state.phase}: {numbers}."
    if phase == "not":
        return "The run did not start."
    if phase == "recorded:":
        return f"Opened, {state.phase}: {numbers}."
    if phase in ("fetching", "checking", "paused", "loading"):
        return f"{state.phase}{model}."
    return state.problem
