"""What the session list and the run list show; frozen, and safe to pass between threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.record import MissingText, RunRequest, RunResult


@dataclass(frozen=True, slots=True)
class Session:
    """A folder of runs. ``problem`` says what is wrong with its ``session.toml``; it is listed all the same.
    ``unread``: it is there and cannot be read, so that nobody knows the ratings and notes in it.

    ``newer``: written by a newer version, shown and never changed. ``older``: not changed before it is migrated.
    ``unsaved``: it stands in the state folder, because the workspace could not be written. ``runs`` holds notes,
    ratings and stars by run id.
    """

    dir: Path
    id: str
    title: str
    created: str
    tags: tuple[str, ...] = ()
    note: str = ""
    runs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problem: str = ""
    newer: bool = False
    unsaved: bool = False
    older: bool = False
    unread: bool = False


SessionInfo = Session


def rating_of(marks: Mapping[str, Any]) -> int:
    """1 to 5; 0 for none, and for what is no rating."""
    rating = marks.get("rating")
    return rating if isinstance(rating, int) and not isinstance(rating, bool) and 0 < rating <= 5 else 0


def token_rate(tokens: int, ms_first: int, ms_total: int) -> float:
    """Tokens per second after the first one; 0 if unknown."""
    seconds = (ms_total - ms_first) / 1000
    return (tokens - 1) / seconds if tokens > 1 and seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A row of the run list. ``status`` is that of the result, ``running`` only while its process lives."""

    id: str
    path: Path
    created: str
    status: str
    template: str = ""
    model: str = ""
    engine: str = ""
    first_words: str = ""
    tokens_out: int = 0
    ms_first: int = 0
    ms_total: int = 0
    group: str = ""
    pane: int = 0
    rating: int = 0
    note: str = ""
    problem: str = ""
    edited: bool = False
    newer: bool = False
    star: bool = False
    parent: str = ""

    @property
    def tokens_per_second(self) -> float:
        """Speed after the first token; 0 if unknown."""
        return token_rate(self.tokens_out, self.ms_first, self.ms_total)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run, opened. ``edited``: the text is not the one that was recorded, by its hash. ``problem``: what is
    damaged. ``missing``: the inputs that are lost, by their place in the request.
    """

    request: RunRequest
    result: RunResult
    edited: bool = False
    newer: bool = False
    problem: str = ""
    missing: Mapping[str, MissingText] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        """Whether it is being written by a process that lives; ``result.text`` is what came so far."""
        return self.result.status == "running"


def badges(*, unsaved: bool = False, newer: bool = False, damaged: bool = False) -> str:
    """What is odd about a session, to stand before its title in a list; ends with a blank unless nothing is."""
    told = {"not in the workspace": unsaved, "newer format": newer, "damaged": damaged}
    return "".join(f"«{words}» " for words, odd in told.items() if odd)
