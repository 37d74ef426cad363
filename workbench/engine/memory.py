"""What a model will need in memory before it is loaded, against what is free now.

``weights + repack + KV + compute + base``. Weights: the tensor bytes (mapped from the file, but all get
touched). Repack: the second copy that llama.cpp makes of some quantizations for faster arithmetic. KV: a key
and a value vector per layer and token, fewer tokens in layers that only see a window. Compute: the
activations of one batch. Base: the child process and its copy of the vocabulary. The constants were measured
on two models; see docs/models.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import psutil

from workbench.engine.gguf_types import GgufHeader
from workbench.error import UsageError

BASE = {"llamacpp": 48 << 20, "gpt4all": 53 << 20}
PER_TOKEN_OF_VOCABULARY = 236
BATCH = {"llamacpp": 64, "gpt4all": 32}
CACHE_BYTES = {
    "f32": 4.0,
    "f16": 2.0,
    "bf16": 2.0,
    "q8_0": 34 / 32,
    "q5_0": 22 / 32,
    "q4_1": 20 / 32,
    "q4_0": 18 / 32,
}
CACHE_BLOCK = 32  # numbers that the quantized types keep together
# Types of which llama.cpp keeps a rearranged second copy on CPUs with wide vectors (embeddings are left out).
REPACKED = (2, 10, 12, 20)
# The adapter's limit for the states of earlier prompts.
OLD_PROMPTS = 64 << 20
AUTOMATIC_CONTEXT = 4096
SMALLEST_CONTEXT = 256
# Below, engines end: llama.cpp at 1, gpt4all up to 32.
LEAST_CONTEXT = 64
STEP = 256  # what a context is rounded to
USABLE = 0.8


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes by purpose, for a context of ``n_ctx`` tokens."""

    n_ctx: int
    weights: int
    repack: int
    kv: int
    compute: int
    base: int
    old_prompts: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.repack + self.kv + self.compute + self.base

    @property
    def peak(self) -> int:
        """``total``, and what llama.cpp may keep of earlier prompts once several were run."""
        return self.total + self.old_prompts

    def warning(self, free: int) -> str:
        """A sentence when ``total`` is more than four fifths of ``free`` bytes, else ""."""
        return memory_warning(self.total, free, self.n_ctx)


def memory_warning(total: int, free: int, n_ctx: int = 0) -> str:
    """A sentence when ``total`` bytes are more than four fifths of the ``free`` ones, else ""; it names a way out."""
    if total <= USABLE * free:
        return ""
    need, have = size_text(total), size_text(free)
    smaller = f", or set a smaller context than {n_ctx}" if n_ctx > SMALLEST_CONTEXT else ""
    if total > free:
        return (
            f"needs about {need}, only {have} of memory is free: the machine would swap or stop it; "
            f"close something else first{smaller}"
        )
    return f"needs about {need} of the {have} of memory that is free: close something else first{smaller}"


def estimate(
    header: GgufHeader, engine: str = "llamacpp", n_ctx: int = 0, *, cache_type: str = "f16", n_batch: int = 0
) -> MemoryEstimate:
    """Memory for one loaded model. ``n_ctx`` 0: the automatic context. Raises UsageError for a cache type."""
    if cache_type not in CACHE_BYTES:
        raise UsageError(f"there is no cache type {cache_type!r}", hint=f"One of: {', '.join(CACHE_BYTES)}.")
    n_ctx = n_ctx or automatic_context(header)
    batch = n_batch or BATCH.get(engine, 64)
    repack = 0
    if engine == "llamacpp":
        repack = sum(size for kind, size in header.tensor_types.items() if kind in REPACKED)
        if header.embedding_type in REPACKED:
            repack -= header.embedding_bytes
    return MemoryEstimate(
        n_ctx=n_ctx,
        weights=header.tensor_bytes,
        repack=repack,
        kv=int(_kv_values(header, engine, n_ctx, batch) * CACHE_BYTES[cache_type]),
        compute=batch * 4 * (3 * header.n_ff + header.n_embd),
        base=BASE.get(engine, BASE["llamacpp"]) + PER_TOKEN_OF_VOCABULARY * header.n_vocab,
        old_prompts=OLD_PROMPTS if engine == "llamacpp" else 0,
    )


def _kv_values(header: GgufHeader, engine: str, n_ctx: int, batch: int) -> int:
    """Numbers in the KV cache: per layer, tokens kept x key-value heads x (key length + value length)."""
    total = 0
    window = header.sliding_window if engine == "llamacpp" else 0
    kept_window = min(n_ctx, math.ceil((window + batch) / 256) * 256) if window else n_ctx
    for layer in range(min(header.n_layers, 1024)):
        heads = header.n_kv_heads[layer] if layer < len(header.n_kv_heads) else 0
        slides = layer < len(header.sliding_pattern) and header.sliding_pattern[layer]
        tokens = kept_window if slides else n_ctx
        if header.kv_lora_rank and engine == "llamacpp":
            total += tokens * (header.kv_lora_rank + header.rope_length)
        else:
            total += tokens * heads * (header.key_length + header.value_length)
    return total


def automatic_context(header: GgufHeader) -> int:
    """The context that is taken when nobody says: what the model was trained on, 4,096 at most."""
    return max(LEAST_CONTEXT, min(header.n_ctx_train or AUTOMATIC_CONTEXT, AUTOMATIC_CONTEXT))


def choose_context(header: GgufHeader, engine: str, wanted: int = 0, *, free: int = -1, cache_type: str = "f16") -> int:
    """The context to load with: ``wanted`` as it is, else the automatic one, halved until it fits.

    Raises UsageError for a wish so small that engines end.
    """
    if 0 < wanted < LEAST_CONTEXT:
        raise UsageError(
            f"n_ctx must be at least {LEAST_CONTEXT}, not {wanted}", hint="Engines end below; 0 chooses one that fits."
        )
    if wanted > 0:
        return wanted
    available = free_memory() if free < 0 else free
    n_ctx = automatic_context(header)
    while (
        n_ctx // 2 >= SMALLEST_CONTEXT
        and estimate(header, engine, n_ctx, cache_type=cache_type).total > USABLE * available
    ):
        n_ctx //= 2
    return n_ctx


def fitting_context(header: GgufHeader, engine: str, free: int, *, cache_type: str = "f16") -> int:
    """The largest context up to the trained one that fits into four fifths of ``free`` bytes; 0: not even the least."""

    def fits(steps: int) -> bool:
        return estimate(header, engine, steps * STEP, cache_type=cache_type).peak <= USABLE * free

    low, high = 0, max(1, (header.n_ctx_train or 1 << 20) // STEP)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low * STEP


def address_space(header: GgufHeader, needed: int) -> int:
    """Bytes of address space that a child may add to its own for a model that needs ``needed`` bytes.

    Generous: it stops a runaway, not a model that is a bit larger than estimated. Runtimes reserve much that they
    never touch: a heap per thread, gpt4all's state buffer (some 4 kB per vocabulary entry).
    """
    return 2 * needed + 4096 * header.n_vocab + (1 << 30)


def free_memory() -> int:
    """Bytes that a new process can take without swapping; a container's limit counts too."""
    free = int(psutil.virtual_memory().available)
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii").strip()
        if limit.isdigit() and used.isdigit():
            free = min(free, max(0, int(limit) - int(used)))
    except OSError:
        return free  # no such container file here
    return free


def size_text(size: int) -> str:
    """``98 MB``, ``1.4 GB``: decimal units, as disks and downloads are sold."""
    if size >= 1_000_000_000_000:
        return f"{size / 1e12:.1f} TB"
    if size >= 1_000_000_000:
        return f"{size / 1e9:.1f} GB"
    if size >= 1_000_000:
        return f"{size / 1e6:.0f} MB"
    return f"{size / 1e3:.0f} kB" if size >= 1000 else f"{size} bytes"
