"""139 malformed model files, each made from a sound tiny one by one wrong thing, and any number of random flips."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

from workbench.engine.gguf_types import GgufHeader

COUNT = 139
HUGE = (0xFFFF_FFFF, 1 << 31, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
U32 = struct.Struct("<I")
U64 = struct.Struct("<Q")


def malformed(sound: bytes, header: GgufHeader) -> list[tuple[str, bytes]]:
    """Name and content of each file; always the same ones."""
    made = [
        *_truncations(sound, header),
        *_counts(sound),
        *_strings(sound),
        *_values(sound),
        *_tensors(sound),
        *_meanings(sound),
    ]
    made += list(flips(sound, header.info_end_offset, COUNT - len(made), seed=1))
    assert len(made) == COUNT
    return made


def flips(sound: bytes, length: int, count: int, *, seed: int) -> Iterator[tuple[str, bytes]]:
    """``count`` copies with one to four flipped bits in the first ``length`` bytes."""
    rng = random.Random(seed)
    for number in range(count):
        data = bytearray(sound)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            data[rng.randrange(length)] ^= 1 << rng.randrange(8)
        yield f"flip {seed}-{number}", bytes(data)


def _truncations(sound: bytes, header: GgufHeader) -> Iterator[tuple[str, bytes]]:
    end, data = header.info_end_offset, header.data_offset
    places = [0, 1, 3, 4, 7, 8, 15, 16, 23, 24, 25, 31, 32, 40, 64, 100, 1000, 5000, end // 2, end - 100]
    places += [end - 1, end, data - 1, data, data + 1, data + 4096, (data + len(sound)) // 2, len(sound) - 1]
    for place in places:
        yield f"cut at {place}", sound[:place]
    yield "zeros after the header", sound[:data] + bytes(len(sound) - data)
    yield "a hole", sound[:200] + bytes(400) + sound[600:]


def _patched(sound: bytes, position: int, value: bytes) -> bytes:
    return sound[:position] + value + sound[position + len(value) :]


def _counts(sound: bytes) -> Iterator[tuple[str, bytes]]:
    for version in (0, 1, 4, 0x0300_0000, 0xFFFF_FFFF):
        yield f"version {version}", _patched(sound, 4, U32.pack(version))
    for magic in (b"GGUE", b"FUGG", b"\0\0\0\0", b"ggjt"):
        yield f"magic {magic!r}", magic + sound[4:]
    for name, position in (("tensors", 8), ("pairs", 16)):
        (right,) = U64.unpack_from(sound, position)
        for value in (0, 1, right - 1, right + 1, *HUGE[:4]):
            yield f"{value} {name}", _patched(sound, position, U64.pack(value))


def _key(sound: bytes, key: str) -> int:
    """Where the value of a key begins, at its type."""
    raw = key.encode()
    return sound.index(U64.pack(len(raw)) + raw) + 8 + len(raw)


def _strings(sound: bytes) -> Iterator[tuple[str, bytes]]:
    first_key = 24
    name = _key(sound, "general.name") + 4
    tokens = _key(sound, "tokenizer.ggml.tokens") + 4
    for value in HUGE:
        yield f"first key of {value} bytes", _patched(sound, first_key, U64.pack(value))
        yield f"name of {value} bytes", _patched(sound, name, U64.pack(value))
        yield f"{value} tokens", _patched(sound, tokens + 4, U64.pack(value))
    yield "first token of 4 GB", _patched(sound, tokens + 12, U64.pack(1 << 32))
    yield "tokens of type array", _patched(sound, tokens, U32.pack(9))
    yield "tokens of type bool", _patched(sound, tokens, U32.pack(7))


def _values(sound: bytes) -> Iterator[tuple[str, bytes]]:
    place = _key(sound, "llama.block_count")
    for kind in (0, 6, 8, 9, 12, 13, 99, 255, 0xFFFF_FFFF):
        yield f"block count of type {kind}", _patched(sound, place, U32.pack(kind))
    for key, values in (
        ("llama.block_count", (0, 1, 3, 1000, 0xFFFF_FFFF)),
        ("llama.embedding_length", (0, 1, 63, 0xFFFF_FFFF)),
        ("llama.attention.head_count", (0, 3, 0xFFFF_FFFF)),
        ("llama.context_length", (0, 0xFFFF_FFFF)),
        ("llama.rope.dimension_count", (0, 1000)),
        ("tokenizer.ggml.eos_token_id", (320, 0xFFFF_FFFF)),
        ("general.file_type", (0xFFFF_FFFF,)),
    ):
        for value in values:
            yield f"{key} {value}", _patched(sound, _key(sound, key) + 4, U32.pack(value))


def _tensors(sound: bytes) -> Iterator[tuple[str, bytes]]:
    raw = b"token_embd.weight"
    place = sound.rindex(U64.pack(len(raw)) + raw) + 8 + len(raw)
    for dimensions in (0, 1, 5, 0xFFFF_FFFF):
        yield f"{dimensions} dimensions", _patched(sound, place, U32.pack(dimensions))
    for extent in (0, 1, 65, 1 << 32, (1 << 63) - 1, (1 << 64) - 1):
        yield f"first extent {extent}", _patched(sound, place + 4, U64.pack(extent))
    kind = place + 4 + 16
    for number in (1, 2, 4, 31, 36, 43, 200, 0xFFFF_FFFF):
        yield f"tensor type {number}", _patched(sound, kind, U32.pack(number))
    for offset in (1, 31, len(sound), 1 << 40, (1 << 64) - 32, (1 << 64) - 1):
        yield f"tensor offset {offset}", _patched(sound, kind + 4, U64.pack(offset))


def _meanings(sound: bytes) -> Iterator[tuple[str, bytes]]:
    """Right in form, and still no model."""
    for old, new in (
        (b"general.architecture", b"general.architectur_"),
        (b"tokenizer.ggml.model", b"tokenizer.ggml.mode_"),
        (b"tokenizer.ggml.tokens", b"tokenizer.ggml.token_"),
        (b"tokenizer.ggml.merges", b"tokenizer.ggml.merge_"),
        (b"output.weight", b"output.weigh_"),
        (b"blk.1.attn_q.weight", b"blk.0.attn_q.weight"),
        (b"output_norm.weight", b"\xff\xfe\0utput_n.weight"),
        (b"llama.block_count", b"llama.\x1b[2J_count"),
    ):
        assert old in sound
        yield f"{old.decode()} renamed", sound.replace(old, new[: len(old)].ljust(len(old), b"_"))
