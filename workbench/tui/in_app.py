"""Errors in the words of the app: where a hint names a command of the shell, people here press a key instead."""

from __future__ import annotations

from workbench.engine.catalog import CATALOG
from workbench.engine.memory import size_text
from workbench.engine.shelf import DEFAULT_MODEL
from workbench.error import ModelMissing, WorkbenchError


def how_to_get(name: str, *, first: bool) -> str:
    """The keys that fetch a model of the catalog; ``first``: it is where the shelf's cursor stands."""
    size = size_text(CATALOG[name].bytes)
    return f"F8, then Enter, fetches {name} ({size})" if first else f"F8, then Enter on {name}, fetches it ({size})"


def in_app(error: WorkbenchError) -> WorkbenchError:
    """The error as it is told in the app."""
    if not isinstance(error, ModelMissing):
        return error
    first = error.nothing_there and error.wanted == DEFAULT_MODEL
    told = ModelMissing(
        error.message,
        hint=f"{how_to_get(error.wanted, first=first)}.",
        wanted=error.wanted,
        nothing_there=error.nothing_there,
    )
    told.__cause__ = error
    return told
