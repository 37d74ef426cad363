"""A little writer of GGUF bytes for tests, free to write what no real writer would."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from pathlib import Path

U32, F32, BOOL, TEXT, LIST, U64 = 4, 6, 7, 8, 9, 10


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def value_of(kind: int, value: object) -> bytes:
    """The bytes of one metadata value, its type number included."""
    if isinstance(value, bytes):
        return struct.pack("<I", kind) + value
    if isinstance(value, str):
        return struct.pack("<I", TEXT) + text(value)
    if isinstance(value, list):
        inner = TEXT if value and isinstance(value[0], str) else kind
        body = b"".join(text(item) if inner == TEXT else struct.pack("<I", item) for item in value)
        return struct.pack("<IIQ", LIST, inner, len(value)) + body
    codes = {U32: "<I", F32: "<f", BOOL: "<?", U64: "<Q"}
    return struct.pack("<I", kind) + struct.pack(codes[kind], value)


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    kind: int = 0
    offset: int = -1
    bytes: int = 0


WORDS = ["<unk>", "<s>", "</s>", "<|im_end|>", *[f"word{number}" for number in range(60)]]
TENSORS = (
    Tensor("token_embd.weight", (64, 64), 0, bytes=64 * 64 * 4),
    Tensor("blk.0.attn_q.weight", (64, 64), 2, bytes=64 * 64 // 32 * 18),
    Tensor("blk.1.attn_q.weight", (64, 64), 2, bytes=64 * 64 // 32 * 18),
    Tensor("output_norm.weight", (64,), 0, bytes=64 * 4),
    Tensor("output.weight", (64, 64), 8, bytes=64 * 64 // 32 * 34),
)


@dataclass(frozen=True)
class Gguf:
    """A llama-shaped header with a few tensors; ``changes`` replace or add metadata, None removes."""

    changes: dict[str, object] = field(default_factory=dict)
    tensors: tuple[Tensor, ...] = TENSORS
    tokens: list[str] = field(default_factory=lambda: list(WORDS))
    version: int = 3
    n_tensors: int = -1
    n_pairs: int = -1
    magic: bytes = b"GGUF"
    arch: str = "llama"

    def with_(self, **changes: object) -> Gguf:
        """Metadata by name, ``__`` for the dot."""
        named = {key.replace("__", "."): value for key, value in changes.items()}
        return replace(self, changes={**self.changes, **named})

    def metadata(self) -> dict[str, object]:
        arch = self.arch
        data: dict[str, object] = {
            "general.architecture": arch,
            "general.name": "A Little Model",
            "general.file_type": 2,
            f"{arch}.context_length": 256,
            f"{arch}.embedding_length": 64,
            f"{arch}.block_count": 2,
            f"{arch}.feed_forward_length": 128,
            f"{arch}.attention.head_count": 4,
            f"{arch}.attention.head_count_kv": 2,
            f"{arch}.attention.layer_norm_rms_epsilon": struct.pack("<f", 1e-5),
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "smollm",
            "tokenizer.ggml.tokens": self.tokens,
            "tokenizer.ggml.merges": ["w o"],
            "tokenizer.ggml.bos_token_id": 1,
            "tokenizer.ggml.eos_token_id": 2,
            "tokenizer.chat_template": "{{ messages }}",
        }
        data.update(self.changes)
        return {key: value for key, value in data.items() if value is not None}

    def header(self) -> bytes:
        data = self.metadata()
        pairs = b"".join(text(key) + value_of(U32, value) for key, value in data.items())
        infos, offset = b"", 0
        for tensor in self.tensors:
            place = offset if tensor.offset < 0 else tensor.offset
            infos += text(tensor.name) + struct.pack("<I", len(tensor.shape))
            infos += b"".join(struct.pack("<Q", extent) for extent in tensor.shape)
            infos += struct.pack("<IQ", tensor.kind, place)
            offset += -(-tensor.bytes // 32) * 32
        n_tensors = len(self.tensors) if self.n_tensors < 0 else self.n_tensors
        n_pairs = len(data) if self.n_pairs < 0 else self.n_pairs
        return self.magic + struct.pack("<IQQ", self.version, n_tensors, n_pairs) + pairs + infos

    def bytes(self) -> bytes:
        head = self.header()
        data = sum(-(-tensor.bytes // 32) * 32 for tensor in self.tensors)
        return head + b"\0" * (-len(head) % 32) + bytes(range(256)) * (data // 256) + bytes(data % 256)

    def write(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.bytes())
        return path


def write_split(folder: Path, *, count: int = 3, total: int = len(TENSORS)) -> list[Path]:
    """A model in parts, as llama-gguf-split makes them: all metadata in the first, tensors in all."""
    each = -(-len(TENSORS) // count)
    paths = [folder / f"big-{part + 1:05d}-of-{count:05d}.gguf" for part in range(count)]
    for part, path in enumerate(paths):
        kept: dict[str, object] = {} if not part else dict.fromkeys(Gguf().metadata())
        kept |= {"split.no": part, "split.count": count, "split.tensors.count": total}
        replace(Gguf(changes=kept), tensors=TENSORS[part * each : (part + 1) * each]).write(path)
    return paths
