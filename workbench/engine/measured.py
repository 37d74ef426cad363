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


@dataclass(frozen=True, slots=True)
class Measured:
    """``rss`` in bytes, after a run with a context of ``n_ctx`` tokens."""

    engine: str
    n_ctx: int
    rss: int


def remember_memory(engine: str, path: Path, n_ctx: int, rss: int) -> None:
    """Keep a figure; one that hardly differs from the last is not written again."""
    mark = mark_of(path)
    if not mark or rss <= 0:
        return
    key = f"{engine}|{mark}|{n_ctx}"
    before = MEMORY.read().get(key)
    if not isinstance(before, int) or abs(before - rss) > NOISE * rss:
        MEMORY.put(key, rss)


def measured_memory(path: Path) -> list[Measured]:
    """All figures of a file, the latest last."""
    mark, found = mark_of(path), []
    for key, rss in MEMORY.read().items():
        engine, _, rest = key.partition("|")
        there, _, n_ctx = rest.partition("|")
        if mark and there == mark and n_ctx.isdigit() and isinstance(rss, int):
            found.append(Measured(engine, int(n_ctx), rss))
    return found


def needed(path: Path, engine: str, n_ctx: int, estimated: int) -> int:
    """Bytes to expect: the measured figure of this very context, else ``estimated``."""
    same = [item.rss for item in measured_memory(path) if (item.engine, item.n_ctx) == (engine, n_ctx)]
    return same[-1] if same else estimated
