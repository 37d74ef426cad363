"""The terminal driver: sends only cells that changed, never makes the app wait, survives any input.

Frames are drawn into cells at once; ``output.Output`` writes what differs from what the terminal shows, as fast as
the link carries it. Other messages to the terminal (modes, the clipboard) pass in order.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import termios
import textwrap
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from workbench.tui.cells import Cells, is_frame
from workbench.tui.keys_in import Escape, InputFilter
from workbench.tui.output import SYNC_END, SYNC_START, Output
from workbench.tui.textual_private import SafeParser

# The least screen that the app is drawn on, columns and rows.
LEAST = (60, 16)
# How long answers that are still to come are waited for before the terminal is given back, in seconds.
LAST_ANSWER = 1.0
# How long the rest of a split sequence is waited for, in seconds.
PATIENCE_LOCAL, PATIENCE_REMOTE = 0.05, 0.3


class WorkbenchDriver(LinuxDriver):
    """Use as ``App(driver_class=WorkbenchDriver)``, but not where TEXTUAL_DRIVER asks for another."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._output: Output | None = None
        # The terminal's modes while the app has it.
        self._raw: list[Any] | None = None
        self.listener: Callable[[bytes], None] | None = None
        """Gets what the terminal sends for keys and pastes, as it is; called in the input thread."""
        self.escape: Callable[[], Escape] = lambda: "alt"
        """Says what Escape before a key is now; called in the input thread."""

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
            width, height = self._app.size
            if output.draw(too_small(width, height) or data, width, height):
                # The frame may be a part, made for a screen whose rest was never drawn at this size.
                self._app.call_later(self._app.refresh)
        elif data != SYNC_END:
            output.send(data)

    def start_application_mode(self) -> None:
        if self._file is None:
            raise RuntimeError("there is no terminal to write to")
        self._output = Output(self._file.fileno(), cells_for(os.environ, *self._app.size))
        self._output.start()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._raw = termios.tcgetattr(self.fileno) if self.input_tty else None
        self._watch_size()

    def _sigcont_application(self, *_: object) -> None:
        """Stopped by SIGSTOP, the terminal was never given back: there is nothing to start a second time.

        Only the modes that a shell has set meanwhile are taken again, and everything is painted.
        """
        if self._raw is None:
            super()._sigcont_application(*_)
        elif os.tcgetpgrp(self.fileno) == os.getpgrp():
            termios.tcsetattr(self.fileno, termios.TCSANOW, self._raw)
            asyncio.get_running_loop().call_soon_threadsafe(self._repaint)

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
            # An answer that comes after the terminal was given back would be typed into the shell.
            self._output.silence(LAST_ANSWER)
        self._raw = None
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
                keys.escape = self.escape()
                text = keys.feed(data) if data else keys.flush()
                heard = keys.heard()
                if heard and self.listener is not None:
                    self.listener(heard)
                if keys.answers:
                    self._answered(keys)
                for message in (*parser.feed(text), *parser.tick()):
                    self.process_message(message)

    def _answered(self, keys: InputFilter) -> None:
        if self._output is not None:
            self._output.answered(keys.answers)
        keys.answers = 0

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


def too_small(width: int, height: int) -> str:
    """The frame for a terminal on which the app cannot be drawn, empty for a larger one."""
    least_width, least_height = LEAST
    if width >= least_width and height >= least_height:
        return ""
    sentence = f"This terminal is {width} x {height}, the workbench needs {least_width} x {least_height}."
    rows = textwrap.wrap(f"{sentence} Nothing is lost.", max(1, width))[:height]
    rows += [""] * (height - len(rows))
    return "\x1b[1;1H" + "\n".join(row.ljust(width) for row in rows) + "\x1b[1;1H"


def cells_for(environ: Mapping[str, str], width: int, height: int) -> Cells:
    """Cells that allow for what the terminal of this environment is known to do differently."""
    term = environ.get("TERM", "")
    in_tmux = bool(environ.get("TMUX")) or term.startswith("tmux")
    screen = term.startswith("screen") and not in_tmux
    plain = in_tmux or term.startswith("screen") or term == "linux"
    return Cells(width, height, keeps_background=not screen, plain_clusters=plain)
