"""In which order cells run: all of one model before the next, then by shared beginnings of the prompts.

An engine keeps what it read for the last prompt, so a prompt costs only what differs from the one before. In the order
of their texts every common beginning is read once, as in a walk through their prefix tree: no order reads less.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Job:
    """What the order depends on. ``load`` is all that makes an engine load anew, ``text`` what the model reads."""

    number: int
    model: Hashable
    load: Hashable
    text: str


def schedule(jobs: Iterable[Job]) -> list[int]:
    """The numbers of the jobs in the order to run them. Models and loads keep the order they first come in."""
    models: dict[Hashable, int] = {}
    loads: dict[Hashable, int] = {}
    keyed = []
    for job in jobs:
        model = models.setdefault(job.model, len(models))
        load = loads.setdefault((job.model, job.load), len(loads))
        keyed.append((model, load, job.text, job.number))
    return [number for *_, number in sorted(keyed)]


@dataclass(frozen=True, slots=True)
class Reading:
    """Characters of all prompts, and those left to read when each begins with what the last one left."""

    total: int
    shared: int

    @property
    def to_read(self) -> int:
        return self.total - self.shared


def reading(jobs: Sequence[Job]) -> Reading:
    """What the jobs cost in exactly this order."""
    total = shared = 0
    last: Job | None = None
    for job in jobs:
        total += len(job.text)
        if last is not None and (last.model, last.load) == (job.model, job.load):
            shared += shared_beginning(last.text, job.text)
        last = job
    return Reading(total, shared)


def shared_beginning(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low
