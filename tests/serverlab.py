"""Servers for tests, all on loopback: the real llama.cpp HTTP server in a child process, and one that does as told.

``python -m tests.serverlab MODEL N_CTX`` runs the first; it prints its address and ends with its standard input.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.config import ServerConfig
from workbench.engine import LoadSpec
from workbench.engine.server_target import Target

KEY_ENV = "LAB_KEY"
KEY = "lab-canary-0451"


def target(url: str, model: str = "", **more: Any) -> Target:
    return Target(ServerConfig("lab", url, **more), model)


def load_spec(url: str, model: str = "", **more: Any) -> LoadSpec:
    """The order to load a model of the server at ``url``."""
    return LoadSpec("server", "", script=target(url, model, **more).dumps())


# --- the real one


@contextlib.contextmanager
def llamacpp_server(model: Path, *, n_ctx: int) -> Iterator[str]:
    """Its address, /v1 included. It wants ``KEY``; its one model is called "lab"."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.serverlab", str(model), str(n_ctx)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_WAIT_POLICY": "passive", "GGML_NO_BACKTRACE": "1"},
        cwd=Path(__file__).parent.parent,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, "the server did not start"
        yield f"{address}/v1"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(30)


def _serve(model: str, n_ctx: int) -> None:
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = model
    settings.model_alias = ["lab"]
    settings.n_ctx = n_ctx
    settings.n_parallel = 1
    settings.n_batch = settings.n_ubatch = 64
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.fit_params = False
    settings.cache_ram_mib = 64
    settings.ctx_shift = False
    settings.warmup = False
    settings.verbosity = 0
    settings.api_keys = [KEY]
    server = xllamacpp.Server(settings)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    # Its destructor can hang.
    os._exit(0)


# --- the one that does as told


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)


Reply = Callable[[socket.socket, Asked], None]
MODELS = {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "lab"}]}


def chunk(text: str = "", **choice: Any) -> bytes:
    """A chat chunk; ``choice`` may set ``delta``, ``finish_reason`` and ``usage``."""
    usage = {"usage": choice.pop("usage")} if "usage" in choice else {}
    one = {"index": 0, "delta": {"content": text}, **choice}
    return b"data: " + json.dumps({"choices": [one], **usage}).encode() + b"\n\n"


def both(*replies: Reply) -> Reply:
    """One reply after the other on the same connection."""

    def reply(connection: socket.socket, asked: Asked) -> None:
        for one in replies:
            one(connection, asked)

    return reply


DONE = b"data: [DONE]\n\n"
STOP = chunk(finish_reason="stop")


def stream(*parts: bytes, head: bytes = b"Content-Type: text/event-stream\r\n") -> Reply:
    """A reply of status 200 that sends the parts and closes."""

    def reply(connection: socket.socket, _asked: Asked) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        for part in parts:
            connection.sendall(part)

    return reply


def status(number: int, body: bytes = b"", head: bytes = b"") -> Reply:
    """A reply of another status."""
    length = f"Content-Length: {len(body)}\r\n".encode()

    def reply(connection: socket.socket, _asked: Asked) -> None:
        start = f"HTTP/1.1 {number} Thus\r\n".encode()
        connection.sendall(start + b"Content-Type: application/json\r\n" + length + head + b"\r\n" + body)

    return reply


def answer_json(value: object) -> Reply:
    body = json.dumps(value).encode()
    return stream(body, head=b"Content-Type: application/json\r\n")


class HostileServer:
    """Answers ``/models`` and the probe like a sober server, then the requests marked by a test as told.

    ``replies`` are used one after the other, the last one again and again. ``asked`` holds every request;
    ``closed`` is set when a client has closed its connection while ``until_closed`` waited for it.
    """

    def __init__(self, *replies: Reply, models: Reply | None = None, probe: Reply | None = None) -> None:
        self.replies = list(replies)
        self.models = models or answer_json(MODELS)
        self.probe = probe or stream(chunk("x", finish_reason="stop", usage={"completion_tokens": 1}), DONE)
        self.asked: list[Asked] = []
        self.closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []

    def __enter__(self) -> HostileServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in [self._thread, *self._threads]:
            thread.join(5)
        for connection in self._connections:
            connection.close()

    @property
    def prompts(self) -> list[Asked]:
        """The requests of a run; the probe's have a prompt of their own."""
        return [asked for asked in self.asked if asked.method == "POST" and not _is_probe(asked)]

    def until_closed(self, connection: socket.socket, _asked: Asked) -> None:
        """A part of a reply: wait until the client has closed."""
        with contextlib.suppress(OSError):
            while connection.recv(1024):
                pass
        self.closed.set()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._talk, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            asked = _read(connection)
            if asked is None:
                return
            self.asked.append(asked)
            self._reply(asked)(connection, asked)
            connection.shutdown(socket.SHUT_RDWR)

    def _reply(self, asked: Asked) -> Reply:
        if asked.path.partition("?")[0].endswith("/models"):
            return self.models
        if _is_probe(asked):
            return self.probe
        if not self.replies or asked.method == "GET":
            return status(404)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def _is_probe(asked: Asked) -> bool:
    return "one two three" in json.dumps(asked.body)


def _read(connection: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(1 << 16)
        if not block:
            return None
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(1 << 16)
    return Asked(method, path, headers, json.loads(body) if body else {})


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
