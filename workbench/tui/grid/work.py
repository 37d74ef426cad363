"""What the keys of the grid's screen do to its view (pivot, fix, hide, sort, filter) and to the grid (pause, stop)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.compare.table import Filter, Only, Sort, View
from workbench.error import UsageError
from workbench.tui.grid.marking import GridMarking
from workbench.tui.grid.rows import modes
from workbench.tui.listview import Row
from workbench.tui.screens.modal import Choose, Confirm, ask_text

if TYPE_CHECKING:
    from collections.abc import Sequence

ONLY: tuple[Only, ...] = ("all", "baseline", "row")
STATUSES = ("planned", "running", "done", "failed", "cancelled")
_FILTER = re.compile(r"(?P<metric>.+?)\s*(?P<sign><=|>=|=|<|>)\s*(?P<value>[+-]?\d+(?:\.\d+)?)")
_WIDER = 8
FILTER_HINT = "Like: tokens_out >= 50, check:NAME = 0, failed. - shows all."


def filter_of(text: str, known: Sequence[str]) -> Filter | None:
    """``tokens_out >= 50``, ``check:contains=rain = 0``, or a status; - is none. Raises UsageError."""
    text = text.strip()
    if text == "-":
        return None
    if text in STATUSES:
        return Filter(status=text)
    match = _FILTER.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no filter", hint=FILTER_HINT)
    if match["metric"] not in known:
        raise UsageError(f"there is no {match['metric']!r}", hint=f"There are: {', '.join(known)}.")
    return Filter(match["metric"], match["sign"], float(match["value"]))  # type: ignore[arg-type]


class GridWork(GridMarking):
    """One method for each command."""

    # -- the line about the view -------------------------------------------------------------------------------

    def view_parts(self) -> list[str]:
        """What is shown how, for the line below the table."""
        screen, view = self.screen, self.screen.view
        rows, columns = screen.rows.shape
        row, column = min(screen.table.row + 1, rows), min(screen.table.column + 1, columns)
        parts = [f"row {row} of {rows}, column {column} of {columns}"]
        if values := screen.rows.values(row - 1, column - 1):
            parts.append(values)
        parts.append(f"shows {screen.mode}")
        for axis, value in view.fixed.items():
            dimension = self._dimensions[axis]
            if len(dimension.labels) > 1:
                parts.append(f"{dimension.name} = {dimension.labels[value]}")
        stacked = [d.name for axis, d in enumerate(self._dimensions) if self._role(axis) == "stacked"]
        parts += [f"stacked: {', '.join(stacked)}"] if stacked else []
        parts += [f"only what differs from the {view.only}"] if view.only != "all" else []
        if view.sort is not None:
            parts.append(f"by {view.sort.metric}{', falling' if view.sort.descending else ''}")
        if view.filter is not None:
            parts.append(f"filter: {self._filter_text(view.filter)}")
        parts += [f"{len(view.hidden)} hidden"] if view.hidden else []
        return parts + ([f"{len(screen.marked)} marked"] if screen.marked else [])

    @staticmethod
    def _filter_text(wanted: Filter) -> str:
        return wanted.status or f"{wanted.metric} {wanted.sign} {wanted.value:g}"

    @property
    def _dimensions(self) -> Any:
        return self.screen.live.table.dimensions

    def _role(self, axis: int) -> str:
        view = self.screen.view
        if axis in view.rows:
            return "rows"
        return "columns" if axis in view.columns else "fixed" if axis in view.fixed else "stacked"

    async def _set(self, view: View) -> None:
        self.screen.view = view
        self.screen.turn = 0
        await self.screen.relayout()

    async def _choose(self, title: str, rows: Sequence[Row], *, start: str = "", widths: Sequence[int] = (0,)) -> str:
        chosen: str | None = await self.screen.app.push_screen_wait(Choose(title, rows, start=start, widths=widths))
        return chosen or ""

    # -- what cells show ---------------------------------------------------------------------------------------

    def next_mode(self) -> None:
        """Words, then one number after the other."""
        known = modes(self.screen.live.states)
        place = known.index(self.screen.mode) if self.screen.mode in known else -1
        self.screen.mode = known[(place + 1) % len(known)]
        self.screen.redraw()

    async def choose_mode(self) -> None:
        rows = [Row(name, (name,)) for name in modes(self.screen.live.states)]
        if chosen := await self._choose("Cells show", rows, start=self.screen.mode):
            self.screen.mode = chosen
            self.screen.redraw()

    def wider(self) -> None:
        self.screen.table.widen(_WIDER)

    def narrower(self) -> None:
        self.screen.table.widen(-_WIDER)

    # -- axes --------------------------------------------------------------------------------------------------

    async def swap(self) -> None:
        await self._set(self.screen.view.swapped())

    async def _axis(self, title: str) -> int | None:
        """One of the axes that have more than one value."""
        rows = [
            Row(str(axis), (dimension.name, f"{len(dimension.labels)} values", self._role(axis)))
            for axis, dimension in enumerate(self._dimensions)
            if len(dimension.labels) > 1
        ]
        if not rows:
            self.screen.say("No axis has more than one value.")
            return None
        chosen = await self._choose(title, rows, widths=(0, 14, 10))
        return int(chosen) if chosen else None

    async def pivot(self) -> None:
        """Move an axis: to the rows, to the columns, or its cells on one another."""
        axis = await self._axis("Move which axis?")
        if axis is None:
            return
        rows = [
            Row("rows", ("to the rows",)),
            Row("columns", ("to the columns",)),
            Row("alone", ("to the columns, alone",)),
            Row("stacked", ("stack its cells on one another",)),
        ]
        role = await self._choose(self._dimensions[axis].name, rows)
        if not role:
            return
        view = self.screen.view
        rest, across = [a for a in view.rows if a != axis], [a for a in view.columns if a != axis]
        if role == "alone":
            rest, across = [*rest, *across], []
        if role == "rows":
            rest.append(axis)
        elif role != "stacked":
            across.append(axis)
        made = view.pivoted(rest, across)
        await self._set(replace(made, fixed={a: v for a, v in made.fixed.items() if a != axis}))

    async def fix(self) -> None:
        """One axis at the value under the cursor, out of rows and columns; once more frees it."""
        axis = await self._axis("Fix or free which axis?")
        if axis is None:
            return
        view = self.screen.view
        if axis in view.fixed:
            await self._set(view.freeing(axis))
        else:
            await self._set(view.fixing(axis, self._value(axis)))

    def _value(self, axis: int) -> int:
        """Of the axis under the cursor; the first where it is not shown."""
        state = self.screen.state
        where = (*state.cell.where, state.cell.prompt) if state is not None else ()
        return where[axis] if self._role(axis) in ("rows", "columns") and axis < len(where) else 0

    async def step(self, step: int) -> None:
        """The next value of the axis that was fixed last."""
        view = self.screen.view
        axes = [axis for axis in view.fixed if len(self._dimensions[axis].labels) > 1]
        if not axes:
            self.screen.say("No axis is fixed. f fixes one.")
            return
        axis = axes[-1]
        await self._set(view.fixing(axis, (view.fixed[axis] + step) % len(self._dimensions[axis].labels)))

    async def next_value(self) -> None:
        await self.step(1)

    async def previous_value(self) -> None:
        await self.step(-1)

    async def hide(self) -> None:
        """Hide one of the values under the cursor."""
        view = self.screen.view
        rows = [
            Row(f"{axis} {value}", (f"{self._dimensions[axis].name} = {self._dimensions[axis].labels[value]}",))
            for axis in (*view.rows, *view.columns)
            for value in (self._value(axis),)
        ]
        if chosen := await self._choose("Hide which value?", rows):
            axis, value = map(int, chosen.split())
            await self._set(view.hiding(axis, value))

    async def show_all(self) -> None:
        await self._set(replace(self.screen.view.showing_all(), sort=None))

    # -- rows --------------------------------------------------------------------------------------------------

    async def sort(self) -> None:
        """By the mean of a row, or by the column under the cursor; the same once more turns it around."""
        names = modes(self.screen.live.states)[1:]
        rows = [Row("", ("as planned", ""))]
        rows += [Row(f"-1 {name}", (name, "of the row")) for name in names]
        rows += [Row(f"{self.screen.table.column} {name}", (name, "of this column")) for name in names]
        chosen = await self.screen.app.push_screen_wait(Choose("Sort rows by", rows, widths=(0, 16)))
        if chosen is None:
            return
        view = self.screen.view
        if not chosen:
            await self._set(replace(view, sort=None))
            return
        column, _, name = chosen.partition(" ")
        same = view.sort is not None and (view.sort.metric, view.sort.column) == (name, int(column))
        turned = same and view.sort is not None and not view.sort.descending
        await self._set(replace(view, sort=Sort(name, int(column), turned)))

    async def filter(self) -> None:
        known = modes(self.screen.live.states)[1:]
        old = self.screen.view.filter
        text = await ask_text(
            self.screen.app, "Rows with a cell where", self._filter_text(old) if old else "", FILTER_HINT
        )
        if text is None:
            return
        try:
            wanted = filter_of(text, known)
        except UsageError as error:
            self.screen.say(str(error), error=True)
            return
        await self._set(replace(self.screen.view, filter=wanted))

    async def only(self) -> None:
        """All cells, those that differ from the baseline's column, those that differ from their row."""
        view = self.screen.view
        await self._set(replace(view, only=ONLY[(ONLY.index(view.only) + 1) % len(ONLY)]))

    async def baseline(self) -> None:
        """The column under the cursor is what the others are compared with."""
        await self._set(replace(self.screen.view, baseline=self.screen.table.column, only="baseline"))

    # -- the grid ----------------------------------------------------------------------------------------------

    async def go_on(self) -> None:
        """Pause, go on, or resume what was stopped."""
        live = self.screen.live
        if live.running and live.run is not None:
            if not live.run.paused:
                live.run.pause()
            elif self.screen.grids.app.main.running.busy:
                self.screen.say("A run is going on in the main screen: wait for it, or stop it there.")
            else:
                live.run.resume()
            return
        await self._resume(failed=False)

    async def retry(self) -> None:
        if self.screen.live.running:
            self.screen.say("Wait until the grid has ended: then what failed can run again.")
            return
        await self._resume(failed=True)

    async def _resume(self, *, failed: bool) -> None:
        screen = self.screen
        screen.say("Reading what is on disk …")
        live = await screen.grids.resume(screen.live, failed=failed)
        if live is not None and screen.is_mounted:
            screen.show_live(live)

    def stop_after(self) -> None:
        """End once the runs that go on have finished."""
        live = self.screen.live
        if live.running and live.run is not None:
            live.run.stop_after_current()
            self.screen.say("It stops when this run has ended. F5 goes on later.")
        else:
            self.screen.say("The grid is not running.")

    async def stop_now(self) -> None:
        """Cancel what goes on; its text is kept, and it runs again when the grid goes on."""
        live = self.screen.live
        if not live.running or live.run is None:
            self.screen.say("The grid is not running.")
            return
        sure: Any = await self.screen.app.push_screen_wait(Confirm("Stop now, in the middle of a run?"))
        if sure and live.running:
            await live.run.cancel()
