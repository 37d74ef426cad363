"""Recognise files that are no GGUF by their first bytes, each with a sentence that says what to do."""

from __future__ import annotations

from workbench.engine.gguf_types import Kind

CONVERT = "convert it with llama.cpp's convert_hf_to_gguf.py, or get a .gguf file of the same model"
MERGE = "convert it with llama.cpp's convert_lora_to_gguf.py, and merge it into its base model with llama-export-lora"
HEAD = 4096  # bytes that are enough to tell
_MAGIC: tuple[tuple[bytes, Kind, str], ...] = (
    (
        b"lmgg",
        "legacy",
        "an old GGML file (before 2023-08); no engine here reads it: get a .gguf file of the same model",
    ),
    (
        b"fmgg",
        "legacy",
        "an old GGMF file (before 2023-08); no engine here reads it: get a .gguf file of the same model",
    ),
    (
        b"tjgg",
        "legacy",
        "an old GGJT file (before 2023-08); no engine here reads it: get a .gguf file of the same model",
    ),
    (b"algg", "legacy", "an old LoRA adapter (GGLA), no model: get a .gguf file of the merged model"),
    (
        b"version https://git-lfs",
        "foreign",
        "a Git LFS pointer, not the model itself: run `git lfs pull` in its folder",
    ),
    (b"PK\x03\x04", "foreign", f"a PyTorch or zip archive: {CONVERT}"),
    (b"\x80\x02", "foreign", f"a PyTorch pickle: {CONVERT}"),
    (b"\x80\x04", "foreign", f"a Python pickle: {CONVERT}"),
    (b"\x1f\x8b", "foreign", "a gzip archive: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "foreign", "a zstd archive: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "foreign", "a 7z archive: unpack it first"),
    (b"\xfd7zXZ", "foreign", "an xz archive: unpack it first"),
    (b"\x89HDF", "foreign", f"an HDF5 (Keras) file: {CONVERT}"),
)


def foreign_problem(head: bytes, size: int) -> tuple[Kind, str]:
    """What a file of ``size`` bytes that starts with ``head`` (``HEAD`` bytes) is; ("model", "") for a GGUF."""
    if size == 0:
        return "broken", "the file is empty; the download did not start: get it again"
    if head.startswith(b"GGUF"):
        return (
            ("model", "")
            if size >= 24
            else ("broken", f"the file is damaged: it ends after {size} bytes; get it again")
        )
    for magic, kind, sentence in _MAGIC:
        if head.startswith(magic):
            return kind, f"this is {sentence}"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return (
            "foreign",
            "this is a web page, not a model: the download got an error or a login page; get it again",
        )
    if head[8:9] == b"{" and 0 < int.from_bytes(head[:8], "little") < max(size, 1):
        if b".lora_A." in head or b".lora_B." in head:
            return "adapter", f"this is a LoRA adapter in safetensors, no model of its own: {MERGE}"
        return "foreign", f"this is a safetensors file: {CONVERT}"
    if text.startswith(b"{"):
        return "foreign", "this is a JSON file, not a model: look for the .gguf file beside it"
    if not head.strip(b"\0"):
        return "broken", "the file starts with zeros: the download was cut or preallocated; get it again"
    return "foreign", "this is not a GGUF file; get a .gguf file of the model"
