"""Which model, and which engine for it, a plan gets: a file, or a server that is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.engine import LoadSpec
from workbench.error import ModelError
from workbench.param import Params
from workbench.record import ModelRef

if TYPE_CHECKING:
    from workbench.engine.gguf import GgufHeader
    from workbench.engine.shelf import ModelEntry
    from workbench.service import Workbench
    from workbench.service.remote import Remote


@dataclass(frozen=True)
class ChosenModel:
    """``script`` is what the engine is started with, ``endpoint`` the address of a server, empty for others."""

    engine: str
    model: ModelRef
    header: GgufHeader | None
    reason: str
    path: str
    n_ctx: int
    notice: str = ""
    script: str = ""
    endpoint: str = ""


def choose_model(bench: Workbench, name: str, asked: str, prefer: str, params: Params) -> ChosenModel:
    """``asked`` is the engine that was named, ``prefer`` the one that settles a choice.

    Blocking. Raises ModelError, NetworkError, UsageError.
    """
    from workbench.engine.compat import compatible_copy
    from workbench.engine.memory import choose_context
    from workbench.engine.quarantine import quarantined
    from workbench.engine.select import choose_engine
    from workbench.engine.shelf import cached_sha256, fingerprint
    from workbench.service.remote import instead_of_file, remote_model

    if (remote := remote_model(bench, name, asked, prefer)) is not None:
        return _at_server(remote)
    try:
        entry: ModelEntry = bench.find_model(name)
    except ModelError as missing:
        return _at_server(instead_of_file(bench, name, asked, missing))
    header = entry.header
    verdict = choose_engine(header, asked=asked, prefer=prefer, avoid=quarantined(entry.path))
    path, notice = entry.path, ""
    if verdict.needs_copy:
        path = compatible_copy(entry.path, header, bench.workspace.cache_dir.parent / "models")
        notice = (
            f"{verdict.engine} runs a copy of {entry.path.name} whose pre-tokenizer is named "
            f"{verdict.needs_copy!r} (equivalent); the original is untouched"
        )
    cache = params.cache_type if verdict.engine == "llamacpp" else LoadSpec.cache_type
    n_ctx = choose_context(header, verdict.engine, params.n_ctx, cache_type=cache)
    model = ModelRef(
        file=entry.path.name,
        bytes=header.file_bytes,
        sha256=cached_sha256(entry.path) or "",
        fingerprint=fingerprint(entry.path),
        arch=header.arch,
        quant=header.quant,
        name=header.name,
    )
    return ChosenModel(verdict.engine, model, header, verdict.reason, str(path), n_ctx, notice)


def _at_server(remote: Remote) -> ChosenModel:
    script, endpoint = remote.target.dumps(), remote.target.public_url
    return ChosenModel("server", remote.model, remote.header, remote.reason, "", remote.n_ctx, "", script, endpoint)
