"""The words between a workbench and an engine's child: newline-delimited ASCII JSON on a private socket.

To the child: ``load gen stop tokenize ping shutdown``. From it: ``hello loading ready started prefill tok
note done error tokens pong``. Both ends tolerate garbage: a line that is no JSON object, or longer than the
limit, is dropped and counted, never raised, because native code may write anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

VERSION = 1
LINE_LIMIT = 16 << 20  # bytes

Message = dict[str, Any]


def encode(message: Mapping[str, Any]) -> bytes:
    """One line. ASCII, so that lone surrogates and control characters travel as escapes."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"


class Decoder:
    """Splits a byte stream into messages. ``garbage`` counts the lines that were none."""

    def __init__(self, *, limit: int = LINE_LIMIT) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._limit = limit
        self._skipping = False
        self.garbage = 0

    def feed(self, data: bytes) -> list[Message]:
        """The complete messages up to here; an unfinished line waits for more."""
        messages: list[Message] = []
        lines = data.split(b"\n")
        for line in lines[:-1]:
            self._keep(line)
            if (message := self._take()) is not None:
                messages.append(message)
        self._keep(lines[-1])
        return messages

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            self._parts.clear()
            self._skipping = True
        elif part:
            self._parts.append(part)

    def _take(self) -> Message | None:
        line = b"".join(self._parts)
        skipped, self._skipping = self._skipping, False
        self._parts.clear()
        self._size = 0
        if not line and not skipped:
            return None
        try:
            message = None if skipped else json.loads(line)
        # RecursionError: a hundred thousand opening brackets.
        except (ValueError, RecursionError):
            message = None
        if isinstance(message, dict) and isinstance(message.get("k"), str):
            return message
        self.garbage += 1
        return None
