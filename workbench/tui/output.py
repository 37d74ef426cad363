"""What goes out to the terminal: the newest state of the cells, as much as the link carries, and messages in order.

A thread writes, so the app never waits. While the terminal is slow the thread waits, and frames add up in the cells:
what goes out next is always the newest state. No backlog grows, neither here nor, with the fence, on the way.
"""

from __future__ import annotations

import os
import selectors
import threading

from workbench.tui.cells import Cells
from workbench.tui.link import QUESTION, Fence

SYNC_START, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"
# A shorter frame is shown at once anyway.
SYNC_FROM = 160
# What waits for the terminal beside the frames, at most; more is dropped rather than kept or waited for.
MESSAGE_LIMIT = 4 << 20
STOP_SECONDS = 1.0


class Output(threading.Thread):
    """Writes cells and messages to a descriptor. All methods but ``run`` return at once."""

    def __init__(self, fileno: int, cells: Cells, fence: Fence | None = None) -> None:
        super().__init__(daemon=True, name="terminal-output")
        self._fileno = fileno
        self._cells = cells
        self.fence = fence or Fence()
        self._changed = threading.Condition()
        self._messages: list[str] = []
        self._waiting = 0
        self._synchronised = False
        self._stopping = False
        self._silent = False
        self.bytes_written = 0
        self.frames_drawn = 0
        self.outputs = 0

    def draw(self, frame: str, width: int, height: int) -> bool:
        """Draw a frame for a screen of this size; true when the size is a new one."""
        with self._changed:
            resized = (width, height) != (self._cells.width, self._cells.height)
            if resized:
                self._cells.resize(width, height)
            self._cells.draw(frame)
            self.frames_drawn += 1
            self._changed.notify_all()
            return resized

    def send(self, message: str) -> None:
        """Send a message of its own, in order with other messages."""
        with self._changed:
            if self._waiting + len(message) > MESSAGE_LIMIT:
                return
            self._messages.append(message)
            self._waiting += len(message)
            self._changed.notify_all()

    def repaint(self) -> None:
        """The terminal may show anything: paint all of it."""
        with self._changed:
            self._cells.forget()
            self._changed.notify_all()

    def silence(self, seconds: float = 0.0) -> None:
        """Send no more frames: the app is leaving the screen. Wait so long for answers on their way."""
        with self._changed:
            self._silent = True
            # One that has not answered yet will hardly do so now.
            patience = seconds if self.fence.proven else seconds / 4
            self._changed.wait_for(lambda: not (self.fence.waiting and self.fence.asking), patience)

    def answered(self, count: int) -> None:
        """The terminal answered so many questions."""
        with self._changed:
            for _ in range(count):
                self.fence.answered()
            self._changed.notify_all()

    def synchronise(self) -> None:
        """The terminal can show an output at once: wrap each in the marks for it."""
        self._synchronised = True

    def stop(self) -> None:
        """Write what is there and end, but do not wait long for a terminal that takes nothing."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self.join(STOP_SECONDS)

    def run(self) -> None:
        while True:
            with self._changed:
                while not (self._messages or self._stopping or self._due):
                    self._changed.wait(self.fence.patience() if self._drawn else None)
                data = self._next()
                ended = self._stopping and not data
            if ended or not self._write(data):
                return

    @property
    def _drawn(self) -> bool:
        return self.frames_drawn > 0 and not self._silent and self._cells.pending

    @property
    def _due(self) -> bool:
        return self._drawn and self.fence.open

    def _next(self) -> str:
        messages = "".join(self._messages)
        self._messages.clear()
        self._waiting = 0
        if messages:
            messages = self._cells.end_pen() + messages
        frame = self._cells.take(self.fence.limit) if self._due else ""
        if len(frame) > SYNC_FROM and self._synchronised:
            frame = SYNC_START + frame + SYNC_END
        data = messages + frame
        if self.fence.sent(len(data), ask=bool(frame)):
            data += QUESTION
        return data

    def _write(self, data: str) -> bool:
        view = memoryview(data.encode("utf-8", "replace"))
        while view:
            try:
                written = os.write(self._fileno, view)
            except BlockingIOError:
                with selectors.DefaultSelector() as selector:
                    selector.register(self._fileno, selectors.EVENT_WRITE)
                    selector.select()
                continue
            except OSError:
                # The terminal is gone; the app is told by SIGHUP.
                return False
            self.bytes_written += written
            view = view[written:]
        self.outputs += 1
        return True
