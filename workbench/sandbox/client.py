"""The parent's side of the bounded worker: synchronous, thread-safe, with a warm spare.

A worker that exceeds its limits is killed and replaced; its replies are foreign and checked before they are used.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.error import LimitExceeded, TemplateError
from workbench.sandbox.bounds import INPUT_BYTES, OUTPUT_CHARS
from workbench.sandbox.faults import TagPlaces, fault_error, limit_error
from workbench.sandbox.limits import (
    PREVIEW,
    RUN,
    RenderReply,
    RenderRequest,
    SlotName,
    SlotReply,
)
from workbench.sandbox.worker import Worker, WorkerGone

if TYPE_CHECKING:
    from workbench.record import Message

# A process that has asked this often is an app, not a command: it gets a warm spare.
SPARE_AFTER = 3


class Renderer:
    """Renders in the worker. Every call may raise TemplateError, LimitExceeded or AccessDenied.

    ``spare`` True keeps a second, warm worker from the first call on; None only after a few calls.
    """

    def __init__(self, *, spare: bool | None = None) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._worker: Worker | None = None
        self._spare: Worker | None = None
        self._spare_after = {True: 0, None: SPARE_AFTER, False: 1 << 60}[spare]
        self._calls = 0

    def render(self, request: RenderRequest) -> RenderReply:
        call = {
            "op": "render",
            "source": request.source,
            "name": request.name,
            "variables": dict(request.variables),
            "data": list(request.data),
            "loader": dict(request.loader),
            "seed": request.seed,
            "item": request.item,
            "lists": {name: list(lines) for name, lines in request.lists.items()},
            "cpu": request.limits.seconds(request.source),
        }
        reply = self._call(call, written=request.written, first_line=request.first_line)
        messages = tuple(_message(item) for item in _list(reply, "messages"))
        used = tuple(str(item) for item in _list(reply, "used") if item in request.loader)
        return RenderReply(_text(reply, "text"), messages, used, _text(reply, "now"))

    def slots(
        self, source: str, loader: Mapping[str, str], *, name: str = "template", first_line: int = 1
    ) -> SlotReply:
        """Free variables by lexing and parsing only; nothing of the template runs."""
        cpu = PREVIEW.seconds(source)
        reply = self._call(
            {"op": "slots", "source": source, "name": name, "loader": dict(loader), "cpu": cpu}, first_line=first_line
        )
        names, places = [], TagPlaces(source)
        for item in _list(reply, "names"):
            if not (isinstance(item, list) and len(item) == 2 and isinstance(item[1], int)):
                raise _foreign("names")
            slot, line = str(item[0]), item[1]
            place = (line + first_line - 1, places.column(line, slot)) if line > 0 else (0, 0)
            names.append(SlotName(slot, *place))
        return SlotReply(tuple(names), tuple(str(item) for item in _list(reply, "used") if item in loader))

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
        tokens = {"bos_token": bos_token, "eos_token": eos_token, "add_generation_prompt": add_generation_prompt}
        call = {
            "op": "chat",
            "source": template,
            "name": "chat template",
            "variables": tokens,
            "messages": [[message.role, message.content] for message in messages],
            "cpu": RUN.cpu,
        }
        return _text(self._call(call), "text")

    def start(self) -> None:
        """Begin to start the worker, without waiting: what follows until the first call runs beside it."""
        with self._lock:
            if self._worker is None and not self._closed:
                self._worker = self._take_spare() or Worker()

    def ping(self) -> None:
        """Start the worker, and wait until it answers."""
        self._call({"op": "ping", "name": "ping", "cpu": PREVIEW.cpu})

    def close(self) -> None:
        """End the workers for good; safe to call twice. A call that waited meanwhile raises TemplateError."""
        with self._lock:
            self._closed = True
            for worker in (self._worker, self._spare):
                if worker is not None:
                    worker.close()
            self._worker = self._spare = None

    def _call(self, call: dict[str, Any], *, written: str = "", first_line: int = 1) -> dict[str, Any]:
        name = str(call["name"])
        try:
            text = json.dumps(call, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise TemplateError(f"a variable cannot be passed to the template: {error}", file=name) from error
        line = text.encode("utf-8", "surrogatepass") + b"\n"
        if len(line) > INPUT_BYTES:
            raise limit_error(name, f"template and variables are larger than {INPUT_BYTES >> 20} MB")
        reply = self._exchange(line, name, float(call["cpu"]))
        if "fault" not in reply:
            return reply
        source = written or str(call.get("source", ""))
        raise fault_error(reply, name=name, source=source, loader=call.get("loader", {}), first_line=first_line)

    def _exchange(self, line: bytes, name: str, cpu: float) -> dict[str, Any]:
        with self._lock:
            if self._closed:
                raise TemplateError("the template worker was closed", file=name)
            self._calls += 1
            # A worker that was killed from outside, perhaps while idle, says nothing about this request.
            for last in (False, True):
                worker = self._worker = self._worker or self._take_spare() or Worker()
                try:
                    reply = worker.ask(line, cpu)
                except WorkerGone as gone:
                    self._drop()
                    if last or not gone.again:
                        raise limit_error(name, gone.limit) from None
                    continue
                if reply.get("fault") == "limit":
                    # What it has used and kept is not known; the spare is clean.
                    self._drop()
                if self._spare is None and self._calls > self._spare_after:
                    self._spare = Worker()
                return reply
        raise AssertionError

    def _take_spare(self) -> Worker | None:
        spare, self._spare = self._spare, None
        return spare

    def _drop(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None


def _foreign(what: str) -> TemplateError:
    return TemplateError(f"the template worker's answer is not understood ({what})")


def _list(reply: Mapping[str, Any], key: str) -> list[Any]:
    value = reply.get(key)
    if not isinstance(value, list):
        raise _foreign(key)
    return value


def _text(reply: Mapping[str, Any], key: str) -> str:
    value = reply.get(key)
    if not isinstance(value, str):
        raise _foreign(key)
    if len(value) > OUTPUT_CHARS * 4:
        raise LimitExceeded("stopped: the answer is longer than a prompt may be")
    return value


def _message(item: Any) -> Message:
    if not (isinstance(item, list) and len(item) == 2 and isinstance(item[1], str)):
        raise _foreign("messages")
    if item[0] not in ("system", "user", "assistant"):
        raise _foreign("role")
    from workbench.record import Message

    return Message(item[0], item[1])
