"""Tells when files that the app shows were changed by somebody else: templates, wildcards, themes, models, settings.

Folders are watched, not files: editors save by renaming. Each folder stands for itself, so that the journals of runs
beside the templates wake nobody. Where a file system does not tell (NFS, SMB, 9p, FUSE), it is asked now and then.
Threads sleep in the kernel while nothing changes; they end within a fraction of a second after ``stop``.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.mounts import file_system, read_mounts, tells_of_changes

Kind = Literal["template", "wildcard", "theme", "model", "config"]
WatchMode = Literal["auto", "poll", "off"]

# A group of changes is told when there was none for STEP_MS, or after DEBOUNCE_MS at the latest.
STEP_MS, DEBOUNCE_MS, POLL_MS = 150, 900, 2000
MOST_FOLDERS = 2000
DEPTH = 8
MODEL_SUFFIXES = (".gguf", ".bin")
# What editors and this program write beside the file itself.
_BESIDE = re.compile(r"\..*|#.*#|.*~|.*\.(tmp|swp|swx|bak|part)|4913")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that is watched with all its folders (``deep``), or by itself, and what its files are."""

    kind: Kind
    folder: Path
    deep: bool = True


@dataclass(frozen=True, slots=True)
class Changed:
    """One group of changes: absolute paths by what they are."""

    paths: frozenset[tuple[Kind, Path]]

    def of(self, kind: Kind) -> list[Path]:
        return sorted(path for found, path in self.paths if found == kind)


def _folders(place: Place) -> Iterator[Path]:
    """The folders of a place that exist; the nearest one above when it is not there yet."""
    if not place.folder.is_dir():
        if place.folder.parent.is_dir():
            yield place.folder.parent
        return
    if not place.deep:
        yield place.folder
        return
    start = len(place.folder.parts)
    for found, inner, _files in os.walk(place.folder):
        path = Path(found)
        inner[:] = [name for name in inner if not name.startswith(".") and len(path.parts) - start < DEPTH]
        yield path


class Watcher:
    """Calls ``changed`` from a thread of its own. ``places`` is asked anew whenever a folder came or went."""

    def __init__(
        self,
        places: Callable[[], Iterable[Place]],
        changed: Callable[[Changed], None],
        *,
        mode: WatchMode = "auto",
        poll_ms: int = POLL_MS,
    ) -> None:
        self._places, self._changed, self._mode, self._poll_ms = places, changed, mode, poll_ms
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.ready = threading.Event()
        self.problem = ""

    def start(self) -> None:
        """Begin to watch; returns at once."""
        if self._mode == "off" or self._threads:
            return
        for polled in (False, True):
            thread = threading.Thread(target=self._run, args=(polled,), daemon=True, name=f"watch-files-{polled:d}")
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End; waits for a moment at most. What still happens is not told."""
        self._stop.set()
        for thread in self._threads:
            thread.join(1.0)

    @property
    def threads(self) -> Sequence[threading.Thread]:
        """Those that are still at work: none for file systems that are not used."""
        return [thread for thread in self._threads if thread.is_alive()]

    def folders(self, *, polled: bool) -> list[Path]:
        """What is watched in one of the two ways now."""
        mounts = read_mounts() if self._mode == "auto" else []
        found = dict.fromkeys(folder for place in self._places() for folder in _folders(place))
        ask = self._mode == "poll"
        chosen = [path for path in found if (ask or not tells_of_changes(file_system(path, mounts))) == polled]
        return chosen[:MOST_FOLDERS]

    def _run(self, polled: bool) -> None:
        while not self._stop.is_set():
            folders = self.folders(polled=polled)
            if not folders:
                # Nothing here is of this sort, and a folder that comes later has the sort of the one above it.
                return
            try:
                self._watch(folders, polled)
            except (OSError, RuntimeError) as error:
                # Too many watches, or a folder that went this moment; without watching the app works as before.
                self.problem = str(error)
                if self._stop.wait(POLL_MS / 1000):
                    return

    def _watch(self, folders: list[Path], polled: bool) -> None:
        from watchfiles import watch

        self.ready.set()
        changes = watch(
            *folders,
            watch_filter=None,
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            stop_event=self._stop,
            rust_timeout=0,
            force_polling=polled,
            poll_delay_ms=self._poll_ms,
            recursive=False,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        for group in changes:
            if self._stop.is_set():
                return
            self._tell(Path(path) for _change, path in group)
            if self.folders(polled=polled) != folders:
                return

    def _tell(self, paths: Iterable[Path]) -> None:
        places = list(self._places())
        found = {(kind, path) for path in paths if (kind := kind_of(path, places)) is not None}
        if found:
            self._changed(Changed(frozenset(found)))


def kind_of(path: Path, places: Iterable[Place]) -> Kind | None:
    """What a changed file is to the app; None for nothing. The innermost place decides."""
    if _BESIDE.fullmatch(path.name):
        return None
    best: Place | None = None
    for place in places:
        inside = path == place.folder or place.folder in path.parents
        reached = inside and (place.deep or path.parent == place.folder)
        if reached and (best is None or len(place.folder.parts) > len(best.folder.parts)):
            best = place
    if best is None:
        return None
    wanted = {"theme": (".toml",), "config": (".toml",), "model": MODEL_SUFFIXES}.get(best.kind)
    return best.kind if wanted is None or path.suffix.lower() in wanted or path == best.folder else None
