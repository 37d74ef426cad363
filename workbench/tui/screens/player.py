"""Plays what was recorded: all panes of a group on one time line, at any speed, to and fro. No engine, no writes."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import Static

from workbench.display import display_line
from workbench.session.playback import Player
from workbench.session.timeline import Timeline
from workbench.tui.once import Once
from workbench.tui.status import KeyLine
from workbench.tui.stream import StreamView

TICKS_PER_SECOND = 15
PANE_WIDTH = 40
NO_CUT = 0
IDLE_MS = 2000


class PlayerScreen(Once, Screen[None]):
    """Begins to play at once."""

    context = "player"
    CSS = """
    PlayerScreen { background: $background; }
    PlayerScreen #panes { layout: vertical; height: 1fr; }
    PlayerScreen.wide #panes { layout: horizontal; }
    PlayerScreen .pane { height: 1fr; width: 1fr; }
    PlayerScreen .title { height: 1; background: $panel; color: $text-muted; padding: 0 1; width: 1fr; }
    PlayerScreen #line { height: 1; background: $panel; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave", show=False)]

    def __init__(self, timeline: Timeline, commands: Any) -> None:
        super().__init__()
        self.player = Player(timeline)
        self.views = [StreamView() for _ in timeline.panes]
        self._line = Static("", id="line", markup=False)
        self._keys = KeyLine(commands, "player")
        self._cut = 0

    def compose(self) -> ComposeResult:
        with Container(id="panes"):
            for view, pane in zip(self.views, self.player.timeline.panes, strict=True):
                notes = " · estimated pace" * pane.estimated + (f" · {pane.damage}" if pane.damage else "")
                with Vertical(classes="pane"):
                    yield Static(Content(display_line(pane.label + notes)), classes="title", markup=False)
                    yield view
        yield self._line
        yield self._keys

    def on_mount(self) -> None:
        self.views[0].focus()
        self._timer = self.set_interval(1 / TICKS_PER_SECOND, self._tick, pause=True)
        self.toggle()

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= PANE_WIDTH * len(self.views), "wide")

    # -- time ------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        tick = self.player.tick()
        for pane, change in tick.changes.items():
            if change.reset:
                self.views[pane].set_text(change.text)
            else:
                self.views[pane].append(change.text)
        self._cut += sum(cut.saved for cut in tick.passed)
        if not tick.playing:
            self._timer.pause()
        self._tell()

    def _tell(self) -> None:
        player = self.player
        length = player.timeline.length
        state = "playing" if player.playing else "end" if player.ended else "paused"
        parts = [f"{state} {player.position / 1000:.1f} of {length / 1000:.1f} s", f"{player.speed:g}x"]
        parts.append("idle time cut" if player.idle_ms else "true idle time")
        cut = player.cut
        if cut is not None:
            parts.append(f"nothing for {cut.idle / 1000:.1f} s")
        elif self._cut >= 1000:
            parts.append(f"{self._cut / 1000:.0f} s idle passed over")
        room = max(10, self.size.width - 4 - sum(len(part) + 3 for part in parts))
        done = room * player.position // length if length else room
        bar = "=" * min(done, room) + "-" * max(0, room - done) if room > 12 else ""
        self._line.update(Content(" · ".join(parts) + (f"  {bar}" if bar else "")))

    def _moved(self) -> None:
        if self.player.playing:
            self._timer.resume()
        self._tick()

    # -- keys ------------------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Play or pause; at the end from the beginning."""
        self.player.toggle()
        self._moved()

    def seek(self, ms: int) -> None:
        self.player.seek_by(ms)
        self._moved()

    def share(self, part: float) -> None:
        self.player.seek_share(part)
        self._moved()

    def step(self, pieces: int) -> None:
        self.player.step(pieces)
        self._moved()

    def marker(self, direction: int) -> None:
        found = self.player.next_marker() if direction > 0 else self.player.previous_marker()
        self._moved()
        if found is not None:
            self.app.notify(display_line(f"{found.kind} {found.text}".strip()), markup=False, timeout=2)

    def speed(self, direction: int) -> None:
        if direction > 0:
            self.player.faster()
        else:
            self.player.slower()
        self._moved()

    def idle(self) -> None:
        """Pass over long idle time, or show it as it was."""
        self.player.idle_ms = NO_CUT if self.player.idle_ms else IDLE_MS
        self._moved()

    def ends(self, direction: int) -> None:
        if direction > 0:
            self.player.end()
        else:
            self.player.home()
        self._moved()

    def action_leave(self) -> None:
        self.dismiss(None)
