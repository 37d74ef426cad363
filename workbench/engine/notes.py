"""What this machine has learnt about models, kept in the user's state folder: small JSON tables.

A table only saves work (hashes, measured threads and memory, crashes): one that is missing, damaged or cannot be
written counts as empty, and nobody is bothered. Two processes that write at once lose no entry.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from workbench.error import StorageError
from workbench.textio import atomic_write, make_private

MOST_ENTRIES = 2000
LARGEST_FILE = 4 << 20


class Notes:
    """One table, ``NAME.json``: text keys to JSON values."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def path(self) -> Path:
        return user_state_path("prompt-workbench") / f"{self._name}.json"

    def read(self) -> dict[str, Any]:
        """The whole table; empty when there is none, or a damaged one. Blocking."""
        try:
            if self.path.stat().st_size > LARGEST_FILE:
                return {}
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}

    def get(self, key: str) -> dict[str, Any]:
        """The entry of ``key`` when it is a record, else an empty one."""
        value = self.read().get(key)
        return value if isinstance(value, dict) else {}

    def put(self, key: str, value: object) -> None:
        """Set one entry; the oldest ones go when there are too many."""

        def change(table: dict[str, Any]) -> None:
            table.pop(key, None)
            table[key] = value

        self.change(change)

    def drop(self, matches: Callable[[str], bool]) -> None:
        """Remove the entries whose key ``matches``."""
        if any(matches(key) for key in self.read()):
            self.change(lambda table: [table.pop(key) for key in list(table) if matches(key)])

    def change(self, edit: Callable[[dict[str, Any]], object]) -> None:
        """Read, ``edit`` in place and write back, alone. A disk that refuses only means that it is learnt again."""
        with contextlib.suppress(OSError, StorageError), self._alone():
            table = self.read()
            edit(table)
            kept: Mapping[str, Any] = dict(list(table.items())[-MOST_ENTRIES:])
            atomic_write(self.path, json.dumps(kept, indent=0), durable=False)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        make_private(self.path.parent)
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            # Held for milliseconds by each writer.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
