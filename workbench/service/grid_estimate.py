"""What a grid will cost, said before it starts: runs, prompt tokens to read, time; and on what each number rests.

Nothing is guessed silently: without an earlier run of a model the time is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.compare.schedule import Job, reading
from workbench.service.grid_disk import Rates
from workbench.service.grid_plan import Grid, PreparedCell

if TYPE_CHECKING:
    from workbench.service import Workbench

# Bytes of UTF-8 to a token when no run of the model is on disk; English on common tokenizers is near 4.
BYTES_PER_TOKEN = 4.0
_COUNTED_PROMPTS = 500


@dataclass(frozen=True, slots=True)
class Estimate:
    """``planned`` = ``done`` + ``failed`` + ``reused`` + ``to_run``. Tokens are those of the prompts still to run.

    ``seconds`` is None when unknown; ``most`` says that it is an upper bound, with answers as long as allowed.
    """

    planned: int
    done: int
    failed: int
    reused: int
    to_run: int
    tokens: int
    tokens_to_read: int
    tokens_basis: str
    seconds: float | None
    seconds_basis: str
    most: bool
    cold: bool

    @property
    def sentence(self) -> str:
        """For a person, without the time: ``18 runs, 6 of them on disk already, about 900 prompt tokens to read``."""
        parts = [f"{self.planned} run{'s' * (self.planned != 1)}"]
        for count, what in ((self.done, "done"), (self.reused, "on disk already"), (self.failed, "failed before")):
            if count:
                parts.append(f"{count} {what}")
        if self.to_run != self.planned:
            parts.append(f"{self.to_run} to run")
        about = "" if self.tokens_basis.startswith("counted") else "about "
        read = f"{about}{self.tokens_to_read} prompt tokens to read"
        if self.tokens_to_read < self.tokens:
            read += f" of {self.tokens}, shared beginnings once"
        return ", ".join([*parts, f"{read} ({self.tokens_basis})"])


async def estimate(bench: Workbench, grid: Grid) -> Estimate:
    """Counts tokens by an engine that is loaded and idle, if there is one; never loads one for it."""
    todo = [grid.cells[number] for number in grid.order]
    tokens, to_read, basis = await _tokens(bench, grid, todo)
    seconds, told, most = _time(grid, todo, tokens, to_read)
    states = grid.states
    return Estimate(
        planned=len(states),
        done=sum(state.status == "done" for state in states),
        failed=sum(state.status == "failed" for state in states),
        reused=sum(item.reused is not None and item.state.status == "planned" for item in grid.cells),
        to_run=len(todo),
        tokens=round(sum(tokens)),
        tokens_to_read=round(sum(to_read)),
        tokens_basis=basis,
        seconds=seconds,
        seconds_basis=told,
        most=most,
        cold=grid.cold,
    )


async def _tokens(bench: Workbench, grid: Grid, todo: Sequence[PreparedCell]) -> tuple[list[float], list[float], str]:
    """Tokens of each prompt, those of each to be read in this order, and how they were found."""
    counted = await _counted(bench, {(item.load.path, item.text) for item in todo})
    tokens = [float(counted[item.load.path, item.text]) if counted else _by_bytes(grid, item) for item in todo]
    to_read = list(tokens)
    for place in range(1, len(todo) if not grid.cold else 0):
        pair = [Job(n, item.model, item.load, item.text) for n, item in enumerate(todo[place - 1 : place + 1])]
        to_read[place] *= 1 - reading(pair).shared / max(1, len(pair[1].text))
    if counted:
        return tokens, to_read, "counted by the engine"
    measured = all(_rates(grid, item).bytes_per_token for item in todo)
    return tokens, to_read, "by their bytes, as earlier runs had it" if measured else "estimated from their bytes"


async def _counted(bench: Workbench, texts: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Tokens by (model's path, text), if one idle engine can count them all; else nothing."""
    paths = {path for path, _ in texts}
    idle = [process for process in bench.pool.idle if {process.spec.path} == paths]
    if not idle or len(texts) > _COUNTED_PROMPTS:
        return {}
    counted: dict[tuple[str, str], int] = {}
    for path, text in texts:
        count = await idle[0].count_tokens(text)
        if count is None:
            return {}
        counted[path, text] = count
    return counted


def _by_bytes(grid: Grid, item: PreparedCell) -> float:
    size = len(item.text.encode("utf-8", "surrogatepass"))
    return size / (_rates(grid, item).bytes_per_token or BYTES_PER_TOKEN)


def _rates(grid: Grid, item: PreparedCell) -> Rates:
    return grid.disk.rates.get((item.model, item.load.engine), Rates())


def _time(
    grid: Grid, todo: Sequence[PreparedCell], tokens: Sequence[float], to_read: Sequence[float]
) -> tuple[float | None, str, bool]:
    """Seconds, on what they rest, and whether they are an upper bound."""
    seconds, most = 0.0, False
    loads = set()
    runs: dict[str, int] = {}
    for item, read in zip(todo, to_read, strict=True):
        rates = _rates(grid, item)
        if not rates.write:
            return None, f"no earlier run of {item.state.model} on {item.load.engine} to go by", False
        typical = rates.tokens_out.get(item.template, 0.0)
        most = most or not typical
        written = min(item.max_tokens, typical or item.max_tokens)
        seconds += (read / rates.read if rates.read else 0.0) + written / rates.write
        if item.load not in loads:
            loads.add(item.load)
            seconds += rates.load
        runs[item.state.model] = rates.runs
    told = ", ".join(f"{count} of {model}" for model, count in runs.items())
    return seconds, f"from earlier runs: {told}" if told else "nothing to run", most
