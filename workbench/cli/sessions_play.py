"""``workbench sessions play``: what was recorded, in its own time. No engine, no network, nothing written.

The text of one run goes exactly into a pipe, and made safe onto a terminal, as ``run`` does it. Several panes, or the
runs of a session, are stretches with a label line before each.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from workbench.cli.sessions_select import find_any
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.session.heads import RunHead
    from workbench.session.info import Session
    from workbench.session.playback import Player, Tick
    from workbench.session.store import SessionStore
    from workbench.session.timeline import Timeline

_COLOURS = (36, 33, 35, 32, 34, 31)


def configure(parser: Parser) -> None:
    parser.add_argument("name", help="a run, a group or a session")
    parser.option("--speed", metavar="X", default="1", help="0.25 to 64 times as fast; default: 1")
    parser.option("--idle", metavar="S", default="2", help="pass over idle time beyond S seconds, 0 never; default: 2")
    parser.option("--from", metavar="MS", dest="start", default="0", help="begin at MS milliseconds")
    parser.option("--instant", action="store_true", help="everything at once")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.service import open_workbench
    from workbench.session.playback import Player
    from workbench.session.timeline import open_timeline

    speed, idle, start = (number(args, name) for name in ("speed", "idle", "start"))
    bench = open_workbench(args.workspace)
    targets = _targets(bench.store, args.name)
    screen = _Screen(console, labels=len(targets) > 1 or any(len(run_ids) > 1 for _, run_ids in targets))
    try:
        for session, run_ids in targets:
            timeline = open_timeline(bench.store, session, run_ids)
            player = Player(timeline, speed=speed, idle_ms=round(idle * 1000))
            player.seek(timeline.length if args.instant else round(start))
            screen.begin(timeline)
            _play(player, screen)
    except KeyboardInterrupt:
        screen.end()
        console.talk.say("stopped")
        return ExitCode.CANCELLED
    screen.end()
    return ExitCode.OK


def number(args: argparse.Namespace, name: str) -> float:
    """An option's value, 0 or more. Raises UsageError."""
    text = getattr(args, name)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e12:
        option = "--from" if name == "start" else f"--{name}"
        raise UsageError(f"{option} takes a number of 0 or more, not {text!r}")
    return value


def _play(player: Player, screen: _Screen) -> None:
    tick = player.tick()
    screen.show(tick)
    if tick.ended:
        return
    player.play()
    while (due := player.due()) is not None:
        time.sleep(due)
        screen.show(player.tick())


class _Screen:
    """Pieces of several panes as one stream of text."""

    def __init__(self, console: Console, *, labels: bool) -> None:
        self._out, self._talk, self._labels = console.out, console.talk, labels
        self._labelled = (-1, -1)
        self._timelines = 0
        self._timeline: Timeline | None = None
        self._seen: int | None = None

    def begin(self, timeline: Timeline) -> None:
        self._timeline, self._seen = timeline, None
        self._timelines += 1
        for pane in timeline.panes:
            if pane.damage:
                self._talk.error(f"workbench: {pane.run_id}: {pane.damage}")
            if pane.estimated:
                self._talk.say(f"{pane.run_id}: no recording; the pace is estimated")
        for gap in timeline.stretches:
            where = f"between {gap.start / 1000:.1f} and {gap.end / 1000:.1f} s"
            self._talk.say(f"{timeline.panes[gap.pane].run_id}: ~{gap.missing} tokens are missing {where}")

    def show(self, tick: Tick) -> None:
        for cut in tick.passed:
            self._talk.say(f"(nothing for {cut.idle / 1000:.1f} s)")
        # What was there from the start comes as a whole, pane by pane; what is played, in its order.
        texts = [(pane, change.text) for pane, change in tick.changes.items()]
        if self._seen is not None and self._timeline is not None:
            texts = self._timeline.in_order(self._seen, tick.seen)
        self._seen = tick.seen
        for pane, text in texts:
            if self._labels and self._labelled != (self._timelines, pane):
                self._label(pane)
            self._out.text(text)

    def _label(self, pane: int) -> None:
        assert self._timeline is not None
        self._labelled = (self._timelines, pane)
        track = self._timeline.panes[pane]
        self._out.heading(f"== {pane + 1}: {track.label} ({track.run_id})", colour=_COLOURS[pane % len(_COLOURS)])

    def end(self) -> None:
        self._out.end_line()


def _targets(store: SessionStore, name: str) -> list[tuple[Session, list[str]]]:
    """What plays on one timeline, one after another: a run, a group, or a session's runs and groups in their order.

    Raises UsageError.
    """
    from workbench.session.heads import session_heads

    session, run_ids, _ = find_any(store, name)
    if run_ids:
        return [(session, run_ids)]
    groups: dict[str, list[RunHead]] = {}
    for head in sorted(session_heads(session.dir), key=lambda head: (head.created, head.id)):
        groups.setdefault(head.group or head.id, []).append(head)
    return [(session, [head.id for head in sorted(group, key=lambda head: head.pane)]) for group in groups.values()]
