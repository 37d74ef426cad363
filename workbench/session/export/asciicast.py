"""``cast``: an asciinema recording (version 2) of the runs being played, one after another.

Format: https://docs.asciinema.org/manual/asciicast/v2/. Texts are made visible before they go in: a player writes what
it finds to a terminal. Where a run has no recording its pace is estimated, and that is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from workbench.display import DisplayStream, display_line
from workbench.session.export.item import ExportOptions, ExportRun, heading
from workbench.session.timeline import PaneTrack, Timeline

_BETWEEN = 1.0


def write(runs: Iterator[ExportRun], options: ExportOptions) -> Iterator[str]:
    first = next(runs, None)
    head: dict[str, object] = {"version": 2, "width": options.columns, "height": options.rows}
    if first is not None:
        head |= {"timestamp": _stamp(first.record.request.created), "title": display_line(first.session.title)}
    yield json.dumps(head) + "\n"
    start = 0.0
    for run in chain([first] if first is not None else [], runs):
        track = Timeline.of_run(run.record, run.recording()).panes[0]
        if track.estimated and run.record.result.text:
            options.note(f"{run.id}: its times are estimated, there is no recording")
        yield _event(start, heading(run) + "\n\n")
        for at, text in _played(track, options.idle):
            yield _event(start + at, text)
            end = start + at
        start = end + _BETWEEN


def _played(track: PaneTrack, idle: float) -> Iterator[tuple[float, str]]:
    """Seconds since the run's start, and what is shown then; the last one ends the text."""
    screen, now, before = DisplayStream(), 0.0, 0
    for place, at in enumerate(track.times):
        now, before = now + _wait(at - before, idle), at
        if text := screen.feed(track.text[track.edges[place] : track.edges[place + 1]]):
            yield now, text
    yield now + _wait(track.end - before, idle), screen.end() + "\n\n"


def _wait(ms: int, idle: float) -> float:
    seconds = max(0, ms) / 1000
    return min(seconds, idle) if idle > 0 else seconds


def _event(seconds: float, text: str) -> str:
    return json.dumps([round(seconds, 3), "o", text.replace("\n", "\r\n")]) + "\n"


def _stamp(created: str) -> int:
    try:
        return int(datetime.fromisoformat(created).timestamp())
    except (ValueError, OverflowError):
        return 0
