"""From raw metadata to meaning: lengths, heads, quantization."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.engine.gguf_types import FILE_TYPES, TENSOR_TYPES, GgufHeader

if TYPE_CHECKING:
    from workbench.engine.gguf_cursor import Found

# Layer patterns that engines know by architecture: every n-th layer sees the whole context, others a window.
WINDOW_PERIOD = {
    "gemma2": 2, "gemma3": 6, "gemma3n": 5, "cohere2": 4, "gpt-oss": 2, "exaone4": 4, "llama4": 4,
    "smallthinker": 4,
}  # fmt: skip


def number(value: object) -> int:
    """A count from metadata, or 0 when it is absent, negative or of a wrong type."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 48 else 0


def numbers(value: object, length: int) -> tuple[int, ...]:
    """One count for all layers, or one per layer."""
    if isinstance(value, tuple):
        return tuple(int(item) if isinstance(item, (int, bool)) and item > 0 else 0 for item in value)
    return (number(value),) * min(length, 1024) if number(value) else ()


def text(value: object, cap: int = 4096) -> str:
    return value[:cap] if isinstance(value, str) else ""


def summary(path: str, size: int, found: Found) -> GgufHeader:
    """The header as far as it was read; kind and problem are still open (``gguf_judge``)."""
    values = found.values
    alignment = number(values.get("general.alignment")) or 32
    data_offset = -(-found.info_end // alignment) * alignment
    missing = max(0, data_offset + found.extent - size) if found.info_end else 0
    header = GgufHeader(
        path=path,
        file_bytes=size,
        version=found.version,
        arch=text(values.get("general.architecture"), 64),
        name=text(values.get("general.name"), 256),
        quant=quantization(values.get("general.file_type"), found.tensor_types),
        licence=text(values.get("general.license"), 256),
        tensor_types=found.tensor_types,
        n_tensors=found.n_tensors,
        n_params=found.n_params,
        tensor_bytes=found.tensor_bytes,
        embedding_bytes=found.embedding_bytes,
        embedding_type=found.embedding_type,
        complete=bool(found.info_end) and not missing,
        missing_bytes=missing,
        split_no=number(values.get("split.no")),
        split_count=number(values.get("split.count")),
        alignment=alignment,
        pre_offset=found.pre_offset,
        info_end_offset=found.info_end,
        data_offset=data_offset,
        layers=frozenset(found.layers),
        tensors_seen=frozenset(found.tensors_seen),
        metadata=values,
    )
    return _with_vocabulary(_with_shape(header), found)


def _with_shape(header: GgufHeader) -> GgufHeader:
    def get(name: str) -> object:
        return header.metadata.get(f"{header.arch}.{name}")

    n_layers = number(get("block_count"))
    n_embd = number(get("embedding_length"))
    n_heads = numbers(get("attention.head_count"), n_layers)
    widths = numbers(get("feed_forward_length"), 1)
    widest = max(widths, default=0)
    most_heads = max(n_heads, default=0)
    head = n_embd // most_heads if most_heads else 0
    return replace(
        header,
        n_ctx_train=number(get("context_length")),
        n_layers=n_layers,
        n_embd=n_embd,
        n_ff=widest,
        n_experts=number(get("expert_count")),
        n_heads=n_heads,
        n_kv_heads=numbers(get("attention.head_count_kv"), n_layers) or n_heads,
        key_length=number(get("attention.key_length")) or head,
        value_length=number(get("attention.value_length")) or head,
        sliding_window=number(get("attention.sliding_window")),
        sliding_pattern=sliding_pattern(header.arch, get("attention.sliding_window_pattern"), n_layers),
        kv_lora_rank=number(get("attention.kv_lora_rank")),
        rope_length=number(get("rope.dimension_count")),
    )


def _with_vocabulary(header: GgufHeader, found: Found) -> GgufHeader:
    values = found.values
    ids = [values.get(f"tokenizer.ggml.{name}_token_id") for name in ("bos", "eos", "eot")]
    bos, eos, eot = (token if isinstance(token, int) else -1 for token in ids)
    add_bos = values.get("tokenizer.ggml.add_bos_token")
    return replace(
        header,
        n_vocab=found.n_vocab,
        tokenizer_model=text(values.get("tokenizer.ggml.model"), 64),
        tokenizer_pre=text(values.get("tokenizer.ggml.pre"), 64),
        chat_template=text(values.get("tokenizer.chat_template"), 1 << 20),
        bos_token=found.specials.get(bos, ""),
        eos_token=found.specials.get(eos, ""),
        bos_id=bos,
        eos_id=eos,
        eot_id=eot,
        end_tokens=found.end_tokens,
        add_bos=add_bos if isinstance(add_bos, bool) else None,
        duplicate_tokens=found.duplicate_tokens,
        empty_tokens=found.empty_tokens,
    )


def sliding_pattern(arch: str, value: object, n_layers: int) -> tuple[int, ...]:
    """1 for each layer that only sees a window, 0 for one that sees everything; empty: all see everything."""
    if isinstance(value, tuple):
        return tuple(int(bool(item)) for item in value)
    period = number(value) or WINDOW_PERIOD.get(arch, 0)
    if period < 2:
        return ()
    return tuple(int((layer + 1) % period != 0) for layer in range(min(n_layers, 1024)))


def quantization(file_type: object, tensor_types: dict[int, int]) -> str:
    """The name of the quantization: as the file says, else the type that most of its bytes have."""
    if isinstance(file_type, int) and file_type in FILE_TYPES:
        return FILE_TYPES[file_type]
    if not tensor_types:
        return ""
    kind = Counter(tensor_types).most_common(1)[0][0]
    return TENSOR_TYPES[kind][0] if kind in TENSOR_TYPES else f"type {kind}"
