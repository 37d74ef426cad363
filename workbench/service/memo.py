"""What many runs of one plan find out once: the model of a name, its engine, threads, memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

_T = TypeVar("_T")


@dataclass
class PlanMemo:
    """Shared by the runs of one grid. ``lanes`` is how many of them go at once; threads are divided among them."""

    lanes: int = 1
    known: dict[Hashable, Any] = field(default_factory=dict)

    def once(self, key: Hashable, find: Callable[[], _T]) -> _T:
        """What ``find`` gave the first time that ``key`` was asked for."""
        if key not in self.known:
            self.known[key] = find()
        found: _T = self.known[key]
        return found
