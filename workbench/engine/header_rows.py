"""What a model file says of itself, as names and words for people; the exact values are in ``--format json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from workbench.engine.gguf_types import TENSOR_TYPES, GgufHeader
from workbench.engine.memory import size_text

# Said elsewhere, or of use to the reader alone.
_APART = frozenset(
    {"path", "problem", "chat_template", "metadata", "file_bytes", "complete", "alignment", "layers", "tensors_seen"}
)
_FROM_ZERO = frozenset({"bos_id", "eos_id", "eot_id", "embedding_type"})
_BYTES = frozenset({"tensor_bytes", "embedding_bytes", "missing_bytes"})


def header_rows(header: GgufHeader) -> list[tuple[str, str]]:
    """Name and value of everything that is known."""
    rows = []
    for item in fields(header):
        value = getattr(header, item.name)
        if item.name in _APART or item.name.endswith("_offset") or value in ("", None, (), {}, -1):
            continue
        if value == 0 and not isinstance(value, bool) and item.name not in _FROM_ZERO:
            continue
        rows.append((item.name, _words(item.name, value)))
    return rows


def _words(name: str, value: object) -> str:
    if name == "tensor_types" and isinstance(value, Mapping):
        most = sorted(value.items(), key=lambda pair: -pair[1])
        return ", ".join(f"{type_name(kind)} {size_text(size)}" for kind, size in most)
    if name == "embedding_type" and isinstance(value, int):
        return type_name(value)
    if name in _BYTES and isinstance(value, int):
        return size_text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return _layers(value) if isinstance(value, tuple) else str(value)


def _layers(values: tuple[object, ...]) -> str:
    """One value per layer: a single one where all are equal, else each."""
    return str(values[0]) if len(set(values)) == 1 else ", ".join(map(str, values))


def type_name(kind: int) -> str:
    """``Q8_0`` for 8; an unknown number as it is."""
    return TENSOR_TYPES[kind][0] if kind in TENSOR_TYPES else f"type {kind}"
