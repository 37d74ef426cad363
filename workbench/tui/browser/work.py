"""What the browser does with the session or run under its cursor. Nothing is lost: deletions can be undone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.display import counted
from workbench.error import WorkbenchError
from workbench.session.arrange import duplicate_run, duplicate_session, merge_sessions, move_run
from workbench.session.index import Hit
from workbench.session.info import Session
from workbench.session.trash import Trash
from workbench.tui.listview import Row
from workbench.tui.numbers import day_time
from workbench.tui.screens.modal import TAKES, Choose, Confirm, ask_text

if TYPE_CHECKING:
    from workbench.tui.screens.browser import BrowserScreen


class BrowserWork:
    """One action per command; each blocks in a thread and then shows what is on disk."""

    def __init__(self, screen: BrowserScreen) -> None:
        self.screen = screen
        # Each is what one key deleted, and what one key brings back.
        self._deleted: list[list[str]] = []

    # -- what is under the cursor ----------------------------------------------------------------------------

    @property
    def hit(self) -> Hit | None:
        """The run under the cursor."""
        row = self.screen.rows.current
        return self.screen.hits.get(row.key) if row else None

    @property
    def folder(self) -> Path | None:
        """The folder of the session under the cursor, or of the run's."""
        row = self.screen.rows.current
        if row is None:
            return None
        hit = self.hit
        return hit.dir if hit else Path(row.key.removeprefix("s:"))

    def _store(self) -> Any:
        return self.screen.bench.store

    async def _do(self, work: Callable[[], object], said: str = "") -> bool:
        """``work`` in a thread, then the list anew; false when it was refused."""
        try:
            await asyncio.to_thread(work)
        except WorkbenchError as error:
            self.screen.say(str(error), error=True)
            return False
        if said:
            self.screen.say(said)
        await self.screen.reindex()
        return True

    async def _session(self) -> Session | None:
        folder = self.folder
        if folder is None:
            self.screen.say("There is nothing under the cursor.")
            return None
        try:
            session: Session = await asyncio.to_thread(self._store().open_session, folder)
        except WorkbenchError as error:
            self.screen.say(str(error), error=True)
            return None
        return session

    async def _run(self) -> tuple[Session, Hit] | None:
        hit, session = self.hit, await self._session()
        if session is None:
            return None
        if hit is None:
            self.screen.say("Put the cursor on a run. Enter unfolds a session.")
            return None
        return session, hit

    async def _ask(self, question: str, value: str = "", hint: str = TAKES) -> str | None:
        return await ask_text(self.screen.app, question, value, hint)

    def focus_filter(self) -> None:
        self.screen.filter.focus()

    # -- marks and words -------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the run in the main screen, as it was."""
        found = await self._run()
        if found is not None:
            self.screen.dismiss((found[0], found[1].run_id))

    async def rename(self) -> None:
        session = await self._session()
        if session is None:
            return
        title = await self._ask("Title of the session", session.title)
        if title:
            await self._do(partial(self._store().set_title, session, title))

    async def tag(self) -> None:
        session = await self._session()
        if session is None:
            return
        words = await self._ask(
            "Tags of the session", " ".join(session.tags), "Words with blanks between; - for none. Enter takes them."
        )
        if words is not None:
            tags = list(dict.fromkeys(word.lstrip("#") for word in words.split() if word != "-"))
            await self._do(partial(self._store().set_tags, session, tags))

    async def note(self) -> None:
        session, hit = await self._session(), self.hit
        if session is None:
            return
        old = session.runs.get(hit.run_id, {}).get("note", "") if hit else session.note
        text = await self._ask("Note on the run" if hit else "Note on the session", old, "- for none. Enter takes it.")
        if text is None:
            return
        text = "" if text == "-" else text
        work = partial(self._store().note_run, session, hit.run_id, text) if hit else None
        await self._do(work or partial(self._store().set_note, session, text))

    async def star(self) -> None:
        found = await self._run()
        if found is not None:
            await self._do(partial(self._store().star_run, found[0], found[1].run_id, not found[1].star))

    async def rate(self, number: int) -> None:
        found = await self._run()
        if found is not None:
            await self._do(partial(self._store().rate_run, found[0], found[1].run_id, number))

    async def ask_rating(self) -> None:
        answer = await self._ask("Rating, 1 to 5; 0 takes it away", hint="On a run the keys 0 to 5 do the same.")
        if answer and answer in "012345":
            await self.rate(int(answer))

    def mark(self) -> None:
        """Mark the run for a comparison, or take the mark away; then the next row."""
        row, screen = self.screen.rows.current, self.screen
        if row is None or row.key not in screen.hits:
            screen.say("Put the cursor on a run. Enter unfolds a session.")
            return
        if row.key in screen.marked:
            screen.marked.remove(row.key)
        else:
            screen.marked.append(row.key)
        screen.draw()
        screen.rows.action_move(1)

    # -- moving about ----------------------------------------------------------------------------------------

    async def delete(self) -> None:
        """To the trash, with an undo: the marked runs, else what is under the cursor. Asks about all but one run."""
        marked = [self.screen.hits[key] for key in self.screen.marked if key in self.screen.hits]
        if marked:
            await self._delete_runs(marked)
            return
        session, hit = await self._session(), self.hit
        if session is None:
            return
        trash = Trash(self._store())
        if hit is None:
            question = f"Delete {session.title!r} with all its runs? u brings it back."
            if not await self.screen.app.push_screen_wait(Confirm(question, yes="delete it", no="keep it")):
                return

        def work() -> None:
            token = trash.delete_run(session, hit.run_id) if hit else trash.delete_session(session)
            self._deleted.append([token])

        await self._do(work, f"The {'run' if hit else 'session'} is in the trash. u brings it back.")

    async def _delete_runs(self, hits: list[Hit]) -> None:
        question = f"Delete {counted(len(hits), 'marked run')}? u brings all of them back."
        if not await self.screen.app.push_screen_wait(Confirm(question, yes="delete", no="keep them")):
            return
        trash, tokens = Trash(self._store()), list[str]()
        self._deleted.append(tokens)

        def work() -> None:
            for hit in hits:
                tokens.append(trash.delete_run(self._store().open_session(hit.dir), hit.run_id))

        await self._do(work, f"{counted(len(hits), 'run')} in the trash. u brings all of them back.")

    async def undo(self) -> None:
        """Bring back what was deleted last, also in an earlier session of the app."""
        trash = Trash(self._store())
        if not self._deleted:
            entries = await asyncio.to_thread(trash.list_trash)
            rows = [Row(entry.token, (day_time(entry.deleted), entry.kind, entry.title)) for entry in entries]
            if not rows:
                self.screen.say("The trash is empty.")
                return
            chosen: str | None = await self.screen.app.push_screen_wait(
                Choose("Bring back from the trash", rows, widths=(16, 8, 0))
            )
            if not chosen:
                return
            self._deleted.append([chosen])
        tokens = self._deleted.pop()

        def work() -> None:
            for token in tokens:
                trash.undo_delete(token)

        await self._do(work, "It is back." if len(tokens) == 1 else f"{counted(len(tokens), 'run')} back.")

    async def _other_session(self, question: str, but: Session) -> Session | None:
        rows = [
            Row(str(item.head.dir), (day_time(item.head.session_created or item.head.created), item.head.title))
            for item in self.screen.found
            if item.head.dir != but.dir
        ]
        if not rows:
            self.screen.say("There is no other session in the list.")
            return None
        chosen: str | None = await self.screen.app.push_screen_wait(Choose(question, rows, widths=(16, 0)))
        if not chosen:
            return None
        session: Session = await asyncio.to_thread(self._store().open_session, Path(chosen))
        return session

    async def move(self) -> None:
        found = await self._run()
        target = await self._other_session("Move the run to", found[0]) if found else None
        if found and target:
            work = partial(move_run, self._store(), found[0], found[1].run_id, target)
            await self._do(work, f"Moved to {target.title}.")

    async def merge(self) -> None:
        session = await self._session()
        target = await self._other_session("Merge this session into", session) if session else None
        if session and target:
            work = partial(merge_sessions, self._store(), [session], target)
            await self._do(work, f"All runs are in {target.title} now.")

    async def duplicate(self) -> None:
        session, hit = await self._session(), self.hit
        if session is None:
            return
        run = partial(duplicate_run, self._store(), session, hit.run_id) if hit else None
        await self._do(run or partial(duplicate_session, self._store(), session), "Copied.")
