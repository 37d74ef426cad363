"""The app at the far end of a link: bytes per token, key to echo, and backlog, beside the stock driver and plain print.

The real app runs in a pseudo terminal. What it writes passes an emulated link (bandwidth, round trip, 2 MB of buffers
as sshd and TCP hold them, no loss) to an emulated terminal that answers questions. Run as
``python -m bench.link [--panes N] [--size 80x24 ...] [--link KB:MS ...] [--driver ours|stock ...] [--keys N]``.
``--link 0:0`` is a link without limits; bytes per token are deterministic enough there to compare.
"""

from __future__ import annotations

import argparse
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
from collections import deque
from pathlib import Path
from statistics import median, quantiles

import pyte

from workbench.workspace import init_workspace

BUFFER = 2 << 20
PIECE = 256
# A key whose echo takes longer counts as lost.
LOST_SECONDS = 4.0
TOKENS_PER_SECOND = 80
SOURCE = "+++\n[params]\nmax_tokens = 100000\n+++\nTell me a very long story.\n"
STOCK = "textual.drivers.linux_driver:LinuxDriver"
# A comment in the header of the template, which stays in force.
COMMENT = (b"\x1b[F", b"\r", b"# \xc2\xa7")
QUESTIONS = ((b"\x1b[5n", b"\x1b[0n"), (b"\x1b[?2026$p", b"\x1b[?2026;2$y"))
# F5, and Alt with a character in the form that the stock parser knows as well.
RUN, EDITOR, LAST_AREA, ADD_PANE = b"\x1b[15~", b"\x1b[50;3u", b"\x1b[52;3u", b"+"
_PRIVATE = re.compile(rb"\x1b\[\?[\d;]*\$p|\x1b\[[<>=][\d;]*[a-zA-Z]|\x1b\[5n")
_OPEN_ESCAPE = re.compile(rb"\x1b(\[[0-?]*[ -/]*)?\Z")
WORDS = ("the", "of", "answer", "model", "and", "prompt", "is", "measured", "to", "in", "**a**", "slot", "`as`", "end.")


class Link:
    """Bytes go in, and come out when a link of ``rate`` bytes a second and ``delay`` seconds one way delivers them."""

    def __init__(self, rate: float, delay: float) -> None:
        self.rate, self.delay = rate, delay
        self._free = 0.0
        self._queue: deque[tuple[float, float, bytes]] = deque()

    def put(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            self._free = max(self._free, time.monotonic()) + (len(piece) / self.rate if self.rate else 0)
            self._queue.append((self._free, self._free + self.delay, piece))

    def take(self) -> bytes:
        now = time.monotonic()
        out = []
        while self._queue and self._queue[0][1] <= now:
            out.append(self._queue.popleft()[2])
        return b"".join(out)

    def next(self) -> float:
        """Seconds until something is delivered."""
        return max(0.0, self._queue[0][1] - time.monotonic()) if self._queue else 60.0

    @property
    def backlog(self) -> int:
        """Bytes that still wait to be put on the line."""
        now = time.monotonic()
        return sum(len(piece) for sent, _, piece in self._queue if sent > now)


class FarTerminal:
    """The app in a pty behind a link, seen through an emulator."""

    def __init__(
        self, command: list[str], size: tuple[int, int], link: tuple[float, float], env: dict[str, str]
    ) -> None:
        columns, rows = size
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        rate, round_trip = link
        self.down, self.up = Link(rate, round_trip / 2), Link(0, round_trip / 2)
        self.received = self.worst_backlog = 0
        self._open = b""
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **env})
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def send(self, data: bytes) -> None:
        self.up.put(data)

    def pump(self, seconds: float) -> None:
        """Carry bytes both ways for up to ``seconds``, less when something arrives."""
        end = time.monotonic() + seconds
        while True:
            if keys := self.up.take():
                os.write(self.descriptor, keys)
            if shown := self.down.take():
                self._show(shown)
                return
            left = end - time.monotonic()
            if left <= 0:
                return
            backlog = self.down.backlog
            self.worst_backlog = max(self.worst_backlog, backlog)
            watched = [self.descriptor] if backlog < BUFFER else []
            if select.select(watched, [], [], max(0.0, min(left, self.down.next(), self.up.next())))[0]:
                try:
                    data = os.read(self.descriptor, 65536)
                except OSError:
                    raise TimeoutError(f"the app ended:\n{self.text}") from None
                self.received += len(data)
                self.down.put(data)

    def _show(self, data: bytes) -> None:
        for question, answer in QUESTIONS:
            self.up.put(answer * (self._open + data).count(question))
        data = self._open + data
        cut = _OPEN_ESCAPE.search(data)
        self._open = cut.group() if cut else b""
        self._stream.feed(_PRIVATE.sub(b"", data[: len(data) - len(self._open)]))

    def wait_for(self, words: str, seconds: float = 90) -> None:
        end = time.monotonic() + seconds
        while words not in self.text:
            self.pump(0.1)
            if time.monotonic() > end:
                raise TimeoutError(f"{words!r} did not appear:\n{self.text}")

    def close(self) -> None:
        os.kill(self.pid, 15)
        try:
            while os.read(self.descriptor, 65536):
                pass
        except OSError:
            pass
        os.waitpid(self.pid, 0)
        os.close(self.descriptor)


def echoes(terminal: FarTerminal, keys: int) -> tuple[list[float], int]:
    """Milliseconds from each key to its echo in the editor's first line, and how many were lost."""
    times: list[float] = []
    lost = 0
    typed = ""
    for number in range(keys):
        key = "abcdefghij"[number % 10]
        typed += key
        begin = time.perf_counter()
        terminal.send(key.encode())
        while f"§{typed}" not in terminal.text and time.perf_counter() - begin < LOST_SECONDS:
            terminal.pump(0.05)
        if f"§{typed}" in terminal.text:
            times.append((time.perf_counter() - begin) * 1000)
        else:
            lost += 1
        # Let frames of the stream fall where they fall.
        pause = time.monotonic() + 0.05 + number % 7 * 0.013
        while time.monotonic() < pause:
            terminal.pump(pause - time.monotonic())
    return times, lost


def in_words(times: list[float], lost: int) -> str:
    if len(times) < 2:
        return f"all {lost} keys lost"
    p99 = quantiles(times, n=100, method="inclusive")[98]
    return f"p50 {median(times):.0f} ms, p99 {p99:.0f} ms" + (f", {lost} of {lost + len(times)} lost" if lost else "")


def pieces(count: int) -> list[str]:
    """A plain answer in tokens of some five bytes."""
    return [
        f"{WORDS[n * 5 % len(WORDS)]}{'.' if n % 13 == 0 else ''}" + ("\n\n" if n % 90 == 89 else " ")
        for n in range(count)
    ]


def start(folder: Path, size: tuple[int, int], link: tuple[float, float], driver: str) -> FarTerminal:
    workspace = init_workspace(folder / "space").root
    (workspace / "templates" / "london.j2").write_text(SOURCE, encoding="utf-8")
    script = {"pieces": pieces(6000), "delay_ms": 1000 / TOKENS_PER_SECOND}
    env = {"WORKBENCH_ENGINE": "scripted", "WORKBENCH_SCRIPT": json.dumps(script)}
    env |= {name: str(folder) for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    if link != (0, 0):
        env["SSH_CONNECTION"] = "192.0.2.1 50000 192.0.2.2 22"
        env["TEXTUAL_ANIMATIONS"] = "none"
    if driver == "stock":
        env["TEXTUAL_DRIVER"] = STOCK
    return FarTerminal([sys.executable, "-m", "workbench", "--workspace", str(workspace)], size, link, env)


def floor() -> float:
    """Bytes per token of plain print."""
    return sum(len(piece.replace("\n", "\r\n")) for piece in pieces(6000)) / 6000


def token_rate(terminal: FarTerminal) -> float:
    """Tokens a second, as the status line tells of the pane that has the focus."""
    found = re.findall(r"([\d.]+) tok/s", terminal.text)
    return float(found[-1]) if found else TOKENS_PER_SECOND


def measure(size: tuple[int, int], link: tuple[float, float], driver: str, panes: int, keys: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        terminal = start(Path(folder), size, link, driver)
        try:
            terminal.wait_for("Tell me a very")
            settle(terminal, 2)
            for keys_sent in COMMENT:
                terminal.send(keys_sent)
                settle(terminal, 1)
            terminal.wait_for("# §")
            terminal.send(LAST_AREA)
            settle(terminal, 1)
            for _ in range(panes - 1):
                terminal.send(ADD_PANE)
                settle(terminal, 1)
            terminal.send(RUN)
            terminal.wait_for("tok/s", 120)
            settle(terminal, 2)
            terminal.worst_backlog = 0
            before, begin = terminal.received, time.monotonic()
            settle(terminal, 6)
            tokens = token_rate(terminal) * (time.monotonic() - begin) * panes
            per_token = (terminal.received - before) / tokens
            terminal.send(EDITOR)
            settle(terminal, 1)
            times, lost = echoes(terminal, keys)
            held = f"backlog {terminal.worst_backlog / 1000:.1f} kB at most"
            if "finished" in terminal.text:
                raise TimeoutError("the stream ended before the keys did")
            return f"{per_token:.1f} B/token ({per_token / floor():.1f} x print); {in_words(times, lost)}; {held}"
        finally:
            terminal.close()


def settle(terminal: FarTerminal, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        terminal.pump(end - time.monotonic())


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.link")
    parser.add_argument("--panes", type=int, default=1)
    parser.add_argument("--size", nargs="+", default=["80x24", "200x60"])
    parser.add_argument("--link", nargs="+", default=["0:0", "125:80", "32:150", "8:300"])
    parser.add_argument("--driver", nargs="+", default=["ours", "stock"])
    parser.add_argument("--keys", type=int, default=40)
    args = parser.parse_args()
    print(f"plain print: {floor():.1f} B/token")
    for size in args.size:
        columns, rows = map(int, size.split("x"))
        for link in args.link:
            rate, trip = map(float, link.split(":"))
            for driver in args.driver:
                result = measure((columns, rows), (rate * 1000, trip / 1000), driver, args.panes, args.keys)
                print(f"{size}, {args.panes} pane(s), {link} kB/s:ms, {driver}: {result}", flush=True)


if __name__ == "__main__":
    main()
