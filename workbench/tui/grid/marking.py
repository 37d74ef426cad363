"""What the keys of the grid's screen do with the run under the cursor: read, mark, compare, rate, note; and export."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.compare.state import CellState
from workbench.error import WorkbenchError
from workbench.tui.grid.export import FORMATS, write_result
from workbench.tui.screens.difference import DifferenceScreen, difference_text
from workbench.tui.screens.modal import ask_text

if TYPE_CHECKING:
    from workbench.tui.screens.grid import GridScreen


class GridMarking:
    """One method for each command."""

    def __init__(self, screen: GridScreen) -> None:
        self.screen = screen

    # -- pages -------------------------------------------------------------------------------------------------

    def page(self) -> None:
        """The run under the cursor, with prompt, output and checks; or the page away."""
        if self.screen.page == "cell":
            self.screen.close_page()
        else:
            self.screen.open_page("cell")

    def row(self) -> None:
        self.screen.open_page("row")

    def rates(self) -> None:
        self.screen.open_page("rates")

    def next_cell(self) -> None:
        self._turn(1)

    def previous_cell(self) -> None:
        self._turn(-1)

    def _turn(self, step: int) -> None:
        """The next run of the same cell, else the next cell of the row, else the next row."""
        screen, table = self.screen, self.screen.table
        rows, columns = screen.rows.shape
        turn = screen.turn + step
        if 0 <= turn < len(screen.stack.states):
            screen.turn = turn
        else:
            place = table.row * columns + table.column + step
            if not 0 <= place < rows * columns:
                return
            table.move_to(place // columns, place % columns)
            screen.turn = 0
        screen.tell_view()
        if screen.page:
            screen.page = "cell" if screen.page == "rates" else screen.page
            screen.look(anew=True)

    # -- comparing ---------------------------------------------------------------------------------------------

    def mark(self) -> None:
        """Mark the run for a comparison, or take the mark away; the last two marks count."""
        screen, state = self.screen, self.screen.state
        if state is None:
            return
        if state.number in screen.marked:
            screen.marked.remove(state.number)
        else:
            screen.marked[:] = [*screen.marked[-1:], state.number]
        screen.redraw()

    async def compare(self) -> None:
        """Two marked runs, or a marked one and that under the cursor."""
        screen, state = self.screen, self.screen.state
        numbers = list(screen.marked)
        if len(numbers) == 1 and state is not None and state.number not in numbers:
            numbers.append(state.number)
        if len(numbers) != 2:
            screen.say("Mark two cells with the space bar, or one and go to the other.")
            return
        states = screen.live.states
        try:
            text, marks = await asyncio.to_thread(self._difference, states[numbers[0]], states[numbers[1]])
        except WorkbenchError as error:
            screen.say(str(error), error=True)
            return
        screen.app.push_screen(DifferenceScreen(text, marks, screen.grids.app.commands, title="Two cells"))

    def _difference(self, left: CellState, right: CellState) -> Any:
        live = self.screen.live
        return difference_text(live.record(left), live.record(right))

    # -- marks of a person -------------------------------------------------------------------------------------

    async def _mark(self, change: Callable[[Any, Any, str], Any]) -> None:
        screen, state, live = self.screen, self.screen.state, self.screen.live
        if state is None:
            return
        try:
            await asyncio.to_thread(live.mark, state, change)
        except WorkbenchError as error:
            screen.say(str(error), error=True)
            return
        live.touch([state.number])

    async def rate(self, number: int) -> None:
        """1 to 5, which goes before the checks; 0 takes it back."""
        await self._mark(lambda store, session, run: store.rate_run(session, run, number))

    async def ask_rating(self) -> None:
        answer = await ask_text(
            self.screen.app, "Rating, 1 to 5; 0 takes it away", hint="In the table the keys 0 to 5 do the same."
        )
        if answer and len(answer) == 1 and answer in "012345":
            await self.rate(int(answer))

    async def star(self) -> None:
        state = self.screen.state
        if state is not None:
            starred = bool(self.screen.live.marks(state).get("star"))
            await self._mark(lambda store, session, run: store.star_run(session, run, not starred))

    async def note(self) -> None:
        state = self.screen.state
        if state is None:
            return
        old = str(self.screen.live.marks(state).get("note", ""))
        text = await ask_text(self.screen.app, "Note on the run", old, "- for none. Enter takes it.")
        if text is not None:
            await self._mark(lambda store, session, run: store.note_run(session, run, "" if text == "-" else text))

    # -- export ------------------------------------------------------------------------------------------------

    async def export(self) -> None:
        """Write the result to a file; its ending is the format."""
        screen = self.screen
        if screen.live.reading:
            screen.say("Wait until the runs are read.")
            return
        place = screen.live.place
        name = f"grid-{place[1].id}.csv" if place is not None else "grid.csv"
        text = await ask_text(
            self.screen.app, "Write the result to", name, f"The ending is the format: {', '.join(FORMATS)}."
        )
        if not text:
            return
        path = Path(text).expanduser()
        path = path if path.is_absolute() else screen.live.bench.workspace.root / path
        if path.exists() and not await self._may_replace(path):
            return
        try:
            await asyncio.to_thread(write_result, screen.live, path)
        except WorkbenchError as error:
            screen.say(str(error), error=True)
        else:
            screen.say(f"written to {path}")

    async def _may_replace(self, path: Path) -> bool:
        from workbench.tui.screens.modal import Confirm

        sure: bool | None = await self.screen.app.push_screen_wait(Confirm(f"{path} is there. Replace it?"))
        return bool(sure)
