"""The driver with the whole app in a pseudo terminal, beside the stock driver."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator

import pyte
import pytest

CHILD = """
import sys
from textual.app import App
from workbench.tui.driver import WorkbenchDriver
from workbench.tui.editor import TemplateEditor
from workbench.tui.stream import StreamView

class Small(App):
    BINDINGS = [("ctrl+t", "fill", "fill")]
    def compose(self):
        yield TemplateEditor("start", id="edit")
        yield StreamView(id="view")
    def action_fill(self):
        self.query_one(StreamView).append("".join(f"line {n} of many words\\n" for n in range(400)) + "日本 end")

Small(driver_class=WorkbenchDriver if sys.argv[1] == "ours" else None).run(mouse=False)
"""


class Terminal:
    """A child in a pseudo terminal, its screen, and the bytes it sent."""

    def __init__(self, kind: str, columns: int, rows: int) -> None:
        self.master, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environ = dict(os.environ, TERM="xterm-256color", COLORTERM="truecolor", TEXTUAL_DISABLE_KITTY_KEY="1")
        # The test runner may say how wide its own terminal is.
        environ = {name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES")}
        command = [sys.executable, "-c", CHILD, kind]
        self.process = subprocess.Popen(
            command, stdin=child, stdout=child, stderr=child, env=environ, start_new_session=True
        )
        os.close(child)
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.received = 0

    def pump(self, seconds: float = 0.05) -> None:
        if select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.received += len(data)
            self.stream.feed(re.sub(rb"\x1b\[\?\d+\$p|\x1b\[[<>]\d*u", b"", data))

    def wait_for(self, wanted: Callable[[], bool], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not wanted():
            assert time.monotonic() < end, "\n".join(self.screen.display)
            self.pump()

    def shows(self, text: str) -> Callable[[], bool]:
        return lambda: any(text in row for row in self.screen.display)

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def quit(self) -> int:
        self.type(b"\x11")
        end = time.monotonic() + 30
        while self.process.poll() is None:
            assert time.monotonic() < end
            self.pump()
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminals(request: pytest.FixtureRequest) -> Iterator[dict[str, Terminal]]:
    columns, rows = getattr(request, "param", (60, 16))
    both = {kind: Terminal(kind, columns, rows) for kind in ("ours", "stock")}
    yield both
    for terminal in both.values():
        terminal.close()


@pytest.mark.pty
@pytest.mark.parametrize("terminals", [(60, 16), (80, 24), (200, 60)], indirect=True)
def test_a_whole_session_looks_like_the_stock_driver_and_costs_less(terminals: dict[str, Terminal]) -> None:
    for terminal in terminals.values():
        terminal.wait_for(terminal.shows("start"))
        terminal.type(b"\xe6\x97\xa5 {city} ")
        terminal.wait_for(terminal.shows("{city}"))
        terminal.type(b"\x14")
        terminal.wait_for(terminal.shows("end"))
        for key in b"typed":
            terminal.type(bytes([key]))
        terminal.wait_for(terminal.shows("typed"))
        # Up and down through the pane, line by line and by pages.
        terminal.type(b"\t" + b"\x1b[5~" * 3 + b"\x1b[A" * 4 + b"\x1b[B" * 2 + b"\x1b[6~")
    ours, stock = terminals["ours"], terminals["stock"]

    def same() -> bool:
        """To the last colour: one of the two may draw the cursor a frame later."""
        stock.pump()
        return all(ours.screen.buffer[y] == stock.screen.buffer[y] for y in range(ours.screen.lines))

    ours.wait_for(same)
    assert ours.received < stock.received
    assert [terminal.quit() for terminal in terminals.values()] == [0, 0]


@pytest.mark.pty
def test_bad_input_neither_ends_the_app_nor_is_typed(terminals: dict[str, Terminal]) -> None:
    ours = terminals["ours"]
    ours.wait_for(ours.shows("start"))
    for data in (
        b"\xff\xfe",
        b"\x1b[97;1:3u",
        b"\x1b[?62;22c",
        b"\x1b]11;rgb:0/0/0\x07",
        b"\x1b[0n",
        b"\x1bP>|x\x1b\\",
    ):
        ours.type(data)
    ours.type(b"ok:")
    ours.wait_for(ours.shows("ok:start"))
    assert ours.quit() == 0


@pytest.mark.pty
def test_a_terminal_that_takes_nothing_does_not_stop_the_app(terminals: dict[str, Terminal]) -> None:
    ours = terminals["ours"]
    ours.wait_for(ours.shows("start"))
    # Nothing is read while far more is drawn than a terminal buffers.
    for _ in range(40):
        ours.type(b"\x14" + b"x" * 20)
    ours.type(b"!")
    ours.wait_for(ours.shows("x!start"))
    assert ours.received < 60_000
    assert ours.quit() == 0
