"""Engines: what runs a model. Each loaded model lives in a child process of its own, see ``docs/engines.md``.

Native runtimes print, abort and leak. Behind a process border that is an event: the child is started, spoken
to and, if need be, killed by ``EngineProcess``; nobody else imports a model runtime. Importing this package
is cheap, as the child does it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.engine.generation import Patience
    from workbench.engine.process import EngineProcess

__all__ = ["ENGINES", "EngineProcess", "LoadSpec", "Patience", "engine_version"]

# Those of this machine; "server" is the fourth, for models elsewhere.
ENGINES: tuple[str, ...] = ("llamacpp", "gpt4all", "scripted")
_PACKAGES = {
    "llamacpp": "xllamacpp",
    "gpt4all": "gpt4all",
    "scripted": "prompt-workbench",
}


@dataclass(frozen=True)
class LoadSpec:
    """What to load, and how. ``n_ctx`` (tokens) and ``n_threads`` 0 choose; ``script`` is JSON for
    ``scripted``, and the target for ``server``. ``cache_type`` is how llama.cpp keeps keys and values.
    """

    engine: str
    path: str
    n_ctx: int = 0
    n_threads: int = 0
    n_batch: int = 64
    script: str = ""
    cache_type: str = "f16"


def engine_version(name: str) -> str | None:
    """The installed version of the engine's package, None when it is not installed; empty for a server, which tells its
    own when it is asked. Imports no runtime.
    """
    if name == "server":
        return ""
    try:
        return metadata.version(_PACKAGES[name])
    except (KeyError, metadata.PackageNotFoundError):
        return None


def __getattr__(name: str) -> object:
    # Deferred: the child imports this package and needs no event loop.
    if name == "EngineProcess":
        from workbench.engine.process import EngineProcess

        return EngineProcess
    if name == "Patience":
        from workbench.engine.generation import Patience

        return Patience
    raise AttributeError(name)
