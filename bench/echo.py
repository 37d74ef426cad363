"""Key to echo in the editor, idle and while a pane streams: the real app in a pseudo terminal, ms as p50 and p99.

A character is written to the terminal and the clock stops when an emulated screen shows it. Run as
``python -m bench.echo [KEYS] [COLUMNS ROWS]``. The scripted engine streams 80 pieces a second, so that only the app is
measured and not the model's hunger for the processor; with ``--model`` the default model streams instead.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path
from statistics import median, quantiles

import pyte

from workbench.workspace import init_workspace

# A comment in the header of the template, which stays in force.
COMMENT = (b"\x1b[F", b"\r", b"# \xc2\xa7")
KEYS = "abcdefghijklmnopqrstuvwxyz"
SOURCE = "+++\n[params]\nmax_tokens = 100000\n+++\nTell me a very long story.\n"


class Terminal:
    """The app in a pty, seen through an emulator."""

    def __init__(self, workspace: Path, columns: int, rows: int, env: dict[str, str]) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            command = [sys.executable, "-m", "workbench", "--workspace", str(workspace)]
            os.execvpe(command[0], command, {**os.environ, "TERM": "xterm-256color", **env})
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def text(self) -> str:
        return "\n".join(self.screen.display)

    def read(self, seconds: float) -> bool:
        """Take what comes within ``seconds``; false when nothing came."""
        if not select.select([self.descriptor], [], [], seconds)[0]:
            return False
        data = os.read(self.descriptor, 65536)
        # The emulator prints private replies that it does not know.
        self._stream.feed(data.replace(b"\x1b[>", b"\x1b["))
        return True

    def wait_for(self, words: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.text():
            self.read(0.05)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{words!r} did not appear:\n{self.text()}")

    def send(self, data: bytes) -> None:
        os.write(self.descriptor, data)


def echo(terminal: Terminal, keys: int) -> list[float]:
    """Milliseconds from each key to its echo; the line is emptied now and then."""
    times = []
    typed = ""
    for number in range(keys):
        key = KEYS[number % len(KEYS)]
        typed += key
        begin = time.perf_counter()
        terminal.send(key.encode())
        while f"§{typed}" not in terminal.text():
            if not terminal.read(2.0):
                raise TimeoutError(f"no echo of {typed!r}:\n{terminal.text()}")
        times.append((time.perf_counter() - begin) * 1000)
        if len(typed) == 20 or number == keys - 1:
            terminal.send(b"\x7f" * len(typed))
            typed = ""
            while re.search("§[a-z]", terminal.text()):
                terminal.read(2.0)
        # Let frames of the stream fall where they fall.
        pause = time.monotonic() + 0.03
        while time.monotonic() < pause:
            terminal.read(0.005)
    return times


def words(name: str, times: list[float]) -> str:
    return f"{name}: p50 {median(times):.1f} ms, p99 {quantiles(times, n=100)[98]:.1f} ms ({len(times)} keys)"


def measure(columns: int, rows: int, keys: int, *, model: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = init_workspace(Path(folder) / "space").root
        (workspace / "templates" / "london.j2").write_text(SOURCE, encoding="utf-8")
        pieces = {"pieces": [f"word{n} " if n % 12 else "and so on.\n" for n in range(6000)], "delay_ms": 12}
        env = {} if model else {"WORKBENCH_ENGINE": "scripted", "WORKBENCH_SCRIPT": json.dumps(pieces)}
        terminal = Terminal(workspace, columns, rows, env)
        terminal.wait_for("Tell me a very")
        while terminal.read(1):
            pass
        for keys_sent in COMMENT:
            terminal.send(keys_sent)
            while terminal.read(1):
                pass
        terminal.wait_for("# §")
        idle = echo(terminal, keys)
        terminal.send(b"\x1b[15~")
        terminal.wait_for("tok/s", 120)
        terminal.send(b"\x1b2")
        terminal.wait_for("§")
        streaming = echo(terminal, keys)
        print(f"{columns}x{rows}, {words('idle', idle)}; {words('streaming', streaming)}", flush=True)
        os.kill(terminal.pid, 15)
        while True:
            try:
                os.read(terminal.descriptor, 65536)
            except OSError:
                break
        os.waitpid(terminal.pid, 0)


def main() -> None:
    numbers = [int(item) for item in sys.argv[1:] if item.isdigit()]
    keys = numbers[0] if numbers else 150
    sizes = [(numbers[1], numbers[2])] if len(numbers) > 2 else [(80, 24), (120, 36)]
    for columns, rows in sizes:
        measure(columns, rows, keys, model="--model" in sys.argv)


if __name__ == "__main__":
    main()
