"""The result of a grid in a file, as the command line writes it. The file's ending says the format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.error import UsageError
from workbench.service.grid_result import GridResult, result_of, result_text
from workbench.textio import atomic_write

if TYPE_CHECKING:
    from workbench.tui.grid.live import GridLive

FORMATS = {"csv": "csv", "json": "json", "jsonl": "jsonl", "md": "md", "html": "html", "xml": "junit", "txt": "table"}


def write_result(live: GridLive, path: Path) -> None:
    """Blocking. Raises UsageError for an unknown ending, StorageError when it cannot be written."""
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise UsageError(f"no format for {path.name!r}", hint=f"Endings: {', '.join(FORMATS)}.")
    atomic_write(path, result_text(FORMATS[ending], _result(live)))


def _result(live: GridLive) -> GridResult:
    if live.grid is not None and live.run is not None:
        return result_of(live.grid, live.run)
    place = live.place
    return GridResult(
        str(place[1].plan.get("template", "")) if place is not None else "",
        live.title,
        live.plan,
        live.states,
        live.totals,
        place is not None and place[1].plan.get("cache") == "cold",
        place[0].dir.name if place is not None else "",
        place[1].id if place is not None else "",
    )
