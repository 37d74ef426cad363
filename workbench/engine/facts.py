"""What the child needs to know of the model's file and its engine does not tell: read from the header, by the
parent.
"""

from __future__ import annotations

from typing import Any

from workbench.engine import LoadSpec
from workbench.error import EngineError

DEFAULT_CONTEXT = 2048


def header_facts(spec: LoadSpec) -> dict[str, Any]:
    """Texts and ids of special tokens, the chat template and a context length in tokens. Blocking, up to 0.3
    s.

    Raises EngineError (kind ``load``) for a file that no engine can load: some would abort on it.
    """
    if spec.engine in ("scripted", "server"):
        return {}
    from workbench.engine.gguf import read_header
    from workbench.engine.memory import LEAST_CONTEXT, address_space, estimate

    header = read_header(spec.path)
    if header.problem:
        raise EngineError(header.problem, hint="Choose another model file.", kind="load")
    n_ctx = spec.n_ctx or max(LEAST_CONTEXT, min(header.n_ctx_train or DEFAULT_CONTEXT, DEFAULT_CONTEXT))
    needs = estimate(header, spec.engine, n_ctx, cache_type=spec.cache_type, n_batch=spec.n_batch)
    return {
        "n_ctx": n_ctx,
        "n_ctx_train": header.n_ctx_train,
        "address_space": address_space(header, needs.total),
        "chat_template": header.chat_template,
        "bos_token": header.bos_token,
        "eos_token": header.eos_token,
        "add_bos": header.add_bos,
        "end_ids": sorted(header.end_tokens),
    }
