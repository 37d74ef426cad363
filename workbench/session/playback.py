"""Plays a timeline: what is shown when, by a clock that is handed in. No engine, no files, no sleeping.

A face calls ``tick`` as often as it likes and gets what changed in each pane since the last one. Every piece is due at
an absolute time, counted from where playing last began, so that late ticks never add up. Long idle time is passed over
unless that is switched off; how much was passed over is told.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from workbench.error import UsageError
from workbench.session.timeline import IDLE_MS, Cut, Marker, Timeline

SLOWEST, FASTEST = 0.25, 64.0
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
SEEK_MS = 5000
SEEK_SHARE = 0.1
GRACE_MS = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """What to do with a pane: put ``text`` behind what it shows, or, with ``reset``, show ``text`` only."""

    text: str
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """The state after a tick. ``changes`` by pane; ``seen`` pieces of all panes are shown; ``passed`` are the idle
    stretches that were cut short meanwhile.
    """

    position: int
    changes: dict[int, Change]
    playing: bool
    ended: bool
    seen: int = 0
    passed: tuple[Cut, ...] = ()


class Player:
    """Position and pace. ``clock`` gives seconds and never goes back. Begins paused at 0. For one thread.

    ``position`` is in ms of the recording; with idle time cut it runs through a cut faster than the clock.
    """

    def __init__(
        self,
        timeline: Timeline,
        clock: Callable[[], float] = time.monotonic,
        *,
        speed: float = 1.0,
        idle_ms: int = IDLE_MS,
    ) -> None:
        self.timeline = timeline
        self.speed = _checked(speed)
        self.playing = False
        self._clock = clock
        self._idle = _IdleMap(timeline, idle_ms)
        # Where playing began: the clock then, and the position then in played ms.
        self._since = clock()
        self._base = 0.0
        # Pieces of all panes that are shown while paused; None: those of the position.
        self._seen: int | None = None
        self._shown = [0] * len(timeline.panes)
        self._reported = 0.0
        self._moved = True

    # -- where -------------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """Ms on the timeline."""
        return self._idle.real(self._played(self._clock()))

    @property
    def ended(self) -> bool:
        return self._played(self._clock()) >= self._idle.length

    @property
    def cut(self) -> Cut | None:
        """The idle stretch at the position, which is being cut short; its ``idle`` is the real length in ms."""
        return self._idle.at(self.position)

    @property
    def idle_ms(self) -> int:
        return self._idle.idle_ms

    @idle_ms.setter
    def idle_ms(self, value: int) -> None:
        position, seen = self.position, self._seen
        self._idle = _IdleMap(self.timeline, max(0, value))
        self._move(position)
        self._seen = seen

    def _played(self, now: float) -> float:
        ran = (now - self._since) * 1000 * self.speed if self.playing else 0.0
        # Rounded to the microsecond: a clock's last digits must not leave a piece undone that is due in no time.
        return min(round(self._base + ran, 3), self._idle.length)

    def _anchor(self) -> None:
        """Count from here and now."""
        now = self._clock()
        self._base, self._since = self._played(now), now

    def _move(self, ms: int) -> None:
        self._move_played(self._idle.played(min(max(0, ms), self.timeline.length)))

    def _move_played(self, played: float) -> None:
        self._base = self._reported = min(max(0.0, played), self._idle.length)
        self._since = self._clock()
        self._seen, self._moved = None, True

    # -- control -----------------------------------------------------------------------------------------------

    def play(self) -> None:
        """Go on; from the start when it had ended."""
        if self.playing:
            return
        if self.ended:
            self._move(0)
        self._anchor()
        self.playing, self._seen = True, None

    def pause(self) -> None:
        self._anchor()
        self.playing = False

    def toggle(self) -> None:
        if self.playing and not self.ended:
            self.pause()
        else:
            self.playing = False
            self.play()

    def set_speed(self, speed: float) -> None:
        """0.25 to 64. Raises UsageError."""
        checked = _checked(speed)
        self._anchor()
        self.speed = checked

    def faster(self) -> None:
        self.set_speed(next((speed for speed in SPEEDS if speed > self.speed), FASTEST))

    def slower(self) -> None:
        self.set_speed(next((speed for speed in reversed(SPEEDS) if speed < self.speed), SLOWEST))

    def seek(self, ms: int) -> None:
        """To a position; beyond an end, to that end. Playing goes on from there."""
        self._move(ms)

    def seek_by(self, ms: int) -> None:
        """Forward or, negative, back, in played time: a long idle stretch is no wall. People expect ``SEEK_MS``."""
        self._move_played(self._played(self._clock()) + ms)

    def seek_share(self, share: float = SEEK_SHARE) -> None:
        """By a share of the whole played length, negative back."""
        self._move_played(self._played(self._clock()) + share * self._idle.length)

    def home(self) -> None:
        self._move(0)

    def end(self) -> None:
        """Everything at once: also what ``instant`` means."""
        self._move(self.timeline.length)

    def step(self, count: int = 1) -> None:
        """One piece of whichever pane has it next, or ``count``; negative takes pieces away. Pauses."""
        self.pause()
        seen = min(max(0, self._pieces() + count), len(self.timeline.times))
        self._move(self.timeline.times[seen - 1] if seen else 0)
        # Pieces that came in the same ms are still stepped through one by one.
        self._seen = seen

    def next_marker(self) -> Marker | None:
        """Go to the next marker; None, and no move, when there is none."""
        return self._to(self.timeline.next_marker(self.position))

    def previous_marker(self) -> Marker | None:
        """Back to a marker; while playing not to the one just passed, or nobody would get beyond it."""
        grace = round(GRACE_MS * self.speed) if self.playing else 0
        return self._to(self.timeline.previous_marker(self.position - grace))

    def _to(self, marker: Marker | None) -> Marker | None:
        if marker is not None:
            self._move(marker.at)
        return marker

    # -- what to show ------------------------------------------------------------------------------------------

    def _pieces(self) -> int:
        return self.timeline.seen(self.position) if self._seen is None else self._seen

    def tick(self, now: float | None = None) -> Tick:
        """What changed since the last tick. ``now`` is the clock's time, asked for when it is not given."""
        played = self._played(self._clock() if now is None else now)
        position = self._idle.real(played)
        seen = self.timeline.seen(position) if self._seen is None else self._seen
        changes = {}
        for pane, shown in enumerate(self._shown):
            chars = self.timeline.chars(pane, seen)
            text = self.timeline.panes[pane].text
            if chars > shown:
                changes[pane] = Change(text[shown:chars])
            elif chars < shown:
                changes[pane] = Change(text[:chars], reset=True)
            self._shown[pane] = chars
        passed = self._idle.passed(self._reported, played)
        self._reported, self._moved = played, False
        ended = played >= self._idle.length
        if ended and self.playing:
            self._base, self.playing = played, False
        return Tick(position, changes, self.playing, ended, seen, passed)

    def due(self) -> float | None:
        """Seconds until the next tick brings something new; 0 when it is due, None when nothing comes."""
        if self._moved:
            return 0.0
        if not self.playing:
            return None
        now = self._clock()
        played = self._played(now)
        seen, times = self.timeline.seen(self._idle.real(self._reported)), self.timeline.times
        target = self._idle.played(times[seen]) if seen < len(times) else self._idle.length
        return max(0.0, (target - played) / 1000 / self.speed)


class _IdleMap:
    """Between positions of the recording and played time, in which idle stretches are short."""

    def __init__(self, timeline: Timeline, idle_ms: int) -> None:
        self.idle_ms = idle_ms
        self._cuts = timeline.cuts(idle_ms)
        self._starts = [cut.start for cut in self._cuts]
        self._saved = [0, *accumulate(cut.saved for cut in self._cuts)]
        # Played time at the end of each cut's kept part.
        self._ends = [cut.start + cut.kept - saved for cut, saved in zip(self._cuts, self._saved, strict=False)]
        self.length = timeline.length - self._saved[-1]

    def at(self, real: int) -> Cut | None:
        place = bisect_right(self._starts, real) - 1
        if place < 0 or real >= self._starts[place] + self._cuts[place].idle:
            return None
        return self._cuts[place]

    def played(self, real: float) -> float:
        place = bisect_right(self._starts, real) - 1
        if place < 0:
            return real
        cut = self._cuts[place]
        # Within the part that is passed over, what comes after it is not there yet.
        within = min(real - cut.start, cut.kept - 1) if real < cut.start + cut.idle else real - cut.start - cut.saved
        return cut.start - self._saved[place] + within

    def real(self, played: float) -> int:
        # A cut's last part takes no played time: at its end the position jumps to what comes next.
        return int(played + self._saved[bisect_right(self._ends, played)])

    def passed(self, before: float, after: float) -> tuple[Cut, ...]:
        return self._cuts[bisect_right(self._ends, before) : bisect_right(self._ends, after)]


def _checked(speed: float) -> float:
    if not SLOWEST <= speed <= FASTEST:
        raise UsageError(f"the speed must lie between {SLOWEST:g} and {FASTEST:g}, not {speed:g}")
    return speed
