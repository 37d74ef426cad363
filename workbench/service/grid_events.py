"""What happens in a grid, as both faces consume it. Frozen; every event of a cell names it by its number."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.compare.state import CellState
from workbench.event import Piece, Progress


@dataclass(frozen=True, slots=True)
class CellStarted:
    number: int
    run_id: str


@dataclass(frozen=True, slots=True)
class CellProgress:
    number: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class CellPiece:
    number: int
    piece: Piece


@dataclass(frozen=True, slots=True)
class CellFinished:
    """A run that ended by itself or was cancelled (``state.status``), or one that was on disk (``state.reused``)."""

    number: int
    state: CellState


@dataclass(frozen=True, slots=True)
class CellFailed:
    """``state.error`` says why; ``state.run_id`` is empty when the run was not even started."""

    number: int
    state: CellState


@dataclass(frozen=True, slots=True)
class CellChecked:
    """Checks that waited for the end are made: those by code or by a judge."""

    number: int
    state: CellState


@dataclass(frozen=True, slots=True)
class Totals:
    """``done`` includes ``reused``. Speed over the time that the grid has worked; ``seconds_left`` None is unknown."""

    planned: int
    done: int = 0
    failed: int = 0
    reused: int = 0
    running: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    seconds_left: float | None = None
    paused: bool = False

    @property
    def left(self) -> int:
        return self.planned - self.done - self.failed

    @property
    def tokens_per_s(self) -> float:
        return self.tokens_out / self.seconds if self.seconds > 0 else 0.0


GridEvent = CellStarted | CellProgress | CellPiece | CellFinished | CellFailed | CellChecked | Totals
