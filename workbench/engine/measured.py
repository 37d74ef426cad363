"""What loaded models really took in memory, remembered beside the estimate.

One figure per engine, file and context: the child's resident size after its last run here. It is shown next to the
estimate, and taken instead of it where a warning is due.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.engine.compat import mark_of
from workbench.engine.notes import Notes

MEMORY = Notes("engine-memory")
NOISE = 0.02
USUAL = "f16"  # the cache type that a key does not name


@dataclass(frozen=True, slots=True)
class Measured:
    """``rss`` in bytes, after a run with a context of ``n_ctx`` tokens, kept as ``cache_type``."""

    engine: str
    n_ctx: int
    rss: int
    cache_type: str = USUAL


def remember_memory(engine: str, path: Path, n_ctx: int, rss: int, *, cache_type: str = USUAL) -> None:
    """Keep a figure; one that hardly differs from the last is not written again."""
    mark = mark_of(path)
    if not mark or rss <= 0:
        return
    key = f"{engine}|{mark}|{n_ctx}" + (f"|{cache_type}" if cache_type != USUAL else "")
    before = MEMORY.read().get(key)
    if not isinstance(before, int) or abs(before - rss) > NOISE * rss:
        MEMORY.put(key, rss)


def measured_memory(path: Path) -> list[Measured]:
    """All figures of a file, the latest last."""
    mark, found = mark_of(path), []
    for key, rss in MEMORY.read().items():
        engine, _, rest = key.partition("|")
        there, _, rest = rest.partition("|")
        n_ctx, _, cache_type = rest.partition("|")
        if mark and there == mark and n_ctx.isdigit() and isinstance(rss, int):
            found.append(Measured(engine, int(n_ctx), rss, cache_type or USUAL))
    return found


def measured(path: Path, engine: str, n_ctx: int, *, cache_type: str = USUAL) -> int:
    """The bytes that were measured with this very context, or 0."""
    wanted = (engine, n_ctx, cache_type)
    same = [item.rss for item in measured_memory(path) if (item.engine, item.n_ctx, item.cache_type) == wanted]
    return same[-1] if same else 0
