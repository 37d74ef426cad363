"""Work that goes on behind a screen."""

from __future__ import annotations

import weakref
from collections.abc import Coroutine
from typing import Any

from textual.dom import DOMNode


def carry_on(node: DOMNode, work: Coroutine[Any, Any, object], *, group: str, exclusive: bool = False) -> None:
    """Carry on with ``work`` as long as ``node`` is there. ``exclusive`` ends what its group does already."""
    worker = node.run_worker(work, group=group, exclusive=exclusive)
    # A node that goes away right now never starts it, and Python complains of what was neither started nor closed.
    weakref.finalize(worker, work.close).atexit = False
