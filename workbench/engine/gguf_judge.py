"""What kind of file a header belongs to, and why it cannot be run: all that can be known before an engine is asked.

Engines refuse such a file with a line in their log, or end. A rule stands here only if every engine agrees.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from workbench.display import counted
from workbench.engine.gguf_meta import number, quantization, text
from workbench.engine.gguf_types import LORA, GgufHeader, Kind

EMBEDDING_ARCHS = frozenset(
    {"bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2", "jina-bert-v3"}
    | {"eurobert", "gemma-embedding", "gemma-embedding2", "llama-embed", "t5encoder"}
)
# Of these it is certain that every layer has tensors, and that a last norm and its epsilon belong to them.
PLAIN_ARCHS = frozenset(
    {"arcee", "baichuan", "chatglm", "deepseek", "deepseek2", "exaone", "gemma", "gemma2", "gemma3", "glm4", "gpt-oss"}
    | {"granite", "granitemoe", "internlm2", "llama", "minicpm", "mistral3", "olmo2", "phi3", "qwen2", "qwen2moe"}
    | {"qwen2vl", "qwen3", "qwen3moe", "refact", "smollm3", "xverse"}
)
SMALLEST_CONTEXT = 8  # gpt4all's least; below, both engines end
MOST_PARTS = 10_000
RERANK = 4
POOLING = (1, 2, 3, RERANK)


def judged(header: GgufHeader) -> GgufHeader:
    """The same header with its kind and, when it cannot be run, the reason."""
    kind, problem = _judge(header)
    return replace(header, kind=kind, problem=problem)


def _judge(header: GgufHeader) -> tuple[Kind, str]:
    values = header.metadata
    general = text(values.get("general.type"), 32)
    lora = LORA in header.tensors_seen and "token_embd.weight" not in header.tensors_seen
    if general == "adapter" or "adapter.type" in values or lora:
        return "adapter", "this is a LoRA adapter, no model of its own: merge it into its base model first"
    if general == "mmproj" or header.arch == "clip":
        return (
            "projector",
            "this is the image part (projector) of a model: choose the text model's .gguf file",
        )
    if general == "imatrix":
        return (
            "foreign",
            "this is an importance matrix for quantizing, not a model: choose the model's .gguf file",
        )
    if header.missing_bytes:
        return "broken", _cut(header)
    if header.split_count > 1 and header.split_no:
        return "split", f"this is {_place(header)}: choose its first part"
    if not header.arch:
        return (
            "broken",
            "the file names no architecture (general.architecture); get it again from another source",
        )
    if not header.n_tensors:
        return "vocabulary", "this file holds a vocabulary only, no weights: choose the model's .gguf file"
    needed = ("block_count", "embedding_length", "context_length")
    absent = [f"{header.arch}.{name}" for name in needed if not number(values.get(f"{header.arch}.{name}"))]
    if absent:
        return "broken", f"the file is damaged: it does not say {', '.join(absent)}; get it again"
    if header.arch in EMBEDDING_ARCHS:
        return "embedding", f"this is an embedding model ({header.arch}): it makes vectors, not text"
    pooling = number(values.get(f"{header.arch}.pooling_type"))
    if pooling == RERANK or header.tensors_seen & {"cls.weight", "cls.output.weight"}:
        return "embedding", "this is a reranking model: it rates texts and writes none"
    if pooling in POOLING:
        return "embedding", "this is an embedding model (it says how to pool): it makes vectors, not text"
    if lacking := _lacking(header):
        return "broken", f"the file is damaged: {lacking}; get it from another source"
    return "model", ""


def _cut(header: GgufHeader) -> str:
    return (
        f"the file is cut short: {header.missing_bytes} of "
        f"{header.file_bytes + header.missing_bytes} bytes are missing; get it again"
    )


def _lacking(header: GgufHeader) -> str:
    """What every engine misses when it loads the file, or ""."""
    arch, values = header.arch, header.metadata
    if header.n_ctx_train < SMALLEST_CONTEXT:
        return f"it speaks of a context of {counted(header.n_ctx_train, 'token')}"
    if header.tokenizer_model == "gpt2" and "tokenizer.ggml.merges" not in values:
        return "its tokenizer has no merges (tokenizer.ggml.merges)"
    if arch not in PLAIN_ARCHS:
        return ""
    if not any(header.n_heads):
        return f"it has no attention heads ({arch}.attention.head_count)"
    epsilon = f"{arch}.attention.layer_norm_rms_epsilon"
    if epsilon not in values:
        return f"it does not say {epsilon}"
    # Layers that only help to draft tokens may be left out.
    layers = range(header.n_layers - number(values.get(f"{arch}.nextn_predict_layers")))
    absent = next((layer for layer in layers if layer not in header.layers), None)
    if absent is not None:
        return f"of its {header.n_layers} layers the one numbered {absent} is missing"
    return "" if "output_norm.weight" in header.tensors_seen else "the tensor output_norm.weight is missing"


def joined(first: GgufHeader, read: Callable[[Path], GgufHeader]) -> GgufHeader:
    """A split model by its first part, with what the others hold; the first thing that is wrong is its problem.

    ``read`` gives the header of one part by itself.
    """
    if first.missing_bytes:
        return first
    if first.split_count > MOST_PARTS:
        return _refused(first, "broken", "the file is damaged: an impossible number of parts; get it again")
    paths = sibling_parts(Path(first.path), first.split_count)
    absent = [path.name for path in paths if not path.is_file()]
    if not paths or absent:
        names = ", ".join(absent[:3]) or "files named like NAME-00001-of-00002.gguf"
        where = f"this is {_place(first)}, and the others are not beside it ({names}): get them, or a joined file"
        return _refused(first, "split", where)
    parts = [first]
    for index, path in enumerate(paths[1:], 1):
        part = read(path)
        if fault := part.problem or (_cut(part) if part.missing_bytes else _stranger(first, part, index)):
            return _refused(first, "broken", f"its part {index + 1} of {len(paths)} ({path.name}): {fault}")
        parts.append(part)
    whole = _sum(first, parts)
    expected = number(first.metadata.get("split.tensors.count"))
    if expected and whole.n_tensors != expected:
        held = f"its parts hold {whole.n_tensors} tensors and not {expected}: they are not of one model"
        return _refused(whole, "broken", f"{held}; get them again")
    return whole


def _sum(first: GgufHeader, parts: list[GgufHeader]) -> GgufHeader:
    types: Counter[int] = Counter()
    for part in parts:
        types.update(part.tensor_types)
    embedding = next((part for part in parts if part.embedding_type >= 0), first)
    return replace(
        first,
        file_bytes=sum(part.file_bytes for part in parts),
        quant=quantization(first.metadata.get("general.file_type"), types),
        tensor_types=dict(types),
        n_tensors=sum(part.n_tensors for part in parts),
        n_params=sum(part.n_params for part in parts),
        tensor_bytes=sum(part.tensor_bytes for part in parts),
        embedding_bytes=embedding.embedding_bytes,
        embedding_type=embedding.embedding_type,
        layers=frozenset[int]().union(*(part.layers for part in parts)),
        tensors_seen=frozenset[str]().union(*(part.tensors_seen for part in parts)),
    )


def _stranger(first: GgufHeader, part: GgufHeader, index: int) -> str:
    """Why ``part`` cannot be the one with that index, or ""."""
    if (part.split_no, part.split_count) == (index, first.split_count):
        return ""
    what = _place(part) if part.split_count > 1 else "a file of its own"
    return f"this is {what}, not the part that its name says; get it again"


def _refused(header: GgufHeader, kind: Kind, problem: str) -> GgufHeader:
    return replace(header, kind=kind, problem=problem)


def _place(header: GgufHeader) -> str:
    return f"part {header.split_no + 1} of {header.split_count} of a split model"


def sibling_parts(path: Path, count: int) -> list[Path]:
    """The parts of a split model in order, whether they exist or not; empty when ``path`` is not named as the first."""
    match = re.fullmatch(r"(.+)-00001-of-\d{5}\.gguf", path.name)
    if not match:
        return []
    return [path.with_name(f"{match[1]}-{number:05d}-of-{count:05d}.gguf") for number in range(1, count + 1)]
