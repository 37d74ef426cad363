"""The real ``workbench`` in a pseudo terminal, seen through an emulator; one primitive: wait for a condition."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyte

_PRIVATE = re.compile(rb"\x1b\[\?\d+\$p|\x1b\[[<>][\d;]*[a-zA-Z]")


class Terminal:
    """``received`` holds every byte that the program sent."""

    def __init__(self, *words: str, cwd: Path, env: Mapping[str, str], columns: int = 80, rows: int = 24) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.received = bytearray()
        self.status: int | None = None
        command = [sys.executable, "-m", "workbench", *words]
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(command[0], command, {**os.environ, "TERM": "xterm-256color", **env})
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def descriptor(self) -> int:
        """Our end, for the terminal's modes."""
        return self._master

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def pump(self, seconds: float = 0.05) -> bool:
        """Take what comes; false when the program has closed the terminal."""
        if not select.select([self._master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self.received += data
        # The emulator prints private queries that it does not know.
        self._stream.feed(_PRIVATE.sub(b"", data))
        return True

    def wait_for(self, wanted: Callable[[], bool] | str, seconds: float = 60) -> None:
        """Pump until the text is on the screen, or the condition holds."""

        def holds() -> bool:
            return wanted in self.text if isinstance(wanted, str) else wanted()

        end = time.monotonic() + seconds
        while not holds():
            assert self.pump() or holds(), f"the program ended:\n{self.text}"
            assert time.monotonic() < end, f"not seen: {wanted!r}\n{self.text}"

    def wait_end(self, seconds: float = 30) -> int:
        """The exit status, negative for a signal."""
        end = time.monotonic() + seconds
        while self.status is None:
            self.pump()
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.status = os.waitstatus_to_exitcode(status)
            assert time.monotonic() < end, self.text
        while self.pump(0.2) and select.select([self._master], [], [], 0.2)[0]:
            pass
        return self.status

    def close(self) -> None:
        if self.status is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self._master)
