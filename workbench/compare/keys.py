"""Names that stay the same: of a cell within its grid, and of a run wherever it stands on disk.

A cell is found again by its values and its repeat number, whatever order the axes have. A run is found again by
everything that decides its text: two runs with one key are the same run, and the second need not be made. A run whose
seed was drawn has no key, so that repeats without a seed are never taken for one another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from workbench.param import SPECS, Params, params_to_dict
from workbench.record import RunRequest

# They change the speed, not the text; the context is chosen by the free memory of the day.
_NOT_IN_KEY = ("n_threads", "n_ctx", "logprobs")


def cell_key(cell: Mapping[str, Any]) -> str:
    """16 hex digits for ``{axes = {target = value}, prompt?, repeat}``, as it stands in a run's record."""
    axes = cell.get("axes")
    known = {
        "axes": axes if isinstance(axes, Mapping) else {},
        "prompt": cell.get("prompt", 0),
        "repeat": cell.get("repeat", 1),
    }
    return _digest(known)[:16]


def run_key(request: RunRequest) -> str:
    """64 hex digits; empty for a run that cannot be found again because its seed was drawn.

    In it: the exact prompt, the model's fingerprint, the engine with version and address, every sampling value that
    counts, the seed and the repeat number.
    """
    if request.seed_mode == "none" or (request.params.seed is None and not request.params.greedy):
        return ""
    return _digest(
        {
            "prompt": request.prompt.sha256,
            "model": request.model.fingerprint or request.model.file,
            "engine": [request.engine, request.engine_version, request.endpoint],
            "params": _params(request.params),
            "repeat": request.cell.get("repeat", 1),
        }
    )


def _params(params: Params) -> dict[str, Any]:
    values = {name: value for name, value in params_to_dict(params).items() if name not in _NOT_IN_KEY}
    if params.greedy:
        values.pop("seed", None)
    # Unknown to older runs, which had this.
    if params.cache_type == SPECS["cache_type"].default:
        values.pop("cache_type")
    return values


def _digest(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
