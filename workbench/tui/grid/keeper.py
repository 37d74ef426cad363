"""The grids of the app: the one that runs, its screen open or not; what was written in the form; those on disk."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.compare.plan import plan_from_data
from workbench.compare.state import CellState
from workbench.error import WorkbenchError
from workbench.service.grid_plan import refuse_too_many
from workbench.service.grid_resume import grid_from_disk, grids_of, saved_grid
from workbench.tui.background import carry_on
from workbench.tui.grid.live import GridLive
from workbench.tui.grid.wish import Base, Wish
from workbench.tui.listview import Row
from workbench.tui.numbers import day_time
from workbench.tui.screens.modal import Choose, Confirm

if TYPE_CHECKING:
    from workbench.service.grid_plan import Grid
    from workbench.session.groups import Group
    from workbench.session.info import Session
    from workbench.tui.app import WorkbenchApp
    from workbench.tui.screens.grid import GridScreen

# Commands that load or take an engine, beside the grid's own.
USES_ENGINE = frozenset({"run", "pane_into", "browse_verify", "browse_rerun"})
TOLD_PER_SECOND = 2
_LISTED = 200


def _tell_read(live: GridLive, done: int, total: int) -> None:
    """In the reading thread; the screen looks at it a few times a second."""
    live.read = (done, total)


class Grids:
    """``live`` is the last grid that was started or opened here."""

    def __init__(self, app: WorkbenchApp) -> None:
        self.app = app
        self.live: GridLive | None = None
        self.wishes: dict[str, Wish] = {}
        self._timer = app.set_interval(1 / TOLD_PER_SECOND, self.tell, pause=True)

    @property
    def running(self) -> bool:
        return self.live is not None and self.live.running

    # -- opening -----------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """The grid that runs, or that ended unseen; else the form of a new one."""
        from workbench.tui.screens.grid_plan import GridPlanScreen

        live = self.live
        if live is not None and (live.running or not live.seen):
            await self._show(live)
            return
        main = self.app.main
        try:
            base = Base(
                main.editing.document(),
                main.form.variables(),
                dict(main.running.params),
                main.running.model,
                main.running.engine,
            )
        except WorkbenchError as error:
            main.tell(error)
            return
        grid: Grid | None = await self.app.push_screen_wait(GridPlanScreen(self, base))
        if grid is not None:
            await self._show(self.start(grid))

    async def _show(self, live: GridLive) -> GridScreen:
        from workbench.tui.screens.grid import GridScreen

        screen = GridScreen(self, live)
        await self.app.push_screen(screen)
        return screen

    def start(self, grid: Grid) -> GridLive:
        """Run it, behind whatever is on screen."""
        title = grid.spec.document.header.title or grid.spec.document.path
        place = (grid.spec.session, grid.group) if grid.spec.session is not None and grid.group is not None else None
        live = self.live = GridLive(self.app.bench, grid.plan, grid.states, title=title, grid=grid, place=place)
        live.running = True
        self._timer.resume()
        carry_on(self.app.main, self._go(live), group="grid")
        return live

    async def _go(self, live: GridLive) -> None:
        try:
            await live.go()
        finally:
            self._timer.pause()
            self.tell()
        if self.app.is_running and self.app.main.context:
            await self.app.main.browsing.refresh()

    async def resume(self, live: GridLive, *, failed: bool) -> GridLive | None:
        """Go on with a grid that was stopped or stands on disk; ``failed`` runs only what failed. None: refused."""
        place = live.place
        if place is None:
            self.app.main.say("This grid is not on disk: it cannot go on.", error=True)
            return None
        told = self.refusal_to_start()
        if told:
            self.app.main.say(told, error=True)
            return None
        try:
            grid = await asyncio.to_thread(grid_from_disk, self.app.bench, *place, missing=not failed, failed=failed)
        except WorkbenchError as error:
            self.app.main.tell(error)
            return None
        if not grid.order:
            self.app.main.say("Nothing failed." if failed else "Nothing is missing.")
            return None
        return self.start(grid)

    async def list_saved(self) -> None:
        """Saved grids, newest first; Enter opens one."""
        found = await asyncio.to_thread(self._saved)
        if not found:
            self.app.main.say("No grid is saved yet.")
            return
        rows = [
            Row(group.id, (str(group.plan.get("template", "?")), day_time(group.created), state), bool(group.problem))
            for _, group, state in found
        ]
        details = {group.id: _about(session, group) for session, group, _ in found}
        chosen = await self.app.push_screen_wait(
            Choose("Grids (template, begun, state)", rows, widths=(0, 16, 22), detail=lambda key: details.get(key, ""))
        )
        pair = next(((session, group) for session, group, _ in found if group.id == chosen), None)
        if pair is not None:
            await self.open_saved(*pair)

    async def open_saved(self, session: Session, group: Group) -> None:
        """Show a saved grid; one that runs here is shown as it runs."""
        if self.live is not None and self.live.place is not None and self.live.place[1].id == group.id:
            await self._show(self.live)
            return
        title = str(group.plan.get("template", "grid"))
        try:
            # The table opens at once; ten thousand runs take a while to read.
            plan = plan_from_data(group.plan)
            refuse_too_many(plan)
            empty = [CellState(cell) for cell in plan.cells()]
            first = GridLive(self.app.bench, plan, empty, title=title, place=(session, group))
            first.reading = True
            screen = await self._show(first)
            on_read = partial(_tell_read, first)
            plan, states = await asyncio.to_thread(saved_grid, self.app.bench, session, group, on_read=on_read)
        except WorkbenchError as error:
            self.app.main.tell(error)
            return
        live = GridLive(self.app.bench, plan, states, title=title, place=(session, group))
        if not self.running:
            self.live = live
        if screen.is_mounted and screen.live is first:
            screen.show_live(live)

    def _saved(self) -> list[tuple[Session, Group, str]]:
        found = sorted(grids_of(self.app.bench), key=lambda pair: pair[1].id, reverse=True)[:_LISTED]
        live = self.live
        here = live.place[1].id if live is not None and live.running and live.place is not None else ""
        return [
            (session, group, "running" if group.id == here else saved_state(session, group)) for session, group in found
        ]

    # -- what excludes what ------------------------------------------------------------------------------------

    def refusal(self, command: str) -> str:
        """Why a command that needs an engine cannot be carried out now; empty if it can."""
        live = self.live
        if command not in USES_ENGINE or live is None or not live.running:
            return ""
        at_work = live.engines_at_work
        if at_work == {"server"} or (not at_work and live.totals.paused):
            return ""
        totals = live.totals
        return (
            f"A grid is running ({totals.done} of {totals.planned} done) and has the engine. "
            "^G opens it: F5 pauses it, F6 stops it."
        )

    def refusal_to_start(self) -> str:
        """Why no grid can start or go on now."""
        if self.running:
            return "A grid is running already. ^G opens it."
        return "A run is going on. Escape, then F6 stops it." if self.app.main.running.busy else ""

    async def may_quit(self) -> bool:
        """Asks while a grid runs."""
        if not self.running:
            return True
        question = "A grid is running. Stop it and quit? What has finished is kept, and it can go on later."
        answer: bool | None = await self.app.push_screen_wait(Confirm(question))
        return bool(answer)

    async def stop(self) -> None:
        """End now; what goes on is cancelled and kept."""
        if self.live is not None and self.live.running and self.live.run is not None:
            await self.live.run.cancel()

    # -- the main screen ---------------------------------------------------------------------------------------

    def tell(self) -> None:
        """The line in the status of the main screen."""
        live, status = self.live, self.app.main.status
        status.aside = ""
        if live is not None and (live.running or not live.seen):
            status.aside = "grid " + ", ".join(live.parts()[:2]) + " (^G)"
        if status.is_attached:
            status.show()


_GROUP = re.compile(rb'^group = "([0-9A-Z]+)"', re.M)
_STATUS = re.compile(rb'^status = "([a-z]+)"', re.M)


def saved_state(session: Session, group: Group) -> str:
    """How far a saved grid came, from its files as bytes: ``12 of 18 done, 1 failed``. Blocking."""
    if group.problem:
        return group.problem
    counts = {"finished": len(_rows(group.plan.get("reused"))), "error": 0}
    wanted = group.id.encode()
    for path in (session.dir / "runs").glob("*.toml"):
        status = _status_of(path, wanted)
        if status in counts:
            counts[status] += 1
    parts = [f"{counts['finished']} of {group.plan.get('count', '?')} done"]
    return ", ".join(parts + ([f"{counts['error']} failed"] if counts["error"] else []))


def _status_of(path: Path, group: bytes) -> str:
    try:
        data = path.read_bytes()
    except OSError:
        return ""
    if group not in _GROUP.findall(data):
        return ""
    found = _STATUS.findall(data)
    return found[-1].decode() if found else ""


def _rows(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _about(session: Session, group: Group) -> str:
    axes = [", ".join(map(str, axis.get("targets", ()))) for axis in _rows(group.plan.get("axis"))]
    return f"{session.title}: {' x '.join(axes) or 'no axes'}\n{group.id} {group.problem}".rstrip()
