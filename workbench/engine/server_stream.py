"""A server's event stream: bytes to events, to what they add to the answer.

Promises: any bytes are taken, split anywhere; a line, the whole stream and the number of senseless events are capped;
bytes that are no UTF-8 become U+FFFD and are counted; a character whose two halves come in two events is one
character again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from workbench.display import display_line
from workbench.engine.server_chunk import Delta, read_chunk
from workbench.engine.server_fault import HttpFault, error_text
from workbench.engine.server_http import Exchange

LINE_LIMIT = 1 << 20  # bytes
STREAM_LIMIT = 32 << 20  # bytes
_NEWLINE = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True)
class SseEvent:
    name: str
    data: str


class SseParser:
    """Server-sent events, tolerant: CR, LF or CRLF, comments, unknown fields. ``replaced`` counts bad characters."""

    def __init__(self, *, line_limit: int = LINE_LIMIT) -> None:
        self._limit = line_limit
        self._rest: list[bytes] = []
        self._waiting = 0
        self._after_cr = False
        self._name = ""
        self._data: list[str] = []
        self._size = 0
        self._first = True
        self.replaced = 0

    def feed(self, block: bytes) -> list[SseEvent]:
        """The events complete up to here. Raises HttpFault (``protocol``) for a line or an event beyond the limit."""
        if self._after_cr and block:
            # A CR at the end of a block ended its line already.
            block, self._after_cr = block.removeprefix(b"\n"), False
        first, *more = _NEWLINE.split(block)
        self._keep(first)
        if not more:
            return []
        self._after_cr = block.endswith(b"\r")
        lines = [self._take(), *more[:-1]]
        self._keep(more[-1])
        return [event for line in lines if (event := self._line(line)) is not None]

    def end(self) -> list[SseEvent]:
        """What the stream's end completes: some servers leave the last empty line out."""
        return [event for line in (self._take(), b"") if (event := self._line(line)) is not None]

    def _keep(self, part: bytes) -> None:
        """The beginning of a line; kept in parts, as a long one may come byte by byte."""
        self._waiting += len(part)
        self._check(self._waiting)
        self._rest.append(part)

    def _take(self) -> bytes:
        line = b"".join(self._rest)
        self._rest, self._waiting = [], 0
        return line

    def _line(self, line: bytes) -> SseEvent | None:
        self._check(len(line))
        if self._first:
            line, self._first = line.removeprefix(b"\xef\xbb\xbf"), False
        if not line:
            return self._dispatch()
        text = line.decode("utf-8", "replace")
        if "\ufffd" in text:
            # One that the server itself sent is its own affair.
            self.replaced += text.count("\ufffd") - line.count(b"\xef\xbf\xbd")
        key, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if key == "data":
            self._size += len(line)
            self._check(self._size)
            self._data.append(value)
        elif key == "event":
            self._name = value
        return None

    def _dispatch(self) -> SseEvent | None:
        name, data = self._name, self._data
        self._name, self._data, self._size = "", [], 0
        return SseEvent(name, "\n".join(data)) if data else None

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise HttpFault("protocol", f"the server sent a line longer than {self._limit >> 20} MB")


def read_event(event: SseEvent) -> Delta:
    """An event of the stream; never raises."""
    data = event.data.strip()
    if data == "[DONE]":
        return Delta(done=True)
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        return Delta(error=event.data[:1000]) if event.name == "error" else Delta(sense=False)
    if event.name == "error":
        return Delta(error=chunk)
    delta = read_chunk(chunk)
    # Events with a name of their own are others' extensions, such as pings.
    return delta if delta.sense or not event.name else Delta()


def deltas(exchange: Exchange, path: str, body: dict[str, Any], parser: SseParser | None = None) -> Iterator[Delta]:
    """Ask, and give what the answer adds, the end mark included; an answer that is no stream comes as one delta. What
    an error says is without keys.

    Raises HttpFault. A stream that ends early just ends: whoever reads knows whether it was complete.
    """
    for delta in _deltas(exchange, path, body, parser or SseParser()):
        yield delta if delta.error is None else replace(delta, error=exchange.masked(delta.error))


def _deltas(exchange: Exchange, path: str, body: dict[str, Any], parser: SseParser) -> Iterator[Delta]:
    exchange.send("POST", path, body)
    kind = exchange.content_type
    if kind == "application/json":
        yield from _whole(b"".join(exchange.blocks(limit=STREAM_LIMIT)))
        return
    if kind != "text/event-stream":
        hint = "Check url in [[server]]; it usually ends in /v1."
        raise HttpFault("protocol", f"the server sent {display_line(kind, 60) or 'something'}, no event stream", hint)
    for block in exchange.blocks(limit=STREAM_LIMIT):
        yield from map(read_event, parser.feed(block))
    yield from map(read_event, parser.end())


def _whole(data: bytes) -> Iterator[Delta]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        yield Delta(sense=False)
        return
    delta = read_chunk(body)
    # Some servers put an error's message into an answer of status 200.
    yield delta if delta.sense or not error_text(body) else Delta(error=body)


class Halves:
    """Joins surrogate halves that come in two pieces; a half that stays alone becomes U+FFFD."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        text, self._held = self._held + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return _joined(text)

    def rest(self) -> str:
        held, self._held = self._held, ""
        return _joined(held)


def _joined(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
