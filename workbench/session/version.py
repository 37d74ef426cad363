"""Format versions: every old format is read for ever, by pure steps from one version to the next, in memory.

A step takes a file's data as a dictionary and gives that of the next version. Files are rewritten only by
``migrate``. What is newer than ``CURRENT`` is left as it is; it is shown, and never changed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Literal

Kind = Literal["session", "run"]
Step = Callable[[dict[str, Any]], dict[str, Any]]

CURRENT: Mapping[Kind, int] = {"session": 1, "run": 1}
# (kind, version): the step from that version to the next. Format 1 is the first that was released.
STEPS: dict[tuple[Kind, int], Step] = {}


def version_of(kind: Kind, data: Mapping[str, Any]) -> int:
    """The file's version; the current one where it does not say."""
    version = data.get("format")
    return version if isinstance(version, int) and not isinstance(version, bool) else CURRENT[kind]


def upgrade(kind: Kind, data: Mapping[str, Any]) -> dict[str, Any]:
    """The data in the current format, as far as there are steps; ``data`` itself is not changed.

    A step that cannot make sense of damaged data leaves it in its own version.
    """
    current = dict(data)
    while (kind, version := version_of(kind, current)) in STEPS and version < CURRENT[kind]:
        try:
            # A step may change what is inside.
            current = STEPS[kind, version](copy.deepcopy(current)) | {"format": version + 1}
        except (KeyError, TypeError, ValueError, AttributeError, LookupError):
            break
    return current
