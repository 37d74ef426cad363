"""The engine's child process: ``python -m workbench.engine.child ENGINE FD``.

The main thread runs the engine. A reader thread answers ``ping``, sets the stop flag, and ends the process as
soon as the socket closes, so that no child outlives its parent. The process always leaves by ``os._exit``:
destructors of native runtimes hang or crash when a generation is still running.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import resource
import shutil
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from workbench.engine import engine_version
from workbench.engine.adapter import Adapter, ChatAdapter, Job, Outcome, Output, Refused
from workbench.engine.protocol import VERSION, Decoder, Message, encode
from workbench.param import params_from


class Link:
    """The child's end of the socket; whole lines, from any thread."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        self.send_bytes(encode(message))

    def send_bytes(self, data: bytes) -> None:
        with self._lock:
            try:
                self._sock.sendall(data)
            except OSError:
                # The parent is gone. The reader thread sees that too, tidies up and ends the process.
                return

    def receive(self) -> bytes:
        try:
            return self._sock.recv(1 << 16)
        except OSError:
            return b""


class Child:
    """Dispatches orders: quick ones on the reader thread, engine work on the main thread."""

    def __init__(self, engine: str, link: Link) -> None:
        self._engine = engine
        self._link = link
        self._work: queue.Queue[Message] = queue.Queue()
        self._lock = threading.Lock()
        self._outputs: dict[int, Output] = {}
        self._adapter: Adapter | None = None
        self._scratch = ""
        self._held: int | None = None

    def run(self) -> None:
        """Serve until the socket closes; does not return."""
        threading.Thread(target=self._read, daemon=True).start()
        version = engine_version(self._engine) or ""
        self._link.send({"k": "hello", "v": VERSION, "engine": self._engine, "version": version, "pid": os.getpid()})
        while True:
            message = self._work.get()
            try:
                self._serve(message)
            except Refused as refusal:
                self._error(message, refusal.kind, refusal.message, refusal.hint)
            except Exception as error:  # noqa: BLE001 the parent must hear of everything; the log has the traceback
                traceback.print_exc()
                self._error(message, "refused", f"{type(error).__name__}: {error}", "")

    def _error(self, message: Message, kind: str, text: str, hint: str) -> None:
        self._link.send({"k": "error", "id": message.get("id", 0), "kind": kind, "message": text, "hint": hint})

    def _read(self) -> None:
        decoder = Decoder()
        while data := self._link.receive():
            for message in decoder.feed(data):
                self._take(message)
        # A killed parent cannot tidy up.
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)
        os._exit(0)

    def _take(self, message: Message) -> None:
        match message["k"]:
            case "ping":
                self._link.send({"k": "pong"})
            case "shutdown":
                os._exit(0)
            case "stop":
                with self._lock:
                    output = self._outputs.get(int(message["id"]))
                if output is not None:
                    output.stop()
            case "gen":
                # Registered here, so that a stop that follows at once is not missed.
                number = int(message["id"])
                with self._lock:
                    self._outputs[number] = Output(self._link.send, number)
                self._work.put(message)
            case _:
                self._work.put(message)

    def _serve(self, message: Message) -> None:
        match message["k"]:
            case "load":
                self._load(message)
            case "gen":
                self._generate(message)
            case "tokenize":
                count = self._adapter.count_tokens(str(message["text"])) if self._adapter else None
                self._link.send({"k": "tokens", "id": message["id"], "n": count})

    def _load(self, message: Message) -> None:
        self._link.send({"k": "loading", "done": 0, "total": 0})
        self._scratch = str(message["job"]["scratch"])
        adapter = _adapter(self._engine, self._link)
        job = Job(**message["job"])
        _bound_memory(int(job.facts.get("address_space", 0)))
        self._held = _hold(job.path)
        ready = adapter.load(
            job,
            lambda done, total: self._link.send({"k": "loading", "done": done, "total": total}),
        )
        self._adapter = adapter
        self._link.send({"k": "ready", **ready})

    def _generate(self, message: Message) -> None:
        number = int(message["id"])
        output = self._outputs[number]
        try:
            outcome = self._outcome(message, output)
        finally:
            with self._lock:
                del self._outputs[number]
        self._link.send({"k": "done", "id": number, "sha256": output.sha256, **vars(outcome)})

    def _outcome(self, message: Message, output: Output) -> Outcome:
        params = params_from(message["params"])
        if self._adapter is None:
            raise Refused("refused", "no model is loaded")
        if not (messages := message.get("messages")):
            return self._adapter.generate(str(message["prompt"]), params, output)
        if not isinstance(self._adapter, ChatAdapter):
            raise Refused("refused", f"the engine {self._engine} takes no messages")
        return self._adapter.chat(messages, params, output)


def _adapter(engine: str, link: Link) -> Adapter:
    """The runtime is imported here and nowhere else."""
    try:
        match engine:
            case "llamacpp":
                from workbench.engine.llamacpp import LlamaCpp

                return LlamaCpp()
            case "gpt4all":
                from workbench.engine.gpt4all import Gpt4All

                return Gpt4All()
            case "scripted":
                from workbench.engine.scripted import Scripted

                return Scripted(link.send_bytes)
            case "server":
                from workbench.engine.server import Server

                return Server()
    except ImportError as error:
        raise Refused(
            "load", f"the engine {engine} is not installed: {error}", "Install it, or choose another engine."
        ) from error
    raise Refused("load", f"there is no engine {engine!r}")


def _bound_memory(more: int) -> None:
    """Let a runaway of the runtime fail in here rather than press the whole machine. The runtime's code is in."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return  # no such limit that holds outside Linux
    if more:
        limit = pages * resource.getpagesize() + more
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _hold(path: str) -> int | None:
    """A shared lock on the model's file for as long as this process lives: ``models rm`` looks for it."""
    if not path:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None  # the runtime will say so in its own words
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return descriptor


def main() -> None:
    engine, fd = sys.argv[1], int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # When memory runs out the model should go, not the editor. Linux only, and not everywhere allowed.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    sock = socket.socket(fileno=fd)
    sock.set_inheritable(False)
    Child(engine, Link(sock)).run()


if __name__ == "__main__":
    main()
