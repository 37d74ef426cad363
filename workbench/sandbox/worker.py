"""One child process of the bounded worker, seen from the parent. What it sends is foreign and bounded."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from typing import Any

from workbench.sandbox.bounds import MEMORY_BYTES, OUTPUT_CHARS, WALL_SECONDS

REPLY_BYTES = OUTPUT_CHARS * 16
START_SECONDS = 60.0
# A worker that still gains CPU time on a busy machine may go on past the wall limit, but not for ever.
WALL_CEILING = 60.0
# A worker whose line has ended is on its way out, and its own exit code says why.
DYING_SECONDS = 0.5
_SLICE = 0.05
_LINUX = sys.platform.startswith("linux")
_TIME_SIGNALS = (-signal.SIGPROF, -signal.SIGVTALRM, -signal.SIGXCPU)


class WorkerGone(Exception):
    """The worker died or was ended. ``limit`` says in words what it exceeded; ``again``: not by the request's doing."""

    def __init__(self, limit: str, *, again: bool = False) -> None:
        super().__init__(limit)
        self.limit = limit
        self.again = again


class Worker:
    """A started child; ``ask`` may be called by one thread at a time."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-m", "workbench.sandbox.child", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            )
        self._socket = ours
        self._socket.setblocking(False)
        self._buffer = bytearray()
        self._ready = False
        self._watched = None if _LINUX else self.process.pid

    def ask(self, line: bytes, cpu: float) -> dict[str, Any]:
        """The reply. Raises WorkerGone; the worker is then of no more use."""
        if not self._ready:
            self._line(START_SECONDS, cpu)
            self._ready = True
        self._send(line)
        raw = self._line(WALL_SECONDS + cpu, cpu)
        try:
            reply = json.loads(raw.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise WorkerGone("its worker answered with something else than a reply")
        return reply

    def _send(self, line: bytes) -> None:
        view = memoryview(line)
        deadline = time.monotonic() + WALL_SECONDS
        while view:
            if not self._wait(selectors.EVENT_WRITE, max(0.0, deadline - time.monotonic())):
                raise WorkerGone("its worker did not take the request")
            try:
                view = view[self._socket.send(view[: 1 << 20]) :]
            except OSError as error:
                raise WorkerGone(f"its worker was gone ({error.strerror})", again=True) from error

    def _wait(self, event: int, seconds: float) -> bool:
        # Not select(): it takes no descriptor above 1023, and a process may have more.
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, event)
            return bool(selector.select(seconds))

    def _line(self, wall: float, cpu: float) -> bytes:
        started = time.monotonic()
        deadline, spent = started + wall, self._cpu_time()
        while (end := self._buffer.find(b"\n")) < 0:
            left = deadline - time.monotonic()
            if left <= 0:
                deadline, spent = self._extended(started, spent)
                continue
            if len(self._buffer) > REPLY_BYTES:
                raise WorkerGone("its answer is longer than a reply may be")
            self._check_memory()
            if not self._wait(selectors.EVENT_READ, min(left, _SLICE) if self._watched else left):
                continue
            try:
                chunk = self._socket.recv(1 << 20)
            except OSError:
                chunk = b""
            if not chunk:
                raise self._gone(cpu)
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _extended(self, started: float, spent: float) -> tuple[float, float]:
        """A new deadline for a worker that works but got little of the processor; the CPU timers bound it."""
        now, used = time.monotonic(), self._cpu_time()
        if used <= spent or now - started > WALL_CEILING:
            raise WorkerGone("its worker stood still")
        return now + WALL_SECONDS, used

    def _cpu_time(self) -> float:
        """Seconds of processor time that the child has used; psutil is slow to import and left for other systems."""
        if _LINUX:
            with contextlib.suppress(OSError), open(f"/proc/{self.process.pid}/stat", "rb") as stat:
                user, system = stat.read().rpartition(b")")[2].split()[11:13]
                return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
            return 0.0
        import psutil

        with contextlib.suppress(psutil.Error):
            times = psutil.Process(self.process.pid).cpu_times()
            return float(times.user + times.system)
        return 0.0

    def _check_memory(self) -> None:
        """RLIMIT_AS holds on Linux only; elsewhere the parent looks at the resident size."""
        if self._watched is None:
            return
        import psutil

        with contextlib.suppress(psutil.Error):
            if psutil.Process(self._watched).memory_info().rss > MEMORY_BYTES + (64 << 20):
                raise WorkerGone("it needs more memory than it may use")

    def _gone(self, cpu: float) -> WorkerGone:
        code = self.close(DYING_SECONDS)
        if code in _TIME_SIGNALS:
            return WorkerGone(f"it ran longer than its {cpu:.1f} seconds of processor time")
        if code < 0:
            # Somebody else's doing: a template cannot send these.
            outside = code in (-signal.SIGKILL, -signal.SIGTERM)
            return WorkerGone(f"its worker was ended by {signal.Signals(-code).name}", again=outside)
        return WorkerGone(f"its worker ended with exit code {code}")

    def close(self, patience: float = 0.0) -> int:
        """Kill if it still lives after ``patience`` seconds, and reap; the exit code."""
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(patience)
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        return self.process.wait()
