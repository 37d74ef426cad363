"""Which preset was last taken for which model: a small file in the workspace's state, and no loss when it is gone."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.error import StorageError
from workbench.textio import atomic_write

if TYPE_CHECKING:
    from workbench.workspace import Workspace

MOST = 200


class RememberedPresets:
    """``get`` and ``put`` by the model's name; "" is the model that the tool chooses. Blocking, a few milliseconds."""

    def __init__(self, workspace: Workspace) -> None:
        self._path: Path = workspace.state_dir / "presets.json"

    def get(self, model: str) -> str:
        return self._all().get(model, "")

    def put(self, model: str, preset: str) -> None:
        known = self._all()
        known.pop(model, None)
        known[model] = preset
        kept = dict(list(known.items())[-MOST:])
        with contextlib.suppress(StorageError, OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(self._path, json.dumps(kept).encode("utf-8"))

    def _all(self) -> dict[str, str]:
        try:
            data = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(data, dict):
            return {}
        return {name: preset for name, preset in data.items() if isinstance(preset, str)}
