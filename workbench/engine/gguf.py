"""Read the header of a model file: fast, within bounds, and never with an exception about what is in it.

The file is a stranger's. Every count and length is checked against the file's real size and against caps
before it is used, nothing is read twice, and long arrays are walked without building lists. What is wrong
becomes one sentence in ``GgufHeader.problem``. The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import errno
import os
import re
import stat
import struct
from dataclasses import replace
from typing import Final

from workbench.engine import gguf_judge, gguf_meta
from workbench.engine.foreign import HEAD, foreign_problem
from workbench.engine.gguf_cursor import Cursor, Found, Malformed
from workbench.engine.gguf_types import ARRAY, END_TOKENS, LORA, SCALARS, STRING, TENSOR_TYPES, GgufHeader

__all__ = ["GgufHeader", "read_header"]

MAX_KEY: Final = 1 << 16
MAX_PAIRS: Final = 1 << 16
MAX_TENSORS: Final = 1 << 17
MAX_STRING: Final = 1 << 20
MAX_KEPT: Final = 4 << 20
MAX_ELEMENTS: Final = 3_000_000
KEPT_NUMBERS: Final = 1024
TOKENS: Final = "tokenizer.ggml.tokens"
PRE: Final = "tokenizer.ggml.pre"
MARK: Final = 256
NOTED: Final = frozenset({b"token_embd.weight", b"output_norm.weight", b"cls.weight", b"cls.output.weight"})
LAYER: Final = re.compile(rb"blk\.(\d{1,6})\.")


def read_header(path: str | os.PathLike[str]) -> GgufHeader:
    """The header of the file at ``path``. Never raises about the file: see ``GgufHeader.problem``.

    Takes 10 to 300 ms for real models (by size of the vocabulary) and under 16 MB of memory.
    """
    header = _alone(path)
    if not header.problem and header.split_count > 1 and not header.split_no:
        header = gguf_judge.joined(header, _alone)
    return header if header.problem else gguf_judge.judged(header)


def _alone(path: str | os.PathLike[str]) -> GgufHeader:
    """The header of this one file, not yet judged but for a file that cannot be read at all."""
    name = os.fspath(path)
    try:
        status = os.stat(name)
        if not stat.S_ISREG(status.st_mode):
            return GgufHeader(path=name, kind="missing", problem="this is not a regular file; name a .gguf file")
        with open(name, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(HEAD)
            kind, problem = foreign_problem(head, size)
            if problem:
                return GgufHeader(path=name, file_bytes=size, kind=kind, problem=problem)
            return _read(name, Cursor(file, size))
    except FileNotFoundError:
        return GgufHeader(path=name, kind="missing", problem="there is no such file; see `workbench models`")
    except PermissionError:
        return GgufHeader(path=name, kind="missing", problem="no permission to read the file; change its mode or owner")
    except OSError as error:
        if error.errno == errno.ELOOP:
            return GgufHeader(path=name, kind="missing", problem="this is a link that leads to itself; remove it")
        return GgufHeader(path=name, kind="missing", problem=f"the file cannot be read: {error.strerror or error}")
    except ValueError as error:
        return GgufHeader(path=name, kind="missing", problem=f"the file cannot be read: {error}")


def _read(name: str, cursor: Cursor) -> GgufHeader:
    found = Found()
    try:
        _walk(cursor, found)
    except Malformed as error:
        header = gguf_meta.summary(name, cursor.size, found)
        return replace(header, kind="broken", problem=f"the file is damaged: {error}; get it again")
    return gguf_meta.summary(name, cursor.size, found)


def _walk(cursor: Cursor, found: Found) -> None:
    cursor.skip(4)
    found.version = cursor.u32()
    if found.version not in (2, 3):
        swapped = int.from_bytes(found.version.to_bytes(4, "little"), "big")
        if swapped in (2, 3):
            raise Malformed("it is written for big-endian machines; a little-endian file is needed")
        raise Malformed(f"GGUF version {found.version} is not 2 or 3")
    n_tensors, n_pairs = cursor.u64(), cursor.u64()
    room = cursor.size - cursor.position
    if n_pairs > min(MAX_PAIRS, room // 12) or n_tensors > min(MAX_TENSORS, room // 24):
        raise Malformed(f"the header claims {n_pairs} metadata entries and {n_tensors} tensors")
    for _ in range(n_pairs):
        _pair(cursor, found)
    alignment = found.values.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1) or alignment > 1 << 20:
        raise Malformed("general.alignment is not a power of two")
    _tensors(cursor, found, n_tensors, alignment)
    found.info_end = cursor.position
    _special_tokens(cursor, found)


def _pair(cursor: Cursor, found: Found) -> None:
    key = cursor.text(MAX_KEY, "the name of a metadata entry").decode("utf-8", "replace")
    if key in found.values:
        raise Malformed(f"the metadata entry {key!r} stands there twice")
    kind = cursor.u32()
    if kind in SCALARS:
        found.values[key] = cursor.scalar(*SCALARS[kind])
    elif kind == STRING:
        if key == PRE:
            found.pre_offset = cursor.position
        raw = cursor.text(MAX_STRING, f"the metadata entry {key!r}")
        found.kept += len(raw)
        if found.kept > MAX_KEPT:
            raise Malformed("its metadata holds more text than any model does")
        found.values[key] = raw.decode("utf-8", "replace")
    elif kind == ARRAY:
        _array(cursor, found, key)
    else:
        raise Malformed(f"the metadata entry {key!r} has the unknown type {kind}")


def _array(cursor: Cursor, found: Found, key: str) -> None:
    kind, count = cursor.u32(), cursor.u64()
    if kind in SCALARS:
        code, size = SCALARS[kind]
        if count * size > cursor.size - cursor.position:
            raise Malformed(f"the list {key!r} claims {count} entries, more than the file holds")
        if count <= KEPT_NUMBERS:
            cursor.need(count * size)
            found.values[key] = struct.unpack_from(f"<{count}{code[1:]}", cursor.window, cursor.at)
            cursor.at += count * size
        else:
            found.values[key] = f"({count} numbers)"
            cursor.skip(count * size)
    elif kind == STRING:
        found.elements += count
        if count > (cursor.size - cursor.position) // 8 or found.elements > MAX_ELEMENTS:
            raise Malformed(f"the list {key!r} claims {count} entries, more than the file holds")
        if key == TOKENS:
            _tokens(cursor, found, count)
        else:
            _skip_strings(cursor, count)
        found.values[key] = f"({count} texts)"
    else:
        raise Malformed(f"the list {key!r} has entries of the unknown type {kind}")


def _skip_strings(cursor: Cursor, count: int) -> None:
    """Walk over ``count`` strings; the inner loop stays free of calls, it runs up to half a million times."""
    unpack = struct.Struct("<Q").unpack_from
    while count:
        cursor.need(8)
        window, at = cursor.window, cursor.at
        last = len(window) - 8
        while count and at <= last:
            at += 8 + unpack(window, at)[0]
            count -= 1
        cursor.skip(at - cursor.at)


def _tokens(cursor: Cursor, found: Found, count: int) -> None:
    """Walk the vocabulary: keep every 256th position, note turn-ending entries, find duplicates."""
    ends = {text.encode(): text for text in END_TOKENS}
    hashes: set[int] = set()
    hash_of, add = hash, hashes.add
    unpack = struct.Struct("<Q").unpack_from
    for index in range(count):
        at = cursor.at
        if at + 8 > len(cursor.window):
            cursor.need(8)
            at = cursor.at
        if not index % MARK:
            found.token_marks.append(cursor.base + at)
        length = unpack(cursor.window, at)[0]
        stop = at + 8 + length
        if stop > len(cursor.window):
            if length > MAX_STRING:
                raise Malformed(f"token {index} claims a length of {length} bytes")
            cursor.need(8 + length)
            at = cursor.at
            stop = at + 8 + length
        text = cursor.window[at + 8 : stop]
        cursor.at = stop
        add(hash_of(text))
        if text in ends:
            found.end_tokens[index] = ends[text]
    found.empty_tokens = hash_of(b"") in hashes
    found.duplicate_tokens = len(hashes) < count
    found.n_vocab = count


def token_text(cursor: Cursor, found: Found, token: int) -> str:
    """The text of one vocabulary entry; "" for an id that is none."""
    if not 0 <= token < found.n_vocab:
        return ""
    cursor.seek(found.token_marks[token // MARK])
    for _ in range(token % MARK):
        cursor.skip(cursor.u64())
    return cursor.text(MAX_STRING, "a token").decode("utf-8", "replace")


def _special_tokens(cursor: Cursor, found: Found) -> None:
    for name in ("bos", "eos", "eot", "unknown", "padding"):
        token = found.values.get(f"tokenizer.ggml.{name}_token_id")
        if isinstance(token, int):
            found.specials[token] = token_text(cursor, found, token)


def _tensors(cursor: Cursor, found: Found, count: int, alignment: int) -> None:
    names: set[bytes] = set()
    for _ in range(count):
        raw = cursor.text(MAX_KEY, "the name of a tensor")
        name = raw[:64].decode("utf-8", "replace")
        if raw in names:
            raise Malformed(f"the tensor {name!r} stands there twice")
        names.add(raw)
        n_dims = cursor.u32()
        if n_dims > 4:
            raise Malformed(f"the tensor {name!r} claims {n_dims} dimensions")
        elements, row = 1, 1
        for axis in range(n_dims):
            extent = cursor.u64()
            row = extent if axis == 0 else row
            elements *= extent
        kind, offset = cursor.u32(), cursor.u64()
        if not 0 < elements < 1 << 62:
            raise Malformed(f"the tensor {name!r} has an impossible shape")
        _name, block, block_bytes = TENSOR_TYPES.get(kind, ("", 1, 0))
        if row % block:
            raise Malformed(f"the rows of tensor {name!r} do not fit its quantization")
        if offset % alignment:
            raise Malformed(f"the tensor {name!r} starts at an odd place")
        size = elements // block * block_bytes
        found.tensor_types[kind] = found.tensor_types.get(kind, 0) + size
        found.tensor_bytes += size
        found.n_params += elements
        found.extent = max(found.extent, offset + size)
        _note(raw, found)
        if raw == b"token_embd.weight":
            found.embedding_bytes, found.embedding_type = size, kind
    found.n_tensors = count


def _note(name: bytes, found: Found) -> None:
    """Remember of a tensor's name what tells models from other files, and whole ones from others."""
    if name in NOTED:
        found.tensors_seen.add(name.decode())
    elif name.endswith((b".lora_a", b".lora_b")):
        found.tensors_seen.add(LORA)
    elif match := LAYER.match(name):
        found.layers.add(int(match[1]))
