"""The parent's side of the bounded worker: synchronous, thread-safe, with a warm spare.

A worker that exceeds its limits is killed and replaced; its reply is foreign and checked before it is used.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.error import TemplateError
from workbench.record import Message
from workbench.sandbox.faults import fault_error, limit_error
from workbench.sandbox.limits import (
    INPUT_BYTES,
    OUTPUT_CHARS,
    PREVIEW,
    RUN,
    WALL_SECONDS,
    RenderReply,
    RenderRequest,
    SlotName,
    SlotReply,
)

REPLY_BYTES = OUTPUT_CHARS * 16


class _Worker:
    """One child process and its socket."""

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
        self._buffer = bytearray()
        self.ready = False

    def ask(self, line: bytes, seconds: float) -> dict[str, Any] | None:
        """The reply, or None when the worker died or did not answer in time."""
        if not self.ready:
            if self._line(30.0) is None:
                return None
            self.ready = True
        try:
            self._socket.sendall(line)
        except OSError:
            return None
        raw = self._line(seconds)
        try:
            reply = json.loads(raw) if raw else None
        except (ValueError, RecursionError):
            return None
        return reply if isinstance(reply, dict) else None

    def _line(self, seconds: float) -> bytes | None:
        deadline = time.monotonic() + seconds
        while (end := self._buffer.find(b"\n")) < 0:
            left = deadline - time.monotonic()
            if left <= 0 or len(self._buffer) > REPLY_BYTES or not select.select([self._socket], [], [], left)[0]:
                return None
            try:
                chunk = self._socket.recv(1 << 20)
            except OSError:
                return None
            if not chunk:
                return None
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def close(self) -> int:
        """Kill and reap; the exit code."""
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        return self.process.wait()


class Renderer:
    """Renders in the worker. Every call may raise TemplateError, LimitExceeded or AccessDenied."""

    def __init__(self, *, spare: bool = False) -> None:
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._spare: _Worker | None = None
        self._keep_spare = spare

    def render(self, request: RenderRequest) -> RenderReply:
        reply = self._call(
            {
                "op": "render",
                "source": request.source,
                "name": request.name,
                "variables": dict(request.variables),
                "data": list(request.data),
                "loader": dict(request.loader),
                "cpu": request.limits.seconds(request.source),
            },
            known=request.variables,
            first_line=request.first_line,
        )
        messages = tuple(_message(item) for item in _list(reply.get("messages")))
        used = tuple(str(item) for item in _list(reply.get("used")))
        return RenderReply(_text(reply.get("text")), messages, used, _text(reply.get("now")))

    def slots(
        self, source: str, loader: Mapping[str, str], *, name: str = "template", first_line: int = 1
    ) -> SlotReply:
        """Free variables by lexing and parsing only; nothing of the template runs."""
        call = {
            "op": "slots",
            "source": source,
            "name": name,
            "loader": dict(loader),
            "cpu": PREVIEW.seconds(source),
        }
        reply = self._call(call, first_line=first_line)
        shift = first_line - 1
        names = [item for item in _list(reply.get("names")) if isinstance(item, list) and len(item) == 3]
        found = tuple(SlotName(str(n), int(line) + shift if line else 0, int(column)) for n, line, column in names)
        return SlotReply(found, tuple(str(item) for item in _list(reply.get("used"))))

    def chat(
        self,
        template: str,
        messages: Sequence[Message],
        *,
        bos_token: str = "",
        eos_token: str = "",
        add_generation_prompt: bool = True,
    ) -> str:
        """A model's own chat template applied to ``messages``."""
        tokens = {
            "bos_token": bos_token,
            "eos_token": eos_token,
            "add_generation_prompt": add_generation_prompt,
        }
        call = {
            "op": "chat",
            "source": template,
            "name": "chat template",
            "variables": tokens,
            "cpu": RUN.cpu,
        }
        return _text(self._call({**call, "messages": [[m.role, m.content] for m in messages]}).get("text"))

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the worker and its spare, as far as they were started."""
        return tuple(worker.process.pid for worker in (self._worker, self._spare) if worker is not None)

    def close(self) -> None:
        """End the workers; safe to call twice."""
        with self._lock:
            for worker in (self._worker, self._spare):
                if worker is not None:
                    worker.close()
            self._worker = self._spare = None

    def _call(
        self, request: dict[str, Any], *, known: Mapping[str, Any] | None = None, first_line: int = 1
    ) -> dict[str, Any]:
        try:
            line = json.dumps(request).encode() + b"\n"
        except (TypeError, ValueError) as error:
            raise TemplateError(f"a variable cannot be passed to the template: {error}") from error
        if len(line) > INPUT_BYTES:
            raise limit_error(request["name"], f"its variables are larger than {INPUT_BYTES >> 20} MB")
        with self._lock:
            worker = self._worker or self._spare or _Worker()
            if worker is self._spare:
                self._spare = None
            self._worker = worker
            reply = worker.ask(line, WALL_SECONDS + float(request["cpu"]) * 4)
            if reply is None:
                worker.close()
                self._worker = None
            if self._keep_spare and self._spare is None:
                self._spare = _Worker()
        if reply is None:
            raise limit_error(request["name"], f"it ran longer than its {request['cpu']:g} CPU seconds")
        if "fault" in reply:
            raise fault_error(reply, known or {}, first_line)
        return reply


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _message(item: Any) -> Message:
    role, content = item
    if role not in ("system", "user", "assistant"):
        raise TemplateError(f"the worker answered with an unknown role {role!r}")
    return Message(role, str(content))
