"""The runs of the panes: one start for all, one timer that shows what came, stopping one or all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.error import MemoryShort, StorageError, WorkbenchError
from workbench.event import Failed
from workbench.service import RunSpec
from workbench.service.run import RunHandle
from workbench.session.ids import new_ulid
from workbench.session.info import Session
from workbench.template.document import TemplateDocument, parse_document
from workbench.tui.bridge import FLUSHES_PER_SECOND, RunBridge
from workbench.tui.pane_start import Planned, SharedSession, handle_for, memory_question, plan_all, told_once
from workbench.tui.pane_view import Pane, PaneSettings
from workbench.tui.screens.modal import Confirm
from workbench.tui.status import RunState

if TYPE_CHECKING:
    from workbench.tui.panes import Panes
    from workbench.tui.screens.main import MainScreen

# Titles of panes are drawn less often than their texts: nobody reads a counter twelve times a second.
TITLE_EVERY = 3
# An engine that talks a lot must not cover the answer.
MOST_NOTES = 3


def _of_pane(name: str) -> Any:
    """A setting of the focused pane, to be read and set."""
    return property(
        lambda runs: getattr(runs.settings, name), lambda runs, value: runs._set(**{name: value}), doc=f"``{name}``"
    )


class PaneRuns:
    """What goes on in the panes. ``session`` collects runs until a new one is asked for; model, engine and params are
    those of the focused pane.
    """

    def __init__(self, screen: MainScreen) -> None:
        self.screen = screen
        self.session: Session | None = None
        self.unsaved: list[RunHandle] = []
        self._starting = False
        self._given_up = False
        self._ticks = 0
        self._kept = 1
        # A screen reader would read every piece as a change of its own.
        seconds = 1 if screen.bench.config.screen_reader else 1 / FLUSHES_PER_SECOND
        self._timer = screen.set_interval(seconds, self._tick, pause=True)

    @property
    def panes(self) -> Panes:
        return self.screen.panes

    @property
    def busy(self) -> bool:
        return self._starting or bool(self.panes.busy)

    # -- the focused pane's settings ---------------------------------------------------------------------------

    @property
    def settings(self) -> PaneSettings:
        return self.panes.current.settings

    def _set(self, **changes: Any) -> None:
        self.panes.current.set(replace(self.settings, **changes))
        self.panes.draw()

    model = _of_pane("model")
    engine = _of_pane("engine")
    params = _of_pane("params")

    # -- starting ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run what is in the editor with what is in the form, in every pane at once."""
        screen = self.screen
        if self.busy:
            screen.say("A run is going on. F6 stops it.")
            return
        try:
            document = screen.editing.document()
            specs = [self._spec(pane, document) for pane in self.panes.all]
        except WorkbenchError as error:
            screen.tell(error)
            return
        if self.panes.many:
            await self._run_many(specs)
        else:
            await self._run_one(specs[0])

    def _spec(self, pane: Pane, document: TemplateDocument) -> RunSpec:
        settings = pane.settings
        if settings.version is not None:
            document = parse_document(settings.version.source, path=document.path)
        return RunSpec(
            document,
            variables=self.screen.form.variables(),
            model=settings.model,
            engine=settings.engine,
            params=settings.params,
            session=self.session,
            item=self.screen.editing.choice,
        )

    async def _run_one(self, spec: RunSpec) -> None:
        pane = self.panes.current
        if self._kept > 1:
            self._keep(1)
        bridge = self._begin(pane, self.screen.bench.start_run(spec))
        await self._play([(pane, bridge)])
        if isinstance(bridge.error, MemoryShort) and await self._agreed(str(bridge.error)):
            await self._run_one(replace(spec, force_memory=True))

    async def _run_many(self, specs: list[RunSpec]) -> None:
        bench, group = self.screen.bench, new_ulid()
        specs = [replace(spec, group=group, pane=number) for number, spec in enumerate(specs, 1)]
        panes = list(self.panes.all)
        self._starting, self._given_up = True, False
        try:
            for pane in panes:
                pane.state = RunState(phase="preparing")
            self.panes.arrange()
            planned = await asyncio.to_thread(plan_all, bench, specs)
            if not await self._may_load(planned):
                self._not_run(panes)
                return
            self._keep(sum(item.plan is not None and bool(item.plan.load.path) for item in planned))
            title = (document := specs[0].document).header.title or document.path.rpartition("/")[2].removesuffix(".j2")
            shared = SharedSession(bench, self.session, title)
            going, refused = [], list[tuple[str, str]]()
            for pane, item in zip(panes, planned, strict=True):
                if item.error is not None:
                    refused.append((f"Pane {self.panes.label(pane)}", self._refused(pane, item.error)))
                elif pane in self.panes.all:
                    going.append((pane, self._begin(pane, handle_for(bench, item, shared))))
            for told in told_once("did not run", refused):
                self.screen.say(told, error=True)
        finally:
            self._starting = False
        await self._play(going)

    def _keep(self, engines: int) -> None:
        """So many engines stay loaded between runs."""
        self._kept = engines
        self.screen.bench.pool.keep_idle(engines)

    async def _may_load(self, planned: list[Planned]) -> bool:
        question = await asyncio.to_thread(memory_question, self.screen.bench, planned)
        return (not question or self._given_up or await self._agreed(question)) and not self._given_up

    async def _agreed(self, question: str) -> bool:
        confirm = Confirm(f"{question}\nStart all the same?", yes="start", no="do not")
        return (await self.screen.app.push_screen_wait(confirm)) is True

    def _not_run(self, panes: list[Pane]) -> None:
        for pane in panes:
            pane.state.phase = "not run"
        self.panes.arrange()

    def _refused(self, pane: Pane, error: WorkbenchError) -> str:
        """A pane that cannot run says why; its neighbours run all the same."""
        pane.view.clear()
        pane.view.placeholder = str(error)
        pane.request = pane.record = None
        pane.state.phase = "not run"
        return str(error)

    def _begin(self, pane: Pane, handle: RunHandle) -> RunBridge:
        pane.state = RunState(model=pane.settings.model, engine=pane.settings.engine)
        bridge = RunBridge(handle, pane.view, pane.state)
        pane.begin(bridge)
        return bridge

    async def _play(self, going: list[tuple[Pane, RunBridge]]) -> None:
        """Show all until the last has ended."""
        self.screen.show_area("output", focus=False)
        self.panes.arrange()
        self._timer.resume()
        try:
            await asyncio.gather(*(self._play_one(pane, bridge) for pane, bridge in going))
        finally:
            self._timer.pause()
        await self._after([bridge for _, bridge in going])

    async def _play_one(self, pane: Pane, bridge: RunBridge) -> None:
        try:
            await bridge.consume(self._show(pane))
        finally:
            pane.end()
            if bridge.handle.session is not None:
                self.session = pane.session = bridge.handle.session
            if self.screen.is_mounted and self.panes.many:
                self.panes.draw()

    def _show(self, pane: Pane) -> Callable[[], None]:
        def show() -> None:
            if pane is self.panes.current:
                self.screen.status.show()
            self.panes.draw()

        return show

    def _tick(self) -> None:
        """Everything that came since, of all panes; each puts it on disk before it shows it."""
        changed = [pane for pane in self.panes.all if pane.bridge is not None and pane.bridge.tick()]
        self._ticks += 1
        if self.panes.current in changed:
            self.screen.status.show()
        if changed and self.panes.many and self._ticks % TITLE_EVERY == 0:
            self.panes.draw()

    # -- after -------------------------------------------------------------------------------------------------

    async def _after(self, bridges: list[RunBridge]) -> None:
        screen, many = self.screen, self.panes.many
        for bridge in bridges:
            if bridge.error is not None:
                bridge.pane.placeholder = str(bridge.error)
                if not isinstance(bridge.error, MemoryShort):  # it is asked about
                    screen.tell(bridge.error)
            if bridge.handle.save_problem:
                self.unsaved.append(bridge.handle)
            if bridge.handle.request is not None:
                bridge.state.model = bridge.handle.request.model.file
            if isinstance(bridge.last, Failed) and not many:
                screen.failed(bridge.last)
        failed = [(it.state.model, it.last.message) for it in bridges if many and isinstance(it.last, Failed)]
        for told in told_once("failed", failed):
            screen.say(told, error=True)
        # The same thing is said of several engines once.
        notices = [notice for bridge in bridges for notice in bridge.handle.notices]
        notes = list(dict.fromkeys(note for bridge in bridges for note in bridge.notes))
        if len(notes) > MOST_NOTES:
            notes[MOST_NOTES:] = [f"… {len(notes) - MOST_NOTES} more; the run's record has them"]
        for notice in dict.fromkeys([*notices, *notes]):
            screen.say(notice)
        screen.status.show()
        saved = [bridge.handle for bridge in bridges if bridge.error is None and bridge.handle.session is not None]
        if saved or any(bridge.error is None for bridge in bridges):
            await screen.browsing.refresh()
        if saved and saved[0].session is not None:
            # F4 and Enter open what was just run.
            screen.sessions.move_to(f"r:{saved[0].session.id}:{saved[0].run_id}")

    # -- stopping ----------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """Stop every run; what came is kept."""
        self._given_up = True
        if self.panes.busy:
            await self._cancel(self.panes.busy)
        elif not self._starting:
            self.screen.say("Nothing is running.")

    async def stop_pane(self) -> None:
        """Stop the run of the focused pane; the others go on."""
        if self.panes.current.bridge is None:
            self.screen.say("Nothing is running in this pane.")
        else:
            await self._cancel([self.panes.current])

    async def _cancel(self, panes: list[Pane]) -> None:
        for pane in panes:
            pane.state.phase = "stopping"
        self.screen.status.show()
        self.panes.draw()
        await asyncio.gather(*(pane.bridge.handle.cancel() for pane in panes if pane.bridge is not None))

    def rescue(self) -> str:
        """Keep runs that the disk did not take in the user's state folder; what went wrong, or nothing. Blocking."""
        try:
            for handle in self.unsaved:
                if handle.save_problem:
                    handle.rescue()
        except StorageError as error:
            return str(error)
        return ""

    async def stop_all(self) -> None:
        """Stop every run, before the app ends."""
        self._given_up = True
        await asyncio.gather(*(pane.bridge.handle.cancel() for pane in self.panes.busy if pane.bridge is not None))

    def new_session(self) -> None:
        if self.busy:
            self.screen.say("A run is going on. F6 stops it.")
            return
        self.session = None
        for pane in self.panes.all:
            pane.view.clear()
            pane.state, pane.request, pane.record = RunState(), None, None
        self.panes.arrange()
        self.screen.say("The next run begins a new session.")
