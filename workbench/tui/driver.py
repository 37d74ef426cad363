"""The terminal driver: sends only cells that changed, never makes the app wait, survives any input.

Frames are drawn into cells at once; a thread writes what differs from what the terminal shows. While the terminal is
slow the thread waits and frames add up in the cells, so what goes out next is always the newest state and no backlog
grows on our side. Other messages to the terminal (modes, the clipboard) pass in order.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import threading
from types import FrameType
from typing import Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from workbench.tui.cells import Cells, is_frame
from workbench.tui.keys_in import InputFilter
from workbench.tui.textual_private import SafeParser

SYNC_START, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"
# What waits for the terminal beside the frames, at most; more is dropped rather than kept or waited for.
MESSAGE_LIMIT = 4 << 20
STOP_SECONDS = 1.0
# How long the rest of a split sequence is waited for, in seconds.
PATIENCE_LOCAL, PATIENCE_REMOTE = 0.05, 0.3


class Output(threading.Thread):
    """Writes cells and messages to a descriptor. All methods but ``run`` return at once."""

    def __init__(self, fileno: int, width: int, height: int) -> None:
        super().__init__(daemon=True, name="terminal-output")
        self._fileno = fileno
        self._cells = Cells(width, height)
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
            self._changed.notify()
            return resized

    def send(self, message: str) -> None:
        """Send a message of its own, in order with other messages."""
        with self._changed:
            if self._waiting + len(message) > MESSAGE_LIMIT:
                return
            self._messages.append(message)
            self._waiting += len(message)
            self._changed.notify()

    def repaint(self) -> None:
        """The terminal may show anything: paint all of it."""
        with self._changed:
            self._cells.forget()
            self._changed.notify()

    def silence(self) -> None:
        """Send no more frames: the app is leaving the screen."""
        with self._changed:
            self._silent = True

    def synchronise(self) -> None:
        """The terminal can show an output at once: wrap each in the marks for it."""
        self._synchronised = True

    def stop(self) -> None:
        """Write what is there and end, but do not wait long for a terminal that takes nothing."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self.join(STOP_SECONDS)

    def run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._messages or self._stopping or self._due)
                data = self._next()
                ended = self._stopping and not data
            if ended or not self._write(data):
                return

    @property
    def _due(self) -> bool:
        return self.frames_drawn > 0 and not self._silent and self._cells.pending

    def _next(self) -> str:
        messages = "".join(self._messages)
        self._messages.clear()
        self._waiting = 0
        if messages:
            messages = self._cells.end_pen() + messages
        frame = self._cells.take() if self._due else ""
        if frame and self._synchronised:
            frame = SYNC_START + frame + SYNC_END
        return messages + frame

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


class WorkbenchDriver(LinuxDriver):
    """Use as ``App(driver_class=WorkbenchDriver)``, but not where TEXTUAL_DRIVER asks for another."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._output: Output | None = None

    @property
    def output(self) -> Output | None:
        """Figures for the status line and the benchmark."""
        return self._output

    def write(self, data: str) -> None:
        output = self._output
        if output is None:
            return
        if data == SYNC_START:
            output.synchronise()
        elif is_frame(data):
            if output.draw(data, *self._app.size):
                # The frame may be a part, made for a screen whose rest was never drawn at this size.
                self._app.call_later(self._app.refresh)
        elif data != SYNC_END:
            output.send(data)

    def start_application_mode(self) -> None:
        if self._file is None:
            raise RuntimeError("there is no terminal to write to")
        self._output = Output(self._file.fileno(), *self._app.size)
        self._output.start()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._watch_size()

    def _watch_size(self) -> None:
        """Paint everything after each change of size: the terminal has cut or moved what it showed.

        Also when the size is at last what it was before, and the framework sees no change.
        """
        before = signal.getsignal(signal.SIGWINCH)
        loop = asyncio.get_running_loop()

        def resized(number: int, frame: FrameType | None) -> None:
            if callable(before):
                before(number, frame)
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._repaint)

        signal.signal(signal.SIGWINCH, resized)

    def _repaint(self) -> None:
        if self._output is not None:
            self._output.repaint()
            self._app.refresh()

    def stop_application_mode(self) -> None:
        if self._output is not None:
            self._output.silence()
        super().stop_application_mode()

    def close(self) -> None:
        if self._output is not None:
            self._output.stop()
        super().close()

    def run_input_thread(self) -> None:
        """Read keys until the app ends."""
        keys, parser = InputFilter(), SafeParser()
        remote = bool(os.environ.get("SSH_CONNECTION"))
        patience = PATIENCE_REMOTE if remote else PATIENCE_LOCAL
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                ready = selector.select(patience if keys.held else 0.1)
                data = self._read() if ready else b""
                if data is None:
                    self._gone()
                    return
                text = keys.feed(data) if data else keys.flush()
                for message in (*parser.feed(text), *parser.tick()):
                    self.process_message(message)

    def _read(self) -> bytes | None:
        """Bytes from the terminal; None when it is gone and nothing will come any more."""
        try:
            return os.read(self.fileno, 4096) or None
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:
            return None

    def _gone(self) -> None:
        if self.input_tty:
            os.kill(os.getpid(), signal.SIGHUP)
