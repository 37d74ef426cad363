"""Between a run's events and its pane: pieces are gathered and shown a dozen times a second.

Before anything is shown, the journal is flushed, so that what a person has seen is on disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from workbench.error import WorkbenchError
from workbench.event import Chatter, Failed, Finished, Piece, Progress, Started, Thought
from workbench.service.run import RunHandle
from workbench.tui.in_app import in_app
from workbench.tui.status import RunState
from workbench.tui.stream import StreamView

FLUSHES_PER_SECOND = 12


class RunBridge:
    """Feeds one pane from one run. ``consume`` ends with the run; ``tick`` is called by the app's one flush timer."""

    def __init__(self, handle: RunHandle, pane: StreamView, state: RunState) -> None:
        self.handle = handle
        self.pane = pane
        self.state = state
        self.error: WorkbenchError | None = None
        self.last: Finished | Failed | None = None
        # What was said of the run: by us of what an engine made of a value, or by the engine itself.
        self.notes: list[str] = []
        self._waiting: list[str] = []
        self._first = 0.0
        self._dirty = True
        self._tokens_in = 0

    async def consume(self, on_change: Callable[[], None]) -> None:
        """Take every event. Errors before the run exists end up in ``error``."""
        self.state.phase = "preparing"
        self.pane.placeholder = "The answer will stand here."
        on_change()
        try:
            async for event in self.handle.events():
                self._take(event)
        except WorkbenchError as error:
            self.error = in_app(error)
            self.state.phase = "not run"
        self.tick()
        self.pane.finish()
        on_change()

    def _take(self, event: object) -> None:
        self._dirty = True
        state = self.state
        if isinstance(event, Progress):
            what = "loading" if event.phase == "load" else "reading prompt"
            share = f" {event.done}/{event.total}" if event.total and event.phase == "prompt" else ""
            if event.phase == "prompt" and event.total:
                self._tokens_in = event.total
            percent = f" {100 * event.done // event.total} %" if event.total and event.phase == "load" else ""
            state.phase = f"{what}{share}{percent}"
        elif isinstance(event, Started):
            state.phase = "reading prompt"
            state.context = event.engine.n_ctx
            state.engine = event.engine.name
            if self.handle.request is not None:
                state.model = self.handle.request.model.file
        elif isinstance(event, Thought):
            self._begin(event.t_ms, "thinking")
            self.pane.placeholder = "The model is thinking. Its answer will stand here."
        elif isinstance(event, Piece):
            self._begin(event.t_ms, "streaming")
            self._waiting.append(event.text)
            state.tokens += event.tokens
            state.context_used = self._tokens_in + state.tokens
        elif isinstance(event, Chatter):
            self.notes.append(event.text)
        elif isinstance(event, Finished):
            self.last = event
            self._finished(event)
        elif isinstance(event, Failed):
            self.last = event
            state.phase = f"failed ({event.reason})"

    def _begin(self, t_ms: int, phase: str) -> None:
        """The model says something."""
        if self.state.phase != "stopping":
            self.state.phase = phase
        if not self._first:
            self._first = time.monotonic()
            self.state.ms_first = t_ms

    def _finished(self, event: Finished) -> None:
        state = self.state
        state.tokens = event.tokens_out
        state.context_used = event.tokens_in + event.tokens_out
        seconds = (event.t_ms - state.ms_first) / 1000
        if seconds > 0 and event.tokens_out > 1:
            state.per_second = (event.tokens_out - 1) / seconds
        words = {
            "stop": "finished",
            "length": "finished (length limit)",
            "stop-string": "finished (stop string)",
            "tool-calls": "finished (tool call)",
            "content-filter": "finished (filtered)",
        }
        state.phase = (
            "stopped" if event.status == "cancelled" else words.get(event.reason, f"finished ({event.reason})")
        )

    def tick(self) -> bool:
        """Show what came since; true when something changed."""
        if not self._dirty:
            return False
        self._dirty = False
        self.handle.flush()
        if self._waiting:
            text, self._waiting = "".join(self._waiting), []
            self.pane.append(text)
        if self._first and self.last is None:
            seconds = time.monotonic() - self._first
            self.state.per_second = max(0, self.state.tokens - 1) / seconds if seconds > 0.2 else 0.0
        self.state.problem = self.handle.save_problem
        return True
