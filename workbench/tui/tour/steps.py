"""What the six steps ask for, and how each is seen to be done. Nothing here draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.tui.screens.browser import BrowserScreen
from workbench.tui.screens.difference import DifferenceScreen

if TYPE_CHECKING:
    from workbench.session.info import RunRecord
    from workbench.tui.app import WorkbenchApp

# So many runs that ended before they were stopped let the step pass.
LATE = 2
END = "That was the tour. F1 shows all keys, ^P finds any command. F12 closes this line."


@dataclass
class Seen:
    """What stood there when a step began; a step is done when that has changed."""

    buffer: object = None
    values: dict[str, Any] = field(default_factory=dict)
    record: RunRecord | None = None
    late: int = 0

    @classmethod
    def of(cls, app: WorkbenchApp) -> Seen:
        main = app.main
        return cls(main.editing.buffer, main.form.variables(), main.running.shown)


@dataclass(frozen=True)
class Step:
    """``text`` may depend on what came of the last try."""

    text: Callable[[WorkbenchApp, Seen], str]
    done: Callable[[WorkbenchApp, Seen], bool]


def _status(app: WorkbenchApp, seen: Seen) -> str:
    """How the newest run ended, if one has ended since the step began."""
    record = app.main.running.shown
    return record.result.status if record is not None and record is not seen.record else ""


def _opened(app: WorkbenchApp, seen: Seen) -> bool:
    buffer = app.main.editing.buffer
    return buffer is not seen.buffer and bool(buffer.path)


def _filled(app: WorkbenchApp, seen: Seen) -> bool:
    buffer, values = app.main.editing.buffer, app.main.form.variables()
    if buffer is not seen.buffer:
        # Another template has other values without anybody's doing.
        seen.buffer, seen.values = buffer, values
    return values != seen.values


def _run_text(app: WorkbenchApp, seen: Seen) -> str:
    if _status(app, seen) not in ("", "finished"):
        return "That run has no answer; what was told says why. Press F5 to try again (F8: models)."
    if app.main.running.engine == "scripted":
        return "Press F5 to run it. No model is here, so a scripted engine speaks; F8, Enter fetches one."
    return "Press F5: the prompt goes to the model, the answer streams into Output."


def _stopped(app: WorkbenchApp, seen: Seen) -> bool:
    """A short answer over a slow link cannot be stopped in time: two that ended by themselves will do."""
    status = _status(app, seen)
    if status == "finished":
        seen.late, seen.record = seen.late + 1, app.main.running.shown
    return status == "cancelled" or seen.late >= LATE


def _stop_text(_app: WorkbenchApp, seen: Seen) -> str:
    if seen.late:
        return "It had ended before you stopped it. F5 again, and F6 sooner."
    return "Press F5 again, then F6 while it writes. What came so far is kept."


def _compare_text(app: WorkbenchApp, _seen: Seen) -> str:
    if isinstance(app.screen, BrowserScreen):
        marked = len(app.screen.marked)
        if marked == 0:
            return "Put the cursor on a run (the rows below a session) and press Space to mark it."
        return "Now mark another run with Space." if marked == 1 else "Press D: the two marked runs side by side."
    return "Compare two runs in the browser: Alt+6 goes back to it."


STEPS: tuple[Step, ...] = (
    Step(lambda _app, _seen: "Open a template: ^O, choose one with the arrows, Enter. (F12 leaves the tour.)", _opened),
    Step(
        lambda _app, _seen: "Fill a slot: Alt+5, then type another value. The prompt follows (Alt+3 shows it).",
        _filled,
    ),
    Step(_run_text, lambda app, seen: _status(app, seen) == "finished"),
    Step(_stop_text, _stopped),
    Step(
        lambda _app, _seen: "Every run was saved. Alt+6 opens the browser of all that was.",
        lambda app, _seen: isinstance(app.screen, BrowserScreen),
    ),
    Step(_compare_text, lambda app, _seen: isinstance(app.screen, DifferenceScreen)),
)
