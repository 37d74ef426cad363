"""A bounded window over a file, and what a walk over a GGUF header collects in it."""

from __future__ import annotations

import struct
from io import FileIO
from typing import Final

CHUNK: Final = 1 << 18


class Malformed(Exception):
    """The bytes contradict the format; the text is the second half of a sentence about the file."""


class Cursor:
    """A window that slides over the file once, forwards (back for single tokens). Memory: a few chunks."""

    def __init__(self, file: FileIO, size: int) -> None:
        self._file = file
        self.size = size
        self.base = 0
        self.window = b""
        self.at = 0

    @property
    def position(self) -> int:
        return self.base + self.at

    def seek(self, position: int) -> None:
        if self.base <= position <= self.base + len(self.window):
            self.at = position - self.base
        else:
            self.base, self.window, self.at = position, b"", 0

    def need(self, count: int) -> None:
        """Make ``count`` bytes from here available in the window."""
        if self.at + count <= len(self.window):
            return
        if count > self.size - self.position:
            raise Malformed(f"the file ends in the middle of its header (at byte {self.size})")
        rest = self.window[self.at :]
        self.base += self.at
        self.at = 0
        self._file.seek(self.base + len(rest))
        wanted = max(CHUNK, count - len(rest))
        self.window = rest + self._file.read(wanted)
        if len(self.window) < count:
            raise Malformed("the file became shorter while it was read")

    def skip(self, count: int) -> None:
        if count > self.size - self.position:
            raise Malformed(f"the file ends in the middle of its header (at byte {self.size})")
        self.seek(self.position + count)

    def scalar(self, code: str, size: int) -> int | float | bool:
        self.need(size)
        value: int | float | bool = struct.unpack_from(code, self.window, self.at)[0]
        self.at += size
        return value

    def u32(self) -> int:
        return int(self.scalar("<I", 4))

    def u64(self) -> int:
        return int(self.scalar("<Q", 8))

    def text(self, cap: int, what: str) -> bytes:
        """A string with its length in front; longer than ``cap`` is an error."""
        length = self.u64()
        if length > cap:
            raise Malformed(f"{what} claims a length of {length} bytes")
        self.need(length)
        value = self.window[self.at : self.at + length]
        self.at += length
        return value


class Found:
    """What the walk over the header has collected so far."""

    def __init__(self) -> None:
        self.version = 0
        self.values: dict[str, object] = {}
        self.kept = 0
        self.elements = 0
        self.n_vocab = 0
        self.token_marks: list[int] = []
        self.end_tokens: dict[int, str] = {}
        self.duplicate_tokens = False
        self.empty_tokens = False
        self.pre_offset = -1
        self.tensor_types: dict[int, int] = {}
        self.n_tensors = 0
        self.n_params = 0
        self.tensor_bytes = 0
        self.embedding_bytes = 0
        self.embedding_type = -1
        self.layers: set[int] = set()
        self.tensors_seen: set[str] = set()
        self.extent = 0
        self.info_end = 0
        self.specials: dict[int, str] = {}
