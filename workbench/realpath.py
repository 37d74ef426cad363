"""Where a path leads, links followed."""

from __future__ import annotations

import os
from pathlib import Path


def real_path(path: Path) -> Path:
    """Where a file really is; a link that leads to itself stays as it is (``Path.resolve`` raises for it)."""
    return Path(os.path.realpath(path))
