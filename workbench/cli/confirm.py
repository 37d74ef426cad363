"""One question before something is destroyed: asked on a terminal, refused elsewhere without ``--yes``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from workbench.error import UsageError

if TYPE_CHECKING:
    from workbench.cli.out import Console


def confirmed(question: str, console: Console, *, yes: bool) -> bool:
    """Whether to go on. Raises UsageError when there is nobody to ask."""
    if yes:
        return True
    if not (sys.stdin is not None and sys.stdin.isatty() and console.talk.tty):
        raise UsageError("this asks before it destroys something", hint="Without a terminal, say --yes.")
    console.talk.error(f"{question} [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
