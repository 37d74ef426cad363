"""From a model of the shelf to what an engine loads: the file itself, or the compatible copy that it needs."""

from __future__ import annotations

from pathlib import Path

from workbench.engine import LoadSpec
from workbench.engine.compat import compatible_copy
from workbench.engine.memory import choose_context
from workbench.engine.quarantine import quarantined
from workbench.engine.select import choose_engine
from workbench.engine.shelf import ModelEntry
from workbench.error import NoEngine


def load_spec(entry: ModelEntry, copies: Path, *, engine: str = "", n_ctx: int = 0, n_threads: int = 0) -> LoadSpec:
    """The order to load ``entry``; ``engine`` "" and ``n_ctx`` 0 choose. Copies go to the folder ``copies``. Blocking.

    A quarantine does not count: whoever calls this wants to see what happens. Raises NoEngine, UsageError, ModelError.
    """
    chosen = choose_engine(entry.header, asked=engine)
    path = compatible_copy(entry.path, entry.header, copies) if chosen.needs_copy else entry.path
    context = choose_context(entry.header, chosen.engine, wanted=n_ctx)
    return LoadSpec(chosen.engine, str(path), n_ctx=context, n_threads=n_threads)


def engine_of(entry: ModelEntry) -> tuple[str, str]:
    """The engine that will run the file, or "none", and why. One that crashed with it too often is passed over."""
    if entry.problem:
        return "none", entry.problem
    try:
        chosen = choose_engine(entry.header, avoid=quarantined(entry.path))
    except NoEngine as error:
        return "none", error.hint or error.message
    return chosen.engine, chosen.reason
