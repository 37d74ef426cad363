"""When every piece of one run, or of all runs of a group, was shown: what playing needs, ready for bisection.

Times are whole milliseconds on one line; 0 is when the first run of the group was asked for, and each run has its true
offset. Nothing is made up: a run without a recording is paced evenly and marked ``estimated``, and stretches where
pieces are lost are listed, not filled. Building takes time in proportion to the pieces, every question after that the
logarithm of it.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Literal

from workbench.error import StorageError
from workbench.session.info import RunRecord, Session
from workbench.session.reader import RecordingView

if TYPE_CHECKING:
    from workbench.session.store import SessionStore

MarkerKind = Literal["first", "mark", "cancel", "error"]
IDLE_MS = 2000
_JOINERS = "\u200d\ufe0e\ufe0f"


@dataclass(frozen=True, slots=True)
class Marker:
    """A place to jump to. ``text`` is the user's mark or the error, foreign text."""

    at: int
    kind: MarkerKind
    pane: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Between ``start`` and ``end`` ms about ``missing`` pieces of a pane are lost; ``chars`` were shown before."""

    pane: int
    start: int
    end: int
    chars: int
    missing: int


@dataclass(frozen=True, slots=True)
class Cut:
    """``idle`` ms from ``start`` on, in which no pane changed; all but the first ``kept`` ms are passed over."""

    start: int
    idle: int
    kept: int

    @property
    def saved(self) -> int:
        return self.idle - self.kept


@dataclass(frozen=True)
class PaneTrack:
    """One run. ``times[i]`` is when piece i came, ``edges[i]`` how many characters stand before it; both never
    go back, and ``edges`` has one entry more. ``damage`` is one sentence, empty when all is there.
    """

    record: RunRecord
    offset: int
    end: int
    text: str
    times: Sequence[int]
    edges: Sequence[int]
    estimated: bool = False
    damage: str = ""

    @property
    def run_id(self) -> str:
        return self.record.request.id

    @property
    def label(self) -> str:
        """Template and model, foreign text."""
        request = self.record.request
        return " · ".join(filter(None, (request.template.path.removeprefix("templates/"), request.model.file)))


@dataclass(frozen=True)
class Timeline:
    """All panes of a group, or one run. Positions are ms from 0 to ``length``."""

    panes: tuple[PaneTrack, ...]
    markers: tuple[Marker, ...]
    stretches: tuple[Stretch, ...]
    length: int
    # Of all panes together, in the order they came: times; and of each pane, the places of its pieces among them.
    times: Sequence[int] = field(repr=False, default=())
    ranks: tuple[Sequence[int], ...] = field(repr=False, default=())

    @classmethod
    def of_run(cls, record: RunRecord, view: RecordingView | None) -> Timeline:
        """One run from its start. ``view`` None, or one without output: paced evenly, marked as estimated."""
        return cls.of_group([(record, view)])

    @classmethod
    def of_group(cls, runs: Sequence[tuple[RunRecord, RecordingView | None]]) -> Timeline:
        """Runs on one line, with the time between their starts; they need not be of the same group."""
        begun = [_began(record) for record, _ in runs]
        first = min((at for at in begun if at is not None), default=0)
        tracks, markers, stretches = [], list[Marker](), list[Stretch]()
        for pane, ((record, view), at) in enumerate(zip(runs, begun, strict=True)):
            offset = 0 if at is None else at - first
            track = _recorded(record, view, offset) if view is not None and view.pieces else _paced(record, offset)
            tracks.append(track)
            markers += _markers(pane, track, view)
            if view is not None and not track.estimated:
                stretches += _stretches(pane, track, view)
        merged = [time for track in tracks for time in track.times]
        # A stable sort of runs that are sorted already is a merge.
        order = sorted(range(len(merged)), key=merged.__getitem__)
        place = [0] * len(order)
        for rank, index in enumerate(order):
            place[index] = rank
        borders = [0, *accumulate(len(track.times) for track in tracks)]
        return cls(
            panes=tuple(tracks),
            markers=tuple(sorted(markers, key=lambda marker: (marker.at, marker.pane))),
            stretches=tuple(sorted(stretches, key=lambda stretch: (stretch.start, stretch.pane))),
            length=max((track.end for track in tracks), default=0),
            times=[merged[index] for index in order],
            ranks=tuple(place[borders[pane] : borders[pane + 1]] for pane in range(len(tracks))),
        )

    @property
    def estimated(self) -> bool:
        """Whether the pace of some pane is a guess."""
        return any(track.estimated for track in self.panes)

    # -- what was there at a time ------------------------------------------------------------------------------

    def seen(self, ms: int) -> int:
        """How many pieces of all panes had come at ``ms``."""
        return bisect_right(self.times, ms)

    def chars(self, pane: int, seen: int) -> int:
        """Characters of a pane when the first ``seen`` pieces of all panes are shown."""
        return self.panes[pane].edges[bisect_left(self.ranks[pane], seen)]

    def in_order(self, after: int, until: int) -> list[tuple[int, str]]:
        """Pane and text of the pieces from number ``after`` of all panes up to number ``until``, in their order."""
        found = []
        for pane, (track, ranks) in enumerate(zip(self.panes, self.ranks, strict=True)):
            for i in range(bisect_left(ranks, after), bisect_left(ranks, until)):
                found.append((ranks[i], pane, track.text[track.edges[i] : track.edges[i + 1]]))
        return [(pane, text) for _, pane, text in sorted(found)]

    # -- markers -----------------------------------------------------------------------------------------------

    def next_marker(self, ms: int) -> Marker | None:
        """The first marker later than ``ms``."""
        return next((marker for marker in self.markers if marker.at > ms), None)

    def previous_marker(self, ms: int) -> Marker | None:
        """The last marker before ``ms``."""
        return next((marker for marker in reversed(self.markers) if marker.at < ms), None)

    # -- idle time ---------------------------------------------------------------------------------------------

    def cuts(self, idle_ms: int = IDLE_MS) -> tuple[Cut, ...]:
        """Where nothing changed for longer than ``idle_ms``; 0 cuts nothing."""
        if idle_ms <= 0:
            return ()
        events = sorted({0, self.length, *self.times, *(marker.at for marker in self.markers)})
        return tuple(Cut(start, end - start, idle_ms) for start, end in pairwise(events) if end - start > idle_ms)


def open_timeline(store: SessionStore, session: Session, run_ids: Sequence[str]) -> Timeline:
    """The timeline of some of a session's runs. Blocking. Raises StorageError when one of them is not there."""
    runs: list[tuple[RunRecord, RecordingView | None]] = []
    for run_id in run_ids:
        record = store.open_run(session, run_id)
        try:
            runs.append((record, store.recording(session, run_id)))
        except StorageError:
            # Left out of a repository, or of a copy: the pace is lost, the text is not.
            runs.append((record, None))
    return Timeline.of_group(runs)


def _began(record: RunRecord) -> int | None:
    """Start of the run on the wall clock, in ms; None when the record does not tell."""
    try:
        moment = datetime.fromisoformat(record.request.created)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _recorded(record: RunRecord, view: RecordingView, offset: int) -> PaneTrack:
    texts = [piece.text for piece in view.pieces]
    times = [offset + piece.t_ms for piece in view.pieces]
    marks = [offset + at for at, _ in view.marks]
    return PaneTrack(
        record=record,
        offset=offset,
        end=max([times[-1], offset + record.result.ms_total, *marks]),
        text="".join(texts),
        times=times,
        edges=[0, *accumulate(map(len, texts))],
        damage=view.damage or record.problem,
    )


def _paced(record: RunRecord, offset: int) -> PaneTrack:
    """The text in as many pieces as it had tokens, at an even pace from the first token to the end."""
    result = record.result
    edges = _even_edges(result.text, result.tokens_out)
    count = len(edges) - 1
    end = max(result.ms_first, result.ms_total)
    step = (end - result.ms_first) / max(1, count - 1)
    return PaneTrack(
        record=record,
        offset=offset,
        end=offset + end,
        text=result.text,
        times=[offset + result.ms_first + round(step * place) for place in range(count)],
        edges=edges,
        estimated=True,
        damage=record.problem,
    )


def _even_edges(text: str, pieces: int) -> list[int]:
    """Places that cut ``text`` in at most ``pieces`` parts, none between a character and its marks."""
    wanted = min(max(1, pieces), len(text))
    edges = [0]
    for number in range(1, wanted):
        place = len(text) * number // wanted
        while place < len(text) and _clings(text, place):
            place += 1
        if edges[-1] < place < len(text):
            edges.append(place)
    return [*edges, len(text)] if text else [0]


def _clings(text: str, place: int) -> bool:
    after, before = text[place], text[place - 1]
    return (
        after in _JOINERS
        or before == "\u200d"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or unicodedata.category(after)[0] == "M"
    )


def _markers(pane: int, track: PaneTrack, view: RecordingView | None) -> list[Marker]:
    found = [Marker(track.times[0], "first", pane)] if track.times else []
    marks = view.marks if view is not None else []
    found += [Marker(track.offset + at, "cancel" if name == "cancel" else "mark", pane, name) for at, name in marks]
    result = track.record.result
    if result.status == "cancelled" and not any(marker.kind == "cancel" for marker in found):
        found.append(Marker(track.end, "cancel", pane))
    if result.status in ("error", "interrupted"):
        found.append(Marker(track.end, "error", pane, result.error))
    return found


def _stretches(pane: int, track: PaneTrack, view: RecordingView) -> list[Stretch]:
    found = []
    for gap in view.gaps:
        start = track.times[gap.place - 1] if gap.place else track.offset
        end = track.times[gap.place] if gap.place < len(track.times) else track.end
        found.append(Stretch(pane, start, end, track.edges[gap.place], gap.missing))
    return found
