"""The results of a grid on stdout or in a file: a table, CSV, JSON, JSON lines.

Keys and columns are stable. JSON lines come as cells end; everything else at the end.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.service.grid_check import LATER
from workbench.service.grid_events import CellChecked, CellFailed, CellFinished, GridEvent
from workbench.service.grid_result import cell_record, json_text, result_of, table_rows
from workbench.service.grid_result import result_text as text_of

if TYPE_CHECKING:
    from workbench.cli.out import Console
    from workbench.compare.state import CellState
    from workbench.service.grid import GridRun
    from workbench.service.grid_plan import Grid


class Writer:
    """One format to one place. Raises StorageError when the file cannot be written, OutputClosed as stdout does."""

    def __init__(self, form: str, output: str, console: Console) -> None:
        self._form = form
        self._output = output
        self._console = console
        self._lines: list[str] = []
        self._waiting: dict[int, CellState] = {}

    def take(self, event: GridEvent, grid: Grid) -> None:
        """JSON lines as they come, with all checks made."""
        if self._form != "jsonl" or not isinstance(event, CellFinished | CellFailed | CellChecked):
            return
        state = event.state
        if isinstance(event, CellFinished) and any(check.error == LATER for check in state.checks):
            self._waiting[event.number] = state
        else:
            self._waiting.pop(event.number, None)
            self._line(state)

    def _line(self, state: CellState) -> None:
        if self._output:
            self._lines.append(json_text(cell_record(state)))
        else:
            self._console.out.json(cell_record(state))

    def end(self, grid: Grid, run: GridRun) -> None:
        """Everything else; lines whose checks were never made."""
        for state in self._waiting.values():
            self._line(state)
        if self._form == "table" and not self._output:
            self._console.out.table(table_rows(result_of(grid, run)))
            return
        text = (
            "".join(f"{line}\n" for line in self._lines)
            if self._form == "jsonl"
            else result_text(self._form, grid, run)
        )
        if self._output:
            from workbench.textio import atomic_write

            atomic_write(Path(self._output), text)
            self._console.talk.say(f"written to {self._output}")
        elif text:
            self._console.out.text(text)
            self._console.out.end_line()


def result_text(form: str, grid: Grid, run: GridRun) -> str:
    """The whole grid in any format but JSON lines."""
    return text_of(form, result_of(grid, run))
