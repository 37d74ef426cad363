"""Sessions and their runs in the list at the left, and opening a run as it was."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from workbench.error import WorkbenchError
from workbench.session.info import RunInfo, RunRecord, Session, token_rate
from workbench.tui.listview import Row
from workbench.tui.numbers import when
from workbench.tui.panes import MOST
from workbench.tui.screens.modal import Choose
from workbench.tui.status import RunState

if TYPE_CHECKING:
    from workbench.session.store import SessionStore
    from workbench.tui.screens.main import MainScreen

# The newest of them; the browser has all.
SHOWN = 200
ALL = "all"
# A word and a sign each: nothing is told by colour alone.
SIGNS = {"finished": "=", "cancelled": "#", "error": "!", "interrupted": "?", "running": ">"}


class Browsing:
    """The session list. One session is unfolded at a time."""

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen
        self._open = ""
        self._sessions: dict[str, Session] = {}

    async def refresh(self) -> None:
        """Read the list anew; the session in use is unfolded."""
        current = self.screen.running.session
        if current is not None:
            self._open = current.id
        rows = await asyncio.to_thread(self._rows)
        if self.screen.is_mounted:
            self.screen.sessions.set_rows(rows)

    def _rows(self) -> list[Row]:
        store = self.screen.bench.store
        sessions = store.list_sessions(SHOWN + 1)
        self._sessions = {session.id: session for session in sessions}
        rows: list[Row] = []
        for session in sessions[:SHOWN]:
            fold = "v" if session.id == self._open else ">"
            title = f"{fold} {when(session.created)} {session.title or session.id}"
            rows.append(Row(f"s:{session.id}", (title,), muted=bool(session.problem)))
            if session.id == self._open:
                rows += [self._run_row(session, run) for run in reversed(store.runs(session))]
        if len(sessions) > SHOWN:
            rows.append(Row(ALL, ("  … all of them: Alt+6",), muted=True))
        return rows

    def _run_row(self, session: Session, run: RunInfo) -> Row:
        sign = SIGNS.get(run.status, "?")
        words = run.first_words or run.problem or run.status
        return Row(f"r:{session.id}:{run.id}", (f"  {sign} {words}",), muted=run.status in ("error", "interrupted"))

    async def select(self, key: str) -> None:
        """Fold or unfold a session, or open a run."""
        kind, _, rest = key.partition(":")
        if key == ALL:
            await self.screen.app.run_action("command('browse')")
            return
        if kind == "s":
            self._open = "" if self._open == rest else rest
            rows = await asyncio.to_thread(self._rows)
            self.screen.sessions.set_rows(rows)
            self.screen.sessions.move_to(key)
            return
        session_id, _, run_id = rest.partition(":")
        if session_id in self._sessions:
            await self.open_run(self._sessions[session_id], run_id)

    async def open_run(self, session: Session, run_id: str) -> None:
        """Show a run's template, values, prompt and output as they were."""
        if self.screen.running.busy:
            self.screen.say("A run is going on. F6 stops it.")
            return
        try:
            record = await asyncio.to_thread(self.screen.bench.store.open_run, session, run_id)
        except WorkbenchError as error:
            self.screen.tell(error)
            return
        records = await self._with_group(session, record)
        if records:
            self._open = session.id
            await self.refresh()
            await self._show(session, record, records)

    async def _with_group(self, session: Session, record: RunRecord) -> list[RunRecord]:
        """The run, or all that were started beside it when that is wished for; none when somebody thought better."""
        if not record.request.group:
            return [record]
        beside = await asyncio.to_thread(group_records, self.screen.bench.store, session, record.request.group)
        if not 2 <= len(beside) <= MOST:
            return [record]
        question = f"This run was made beside {len(beside) - 1} more."
        rows = [Row("all", (f"open all {len(beside)} side by side",)), Row("one", ("open only this one",))]
        chosen: str | None = await self.screen.app.push_screen_wait(Choose(question, rows))
        return {"all": beside, "one": [record]}.get(chosen or "", [])

    async def _show(self, session: Session, record: RunRecord, records: list[RunRecord]) -> None:
        screen = self.screen
        await screen.editing.show_run(record.request)
        await screen.panes.show_records(session, [(item, _state(item)) for item in records])
        screen.panes.show_current(screen.panes.all[[item.request.id for item in records].index(record.request.id)])
        screen.show_area("output", focus=False)


def group_records(store: SessionStore, session: Session, group: str) -> list[RunRecord]:
    """All runs of a group by their panes; none when there are more than fit. Blocking."""
    runs = [run for run in store.runs(session) if run.group == group]
    if len(runs) > MOST:
        return []
    return [store.open_run(session, run.id) for run in sorted(runs, key=lambda run: (run.pane, run.id))]


def _state(record: RunRecord) -> RunState:
    request, result = record.request, record.result
    return RunState(
        model=request.model.file,
        engine=request.engine,
        phase=f"recorded: {result.status}" + (" (edited since)" if record.edited else ""),
        tokens=result.tokens_out,
        per_second=token_rate(result.tokens_out, result.ms_first, result.ms_total),
        ms_first=result.ms_first,
        context_used=result.tokens_in + result.tokens_out,
        context=request.n_ctx,
        problem=record.problem,
    )
