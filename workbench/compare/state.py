"""One cell as it stands now: planned, running, done, failed or found on disk; what the table shows and sorts by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workbench.compare.plan import PlannedCell

if TYPE_CHECKING:
    from workbench.compare.check import CheckResult

CellStatus = Literal["planned", "running", "done", "failed", "cancelled"]
METRICS = ("tokens_out", "tokens_per_s", "ms_first", "ms_total", "characters", "checks", "distinct")


@dataclass(slots=True)
class CellState:
    """Times in ms, tokens in the engine's unit. ``reused``: the run was on disk already, made for something else.

    ``session`` and ``run_id`` say where the run stands; empty while there is none. ``note`` is why the run may not be
    exactly repeatable. ``problem`` is why it could not be saved. ``rating`` (1 to 5, 0 for none), ``star`` and
    ``remark`` are a person's. ``picked`` are the options that the template's choices got, as far as known.
    """

    cell: PlannedCell
    model: str = ""
    engine: str = ""
    status: CellStatus = "planned"
    text: str = ""
    sha256: str = ""
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    ms_load: int = 0
    ms_first: int = 0
    ms_total: int = 0
    finish_reason: str = ""
    repro: str = "none"
    seed: int | None = None
    error: str = ""
    note: str = ""
    problem: str = ""
    reused: bool = False
    session: str = ""
    run_id: str = ""
    checks: tuple[CheckResult, ...] = ()
    rating: int = 0
    star: bool = False
    remark: str = ""
    prompt_text: str = ""
    picked: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        return self.cell.number

    @property
    def ended(self) -> bool:
        return self.status in ("done", "failed")

    @property
    def judged(self) -> bool:
        """Whether there is something that a verdict comes from."""
        return bool(self.rating or self.checks)

    @property
    def passed(self) -> bool | None:
        """A person's verdict, which goes before all checks; else that of the checks; None while there are none."""
        from workbench.compare.check_spec import verdict

        if self.rating:
            from workbench.compare.score import PASSING_RATING

            return self.rating >= PASSING_RATING
        return verdict(check.passed for check in self.checks)

    def metric(self, name: str) -> float | None:
        """A number of ``METRICS``, or ``check:NAME`` as 1 or 0; None while unknown."""
        if name.startswith("check:"):
            found = [check.passed for check in self.checks if check.name == name[6:] and check.passed is not None]
            return float(all(found)) if found else None
        if self.status != "done":
            return None
        match name:
            case "tokens_out" | "ms_first" | "ms_total":
                return float(getattr(self, name))
            case "characters":
                return float(len(self.text))
            case "checks":
                made = [check.passed for check in self.checks if check.passed is not None]
                return sum(made) / len(made) if made else None
            case "tokens_per_s":
                seconds = (self.ms_total - self.ms_first) / 1000
                return (self.tokens_out - 1) / seconds if self.tokens_out > 1 and seconds > 0 else None
        return None
