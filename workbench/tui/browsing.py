"""Sessions and their runs in the list at the left, and opening a run as it was."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from workbench.error import WorkbenchError
from workbench.session.info import RunInfo, RunRecord, Session
from workbench.tui.listview import Row
from workbench.tui.numbers import when
from workbench.tui.status import RunState

if TYPE_CHECKING:
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
        self._open = session.id
        await self.refresh()
        await self._show(record)

    async def _show(self, record: RunRecord) -> None:
        screen, request, result = self.screen, record.request, record.result
        await screen.editing.show_run(request)
        screen.running.shown = record
        screen.output.set_text(result.text)
        screen.output.placeholder = "This run gave no text." + (f"\n\n{result.error}" if result.error else "")
        seconds = (result.ms_total - result.ms_first) / 1000
        screen.status.state = RunState(
            model=request.model.file,
            engine=request.engine,
            phase=f"recorded: {result.status}" + (" (edited since)" if record.edited else ""),
            tokens=result.tokens_out,
            per_second=(result.tokens_out - 1) / seconds if seconds > 0 and result.tokens_out > 1 else 0.0,
            ms_first=result.ms_first,
            context_used=result.tokens_in + result.tokens_out,
            context=request.n_ctx,
            problem=record.problem,
        )
        screen.status.show()
        screen.show_area("output", focus=False)
