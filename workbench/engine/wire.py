"""The parent's end of a child: its socket, its log pipe, and how it is started and ended.

Nothing here knows what the messages mean. File descriptors and the process are always given back, also when
starting is cancelled half way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections import deque
from collections.abc import Callable

import psutil

from workbench.engine.protocol import Decoder, Message, encode

LOG_LINES = 200
LOG_LINE_BYTES = 8192


class Wire(asyncio.Protocol):
    """Messages from and to the child. ``on_message`` is called in the event loop."""

    def __init__(self, on_message: Callable[[Message], None]) -> None:
        self._on_message = on_message
        self._on_close: Callable[[], None] | None = None
        self._lost = False
        self._transport: asyncio.Transport | None = None
        self.decoder = Decoder()

    def watch(self, on_close: Callable[[], None]) -> None:
        """Call ``on_close`` in the event loop when the connection is lost, or soon when it is already."""
        self._on_close = on_close
        if self._lost:
            asyncio.get_running_loop().call_soon(on_close)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for message in self.decoder.feed(data):
            self._on_message(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._on_close is not None:
            self._on_close()

    def send(self, message: Message) -> None:
        """Queue a message; into the void when the child is gone, which is told by ``on_close``."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(message))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class LogTail(asyncio.Protocol):
    """The last lines that the child's native code printed; the rest is forgotten. Foreign text."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self.lines: deque[str] = deque(maxlen=LOG_LINES)
        self.ended = asyncio.Event()
        self._on_line = on_line
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LOG_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._keep(line)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._rest:
            self._keep(self._rest)
        self.ended.set()

    def _keep(self, line: bytes) -> None:
        text = line[:LOG_LINE_BYTES].decode("utf-8", "replace").rstrip("\r")
        if text:
            self.lines.append(text)
            self._on_line(text)

    def tail(self, *, lines: int = 40, size: int = 8192) -> str:
        """The last lines, at most ``size`` characters."""
        return "\n".join(list(self.lines)[-lines:])[-size:]


class ChildProcess:
    """A running child with its wire and log."""

    def __init__(self, process: asyncio.subprocess.Process, wire: Wire, log: LogTail, scratch: str) -> None:
        self.process = process
        self.wire = wire
        self.log = log
        self.scratch = scratch
        self._log_transport: asyncio.ReadTransport | None = None

    @classmethod
    async def start(
        cls,
        engine: str,
        *,
        on_message: Callable[[Message], None],
        on_close: Callable[[], None],
        on_line: Callable[[str], None],
    ) -> ChildProcess:
        """Start ``workbench.engine.child``. Raises OSError when the system refuses; whatever ends it, also a cancel,
        leaves no process, descriptor or folder. ``on_close`` is not called before it has returned.
        """
        loop = asyncio.get_running_loop()
        wire, log = Wire(on_message), LogTail(on_line)
        async with contextlib.AsyncExitStack() as undo:
            with contextlib.ExitStack() as theirs:
                ours, socket_end = socket.socketpair()
                undo.callback(ours.close)
                theirs.callback(socket_end.close)
                log_read, log_write = os.pipe()
                theirs.callback(os.close, log_write)
                reader = undo.enter_context(open(log_read, "rb", buffering=0))
                # Short and in /tmp: the path of a Unix socket holds about a hundred bytes.
                scratch = tempfile.mkdtemp(prefix="pw-", dir=None if len(tempfile.gettempdir()) < 80 else "/tmp")
                undo.callback(shutil.rmtree, scratch, ignore_errors=True)
                process = await _spawned(engine, socket_end.fileno(), log_write)
            child = cls(process, wire, log, scratch)
            # Shielded: a second cancel must not leave it half ended.
            undo.push_async_callback(lambda: asyncio.shield(child.end()))
            await loop.create_connection(lambda: wire, sock=ours)
            child._log_transport, _ = await loop.connect_read_pipe(lambda: log, reader)
            undo.pop_all()
        wire.watch(on_close)
        return child

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the child has ended and been reaped."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def resident(self) -> int:
        """Bytes of memory that the child holds, file pages included; 0 when it has ended."""
        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    async def ended(self, timeout: float) -> bool:
        """True when the child has ended and been reaped within ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self.process.wait()
        except TimeoutError:
            return False
        return True

    async def end(self, *, patience: float = 0.5) -> None:
        """Close the socket, which ends a sound child; then insist. The process is reaped and every descriptor
        closed.
        """
        self.wire.send({"k": "shutdown"})
        self.wire.close()
        for insist in (None, signal.SIGTERM, signal.SIGKILL):
            if insist is not None:
                self.signal(insist)
            if await self.ended(patience if insist is not signal.SIGKILL else 30):
                break
        await self.log_ended()
        if self._log_transport is not None:
            self._log_transport.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
        # Transports close their descriptors in the loop's next turn.
        await asyncio.sleep(0)

    async def log_ended(self) -> None:
        """Wait until the log is complete; bounded, a grandchild may hold it open."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await self.log.ended.wait()


async def _spawned(engine: str, fd: int, log: int) -> asyncio.subprocess.Process:
    # Shielded: a cancel between fork and return would lose the process.
    spawning = asyncio.ensure_future(_spawn(engine, fd, log))
    try:
        return await asyncio.shield(spawning)
    except asyncio.CancelledError:
        await asyncio.shield(_unwanted(spawning))
        raise


async def _unwanted(spawning: asyncio.Future[asyncio.subprocess.Process]) -> None:
    with contextlib.suppress(OSError):
        process = await spawning
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _spawn(engine: str, fd: int, log: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        # -P: the current folder must not shadow a module.
        *("-P", "-m", "workbench.engine.child", engine, str(fd)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=(fd,),
        start_new_session=True,
        env=child_environment(),
    )


def child_environment() -> dict[str, str]:
    """Ours, with quiet crashes: no debugger on the path, no spinning threads, a Python traceback on a
    fault.
    """
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return {
        **os.environ,
        "PATH": os.pathsep.join(folder for folder in path if not os.path.exists(os.path.join(folder, "gdb"))),
        "OMP_WAIT_POLICY": "passive",
        "GGML_NO_BACKTRACE": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONUNBUFFERED": "1",
    }
