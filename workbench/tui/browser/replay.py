"""Play, verify and rerun from the browser, and two runs beside each other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench.error import WorkbenchError
from workbench.event import Event, Failed, Finished, Piece, Progress
from workbench.service.rerun import Changes, rerun, seed_list
from workbench.service.run import RunHandle
from workbench.service.verify import Verification, Verifier
from workbench.session.heads import session_heads
from workbench.session.index import Hit
from workbench.session.info import RunRecord, Session
from workbench.session.timeline import Timeline, open_timeline
from workbench.template.document import parse_document
from workbench.tui.browser.records import BrowserRecords
from workbench.tui.listview import Row
from workbench.tui.screens.difference import DifferenceScreen, difference_text
from workbench.tui.screens.modal import Choose, Page
from workbench.tui.screens.player import PlayerScreen
from workbench.tui.screens.working import Working

if TYPE_CHECKING:
    from workbench.tui.screens.browser import BrowserScreen

AGAIN = {
    "model": "another model",
    "param": "a parameter",
    "slot": "a slot's value",
    "template": "the template as its file is now",
    "version": "another version of the template",
    "seed": "another seed",
    "several": "several seeds, one run each",
    "same": "nothing: the same again",
}


class BrowserReplay(BrowserRecords):
    """The verbs of a browser's run."""

    def __init__(self, screen: BrowserScreen) -> None:
        super().__init__(screen)

    def _free(self) -> bool:
        """Whether no run holds the engines: a check beside another run would not be a clean one."""
        app: Any = self.screen.app
        if app.main.running.busy:
            self.screen.say("A run is going on. F6 in the main screen stops it.")
            return False
        return True

    # -- play ------------------------------------------------------------------------------------------------

    async def play(self) -> None:
        """Play the run with its whole group, as it was."""
        found = await self._run()
        if found is None:
            return
        try:
            timeline = await asyncio.to_thread(self._timeline, *found)
        except WorkbenchError as error:
            self.screen.say(str(error), error=True)
            return
        app: Any = self.screen.app
        await app.push_screen_wait(PlayerScreen(timeline, app.commands))

    def _timeline(self, session: Session, hit: Hit) -> Timeline:
        runs = [hit.run_id]
        if hit.group and "grid" not in hit.group:
            members = sorted(
                (head for head in session_heads(session.dir) if head.group == hit.group), key=lambda head: head.pane
            )
            # Panes side by side play together; of a grid, only what can be seen at once.
            runs = [head.id for head in members] if 1 < len(members) <= 6 else runs
        return open_timeline(self._store(), session, runs)

    async def look(self) -> None:
        """What stands at the side where the screen is wide."""
        row = self.screen.rows.current
        if row is not None:
            text = await asyncio.to_thread(self.screen.detail_text, row.key)
            await self.screen.app.push_screen_wait(Page("Run" if self.hit else "Session", text))

    async def exact(self) -> None:
        """The very text that the model saw, chat template and all."""
        found = await self._record()
        if found is not None:
            prompt = found[2].request.prompt
            if found[2].missing:
                self.screen.say(found[2].problem, error=True)
            text = (
                prompt.model_text
                or "The server applied its own chat template; this is what it was sent:\n\n" + prompt.plain
            )
            await self.screen.app.push_screen_wait(Page("What the model saw", text))

    # -- verify ----------------------------------------------------------------------------------------------

    async def verify(self) -> None:
        """Run exactly the same again and say whether the same text comes out."""
        found = await self._run()
        if found is None or not self._free():
            return
        verifier = Verifier(self._bench, found[0], found[1].run_id)
        box = Working("Verify: the same again, on a cold cache", partial(_verify, verifier), verifier.cancel)
        result = await self.screen.app.push_screen_wait(box)
        if isinstance(result, WorkbenchError):
            self.screen.say(str(result), error=True)
        elif isinstance(result, Verification):
            await self.screen.app.push_screen_wait(Page(f"Verify: {result.verdict}", verdict_text(result)))
        await self.screen.reindex()

    # -- rerun -----------------------------------------------------------------------------------------------

    async def rerun(self) -> None:
        """Run again with one thing changed; then both beside each other."""
        found = await self._record()
        if found is None or not self._free():
            return
        session, _, record = found
        try:
            changes = await self._changes(record)
            if changes is None:
                return
            handles = await asyncio.to_thread(rerun, self._bench, session, record, changes)
        except WorkbenchError as error:
            self.screen.say(str(error), error=True)
            return
        box = Working("Run again", partial(_run_all, handles), partial(_stop_all, handles))
        result = await self.screen.app.push_screen_wait(box)
        await self.screen.reindex()
        if isinstance(result, WorkbenchError):
            self.screen.say(str(result), error=True)
        elif result:
            new = await asyncio.to_thread(self._store().open_run, session, result[-1])
            await self.show_difference(record, new)

    async def _changes(self, record: RunRecord) -> Changes | None:
        app = self.screen.app
        what: str | None = await app.push_screen_wait(
            Choose("Run again with", [Row(key, (text,)) for key, text in AGAIN.items()])
        )
        if what is None or what == "same":
            return Changes() if what else None
        if what == "template":
            return Changes(template=await asyncio.to_thread(self._bench.load_template, record.request.template.path))
        if what == "version":
            return await self._version(record)
        if what == "model":
            entries = await asyncio.to_thread(self._bench.models)
            rows = [Row(str(entry.path), (entry.id, entry.engine or "-")) for entry in entries if not entry.problem]
            model: str | None = await app.push_screen_wait(Choose("Run again on", rows, widths=(0, 10)))
            return Changes(model=model) if model else None
        return await self._asked(what, record)

    async def _version(self, record: RunRecord) -> Changes | None:
        path = record.request.template.path
        version = await self.choose_version(path, record.request.template.sha256, await self.known_versions(path))
        return Changes(template=parse_document(version.source, path=path)) if version else None

    async def _asked(self, what: str, record: RunRecord) -> Changes | None:
        if what == "seed":
            text = await self._ask("Seed", str((record.request.params.seed or 0) + 1))
            return Changes(params={"seed": text}) if text else None
        if what == "several":
            text = await self._ask("How many runs, one seed each", "3")
            return Changes(seeds=seed_list(record, int(text))) if text and text.isdecimal() else None
        if what == "slot":
            first = next(iter(record.request.variables.items()), ("name", ""))
            text = await self._ask("Slot and value", f"{first[0]}={first[1]}")
            name, sign, value = (text or "").partition("=")
            return Changes(variables={name.strip(): value}) if sign else None
        text = await self._ask("Parameter and value", "temperature=0.2")
        name, sign, value = (text or "").partition("=")
        return Changes(params={name.strip(): value.strip()}) if sign else None

    # -- differences -----------------------------------------------------------------------------------------

    async def difference(self) -> None:
        """Two marked runs, or the run and what it came from."""
        screen, found = self.screen, await self._record() if len(self.screen.marked) != 2 else None
        try:
            if len(screen.marked) == 2:
                one, other = [await asyncio.to_thread(self._open, screen.hits[key]) for key in screen.marked]
            elif found is not None and found[2].request.parent:
                parent = found[2].request.parent
                home = await asyncio.to_thread(self._store().find_run, parent)
                one, other = await asyncio.to_thread(self._store().open_run, home, parent), found[2]
            else:
                screen.say("Mark two runs with the space bar, or go to a run that was made from another.")
                return
        except WorkbenchError as error:
            screen.say(str(error), error=True)
            return
        await self.show_difference(one, other)

    def _open(self, hit: Hit) -> RunRecord:
        store = self._store()
        record: RunRecord = store.open_run(store.open_session(hit.dir), hit.run_id)
        return record

    async def show_difference(self, one: RunRecord, other: RunRecord) -> None:
        text, marks = await asyncio.to_thread(difference_text, one, other)
        app: Any = self.screen.app
        await app.push_screen_wait(DifferenceScreen(text, marks, app.commands))


async def _verify(verifier: Verifier, box: Working) -> Verification:
    def show(event: Event, _handle: RunHandle) -> None:
        _watch(event, box)

    return await verifier.run(show)


def _watch(event: Event, box: Working) -> None:
    if isinstance(event, Piece):
        box.append(event.text)
        box.phase("writing")
    elif isinstance(event, Progress):
        box.phase("loading" if event.phase == "load" else "reading the prompt")


async def _run_all(handles: Sequence[RunHandle], box: Working) -> list[str]:
    """The ids of the runs that came to be."""
    done = []
    for number, handle in enumerate(handles, 1):
        if number > 1:
            box.append(f"\n\n-- {number} of {len(handles)} --\n\n")
        last: Event | None = None
        async for event in handle.events():
            _watch(event, box)
            last = event
        done.append(handle.run_id)
        if isinstance(last, Failed) or (isinstance(last, Finished) and last.status == "cancelled"):
            break
    return done


async def _stop_all(handles: Sequence[RunHandle]) -> None:
    for handle in handles:
        await handle.cancel()


def verdict_text(result: Verification) -> str:
    """The verdict, why, where the texts part, and the pre-flight list."""
    lines = [result.reason, *([result.hint] if result.hint else []), ""]
    part = result.difference
    if part is not None:
        lines.append(f"The texts part at piece {part.piece}, after: …{part.before}")
        lines += [f"recorded: {part.recorded}", f"now: {part.now}"]
        lines += [f"margin: {part.margin.told}"] if part.margin is not None else []
        lines.append("")
    signs = {"equal": "=", "differs": "!", "unknown": "?"}
    for item in result.checks:
        now = f" -> {item.now}" if item.state == "differs" else ""
        lines.append(f"{signs[item.state]} {item.name}: {item.recorded}{now}")
    return "\n".join(lines)
