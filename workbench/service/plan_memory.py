"""Whether what a plan loads fits into the memory, before it is loaded: what is told, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.engine import LoadSpec
from workbench.engine.memory import CACHE_BLOCK, estimate, fitting_context, memory_warning, size_text
from workbench.error import MemoryShort, UsageError

if TYPE_CHECKING:
    from workbench.engine.gguf import GgufHeader
    from workbench.service import Workbench


def memory_notices(bench: Workbench, load: LoadSpec, header: GgufHeader, *, forced: bool) -> list[str]:
    """Sentences about a context that is large for the model or for the memory. Blocking, short.

    Raises MemoryShort when it does not fit and is not ``forced``, UsageError for a cache type that it cannot have.
    """
    name, notices = header.path.rpartition("/")[2], []
    _check_cache(load, header)
    if header.n_ctx_train and load.n_ctx > header.n_ctx_train:
        beyond = "llama.cpp uses no more, the rest only takes memory"
        if load.engine != "llamacpp":
            beyond = "beyond them answers get worse"
        notices.append(
            f"n_ctx = {load.n_ctx} is more than the {header.n_ctx_train:,} tokens that {name} was trained for: {beyond}"
        )
    room = bench.pool.memory_for(load)
    if room is None:
        return notices
    before, free = room
    need = estimate(header, load.engine, load.n_ctx, cache_type=load.cache_type, n_batch=load.n_batch)
    total = before or need.total
    if total > free and not forced:
        raise MemoryShort(
            f"{name} needs about {size_text(total)} with a context of {load.n_ctx:,} tokens, only {size_text(free)} of "
            "memory is free: it was not loaded",
            hint=_way_out(load, header, free),
        )
    if warning := memory_warning(before or need.peak, free, load.n_ctx):
        notices.append(f"{name} {warning}")
    return notices


def _way_out(load: LoadSpec, header: GgufHeader, free: int) -> str:
    fits = fitting_context(header, load.engine, free, cache_type=load.cache_type)
    if 0 < fits < load.n_ctx:
        return f"Set a smaller context: n_ctx = {fits} fits. Or close something else first."
    return "Close something else first, or choose a smaller model."


def _check_cache(load: LoadSpec, header: GgufHeader) -> None:
    lengths = {header.key_length, header.value_length}
    if load.cache_type == "f16" or header.kv_lora_rank or not any(length % CACHE_BLOCK for length in lengths):
        return
    raise UsageError(
        f"cache_type = {load.cache_type} needs heads of a multiple of {CACHE_BLOCK} values, this model's have "
        f"{header.key_length}",
        hint="Leave cache_type at f16.",
    )
