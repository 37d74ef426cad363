"""Model files that crashed an engine twice in a row are not given to it again by themselves.

Counted per engine release and file, across restarts. Only the engine's own faults count (a segmentation fault, an
abort), not a kill from outside. A run that ends well starts the count anew; so does ``workbench models verify``, and
so does a new release of the engine.
"""

from __future__ import annotations

import signal
from pathlib import Path

from workbench.engine import engine_version
from workbench.engine.compat import mark_of
from workbench.engine.notes import Notes

CRASHES = Notes("engine-crashes")
MOST = 2
_OWN_FAULTS = frozenset(
    -number for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
)


def note_crash(engine: str, path: Path, code: int | None, why: str) -> None:
    """Count a child's end with exit status ``code`` (negative for a signal) if it was the engine's own fault."""
    if code not in _OWN_FAULTS or not (key := _key(engine, path)):
        return
    CRASHES.put(key, {"count": _count(engine, key) + 1, "version": engine_version(engine), "why": why[:300]})


def note_success(engine: str, path: Path) -> None:
    """A run ended well: what was counted is forgotten."""
    if CRASHES.read() and (key := _key(engine, path)):
        CRASHES.drop(lambda other: other == key)


def quarantined(path: Path) -> dict[str, str]:
    """The engines that crashed too often with this file, each with a sentence."""
    found = {}
    for key, entry in CRASHES.read().items():
        engine, _, mark = key.partition("|")
        if isinstance(entry, dict) and mark and mark == mark_of(path) and _count(engine, key) >= MOST:
            found[engine] = (
                f"{engine} crashed {MOST} times in a row with this file ({entry.get('why') or 'no reason given'}); "
                f"'workbench models verify {path.name}' checks the file and lifts this"
            )
    return found


def forgive(path: Path) -> bool:
    """Forget the crashes of a file with every engine; True when there were any."""
    mark = mark_of(path)
    had = any(key.partition("|")[2] == mark for key in CRASHES.read())
    CRASHES.drop(lambda key: key.partition("|")[2] == mark)
    return had


def _key(engine: str, path: Path) -> str:
    mark = mark_of(path)
    return f"{engine}|{mark}" if mark else ""


def _count(engine: str, key: str) -> int:
    entry = CRASHES.get(key)
    count = entry.get("count")
    return count if isinstance(count, int) and entry.get("version") == engine_version(engine) else 0
