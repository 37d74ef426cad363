"""Playing what was recorded: the timeline, and the player with a clock of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.counting import steps
from tests.runtool import request, result
from workbench.error import UsageError
from workbench.event import Piece
from workbench.session.info import RunRecord
from workbench.session.playback import Change, Player
from workbench.session.reader import Gap, RecordingView, read_recording
from workbench.session.timeline import Timeline

START = "2026-11-25T19:56:12.000Z"


class Clock:
    """Seconds, set by the test."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def view(times: list[int], texts: list[str] | None = None, **more: object) -> RecordingView:
    words = texts or [f"{number} " for number in range(len(times))]
    pieces = [Piece(at, number, text) for number, (at, text) in enumerate(zip(times, words, strict=True))]
    found = RecordingView(head={}, pieces=pieces)
    for name, value in more.items():
        setattr(found, name, value)
    return found


def record(text: str = "", *, created: str = START, **more: object) -> RunRecord:
    return RunRecord(request(created=created), result(text, **more))


def player(*runs: tuple[RunRecord, RecordingView | None], **more: float) -> tuple[Player, Clock]:
    clock = Clock()
    options = {"idle_ms": int(more.get("idle_ms", 2000)), "speed": more.get("speed", 1.0)}
    return Player(Timeline.of_group(runs), clock, speed=options["speed"], idle_ms=int(options["idle_ms"])), clock


def text_at(line: Timeline, pane: int, ms: int) -> str:
    """What a pane shows at ``ms``, as the player finds it."""
    return line.panes[pane].text[: line.chars(pane, line.seen(ms))]


def test_a_group_has_the_true_offsets_between_its_runs() -> None:
    late = record(created="2026-11-25T19:56:12.700Z", ms_total=0)
    line = Timeline.of_group([(record(ms_total=0), view([100, 300])), (late, view([0, 50], ["x", "y"]))])
    assert [pane.offset for pane in line.panes] == [0, 700]
    assert [text_at(line, 1, ms) for ms in (699, 700, 749, 750)] == ["", "x", "x", "xy"]
    assert line.length == 750
    assert [(marker.at, marker.kind, marker.pane) for marker in line.markers] == [(100, "first", 0), (700, "first", 1)]


def test_what_is_shown_equals_the_pieces_before_at_every_moment() -> None:
    recorded = view([5, 5, 9, 200], ["a", "東京", "👩‍💻", "\n"])
    line = Timeline.of_run(record(), recorded)
    for ms in range(-1, 210):
        assert text_at(line, 0, ms) == "".join(piece.text for piece in recorded.pieces if piece.t_ms <= ms)
    assert line.panes[0].text == "a東京👩‍💻\n"


def test_marks_cancel_and_errors_are_markers_that_can_be_walked() -> None:
    marked = view([100, 500], marks=[(200, "here"), (450, "cancel")])
    line = Timeline.of_run(record(status="cancelled", finish_reason="cancel", ms_total=600), marked)
    kinds = []
    place = -1
    while (marker := line.next_marker(place)) is not None:
        kinds.append((marker.at, marker.kind, marker.text))
        place = marker.at
    assert kinds == [(100, "first", ""), (200, "mark", "here"), (450, "cancel", "cancel")]
    assert line.previous_marker(200) == line.markers[0]
    failed = Timeline.of_run(record(status="error", error="it died", ms_total=700), view([10]))
    assert [(marker.at, marker.kind, marker.text) for marker in failed.markers[1:]] == [(700, "error", "it died")]


def test_lost_pieces_are_listed_where_they_are_missing() -> None:
    line = Timeline.of_run(record(ms_total=500), view([100, 400], ["a", "d"], gaps=[Gap(1, 2), Gap(2, 5)]))
    found = [(gap.start, gap.end, gap.chars, gap.missing) for gap in line.stretches]
    assert found == [(100, 400, 1, 2), (400, 500, 2, 5)]
    assert line.panes[0].damage == "~7 tokens missing"


def test_a_damaged_recording_on_disk_still_plays(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = [
        b'{"k":"o","n":0,"at":10,"t":[10,5],"s":["a","b"]}',
        b"rubbish",
        b'{"k":"o","n":4,"at":90,"t":[1],"s":["e"]}',
    ]
    path.write_bytes(b"\n".join(lines))
    line = Timeline.of_run(record(), read_recording(path))
    assert text_at(line, 0, 90) == "abe"
    assert [(gap.start, gap.end, gap.missing) for gap in line.stretches] == [(15, 90, 2)]


@pytest.mark.parametrize("text", ["In 東京 it rains.\n", "", "é́👍🏽👩‍💻", "a"])
def test_without_a_recording_the_pace_is_even_and_estimated(text: str) -> None:
    line = Timeline.of_run(record(text, tokens_out=6, ms_first=100, ms_total=600), None)
    track = line.panes[0]
    assert line.estimated
    assert track.end == line.length == 600
    assert text_at(line, 0, 99) == ""
    assert text_at(line, 0, 600) == text
    for edge in track.edges[1:-1]:
        # No character stands without its marks, not even for a moment.
        assert text[edge] not in "\u0301\u200d🏽"
    if len(track.times) > 1:
        assert (track.times[0], track.times[-1]) == (100, 600)


def test_playing_keeps_absolute_time_and_shows_each_piece_once() -> None:
    line, clock = player((record(ms_total=600_000), view(list(range(0, 600_001, 50)))))
    line.play()
    shown = ""
    began = clock.now
    for number in range(1, 601):
        # A face that is always late, by another amount each time.
        clock.now = began + number + number % 7 / 10
        tick = line.tick()
        shown += tick.changes[0].text
        assert not tick.changes[0].reset
        assert abs(tick.position - (clock.now - began) * 1000) <= 1 or tick.ended
    assert tick.ended
    assert not line.playing
    assert shown == line.timeline.panes[0].text


@pytest.mark.parametrize("speed", [0.25, 1, 64])
def test_due_says_when_to_tick_next(speed: float) -> None:
    line, clock = player((record(ms_total=900), view([100, 350, 900])), speed=speed)
    line.play()
    waits, texts = [], []
    while (due := line.due()) is not None:
        clock.now += due
        tick = line.tick()
        waits.append(round(due * speed * 1000))
        texts += [change.text for change in tick.changes.values()]
    assert [wait for wait in waits if wait] == pytest.approx([100, 250, 550], abs=1)
    assert texts == ["0 ", "1 ", "2 "]


def test_seeking_appends_forward_and_resets_back() -> None:
    line, _clock = player((record(ms_total=9000), view([1000, 4000, 8000])), idle_ms=0)
    line.seek(4500)
    assert line.tick().changes == {0: Change("0 1 ")}
    line.seek_by(5000)
    assert line.tick().changes == {0: Change("2 ")}
    line.seek_by(-5000)
    assert line.tick().changes == {0: Change("0 1 ", reset=True)}
    assert line.position == 4000
    line.seek_share(0.1)
    assert line.position == 4900
    line.home()
    assert (line.tick().changes, line.position) == ({0: Change("", reset=True)}, 0)
    line.end()
    tick = line.tick()
    assert (tick.position, tick.ended, tick.changes) == (9000, True, {0: Change("0 1 2 ")})
    line.play()
    assert line.position == 0


def test_steps_take_one_piece_even_when_two_came_at_once() -> None:
    line, _clock = player((record(), view([100, 100, 300])), (record(), view([100], ["x"])))
    line.play()
    seen = []
    for _ in range(5):
        line.step()
        seen.append({pane: change.text for pane, change in line.tick().changes.items()})
    assert seen == [{0: "0 "}, {0: "1 "}, {1: "x"}, {0: "2 "}, {}]
    line.step(-2)
    assert line.tick().changes == {0: Change("0 1 ", reset=True), 1: Change("", reset=True)}
    assert not line.playing


def test_markers_are_walked_both_ways_also_while_playing() -> None:
    line, clock = player((record(ms_total=9000), view([1000, 9000], marks=[(3000, "here")])), idle_ms=0)
    assert [marker.at if (marker := line.next_marker()) else None for _ in range(3)] == [1000, 3000, None]
    line.play()
    clock.now += 0.2
    found = line.previous_marker()
    assert found is not None
    assert found.at == 1000


def test_long_idle_time_is_cut_and_the_real_one_told() -> None:
    line, clock = player((record(ms_total=61_000), view([1000, 61_000])))
    line.play()
    clock.now += 2.5
    assert line.tick().position == 2500
    assert line.cut is not None
    assert line.cut.idle == 60_000
    clock.now += 0.6
    tick = line.tick()
    assert (tick.changes, tick.ended) == ({0: Change("1 ")}, True)
    assert [cut.idle for cut in tick.passed] == [60_000]
    line.seek(30_000)
    assert line.tick().changes == {0: Change("0 ", reset=True)}
    line.seek_by(-5000)
    assert line.position == 0
    line.idle_ms = 0
    line.seek(30_000)
    assert line.position == 30_000


def test_speed_changes_do_not_move_the_position() -> None:
    line, clock = player((record(ms_total=100_000), view([100_000])), idle_ms=0)
    line.play()
    clock.now += 1
    line.faster()
    assert (line.speed, line.position) == (2, 1000)
    clock.now += 1
    assert line.position == 3000
    line.toggle()
    clock.now += 5
    assert line.position == 3000
    for wrong in (0.2, 65, float("nan")):
        with pytest.raises(UsageError):
            line.set_speed(wrong)


def test_seeking_in_four_panes_of_ten_thousand_tokens_is_immediate() -> None:
    def most(count: int) -> int:
        """Of fifty places of recordings of so many tokens."""
        runs = [(record(ms_total=30 * count), view([30 * i + pane for i in range(count)])) for pane in range(4)]
        line, _clock = player(*runs)

        def look(share: int) -> None:
            line.seek(line.timeline.length * (share * 37 % 50) // 50)
            line.tick()

        return max(steps(partial(look, share)) for share in range(50))

    # Found by bisection: a hundred times the tokens, hardly a step more.
    assert most(10_000) < 2 * most(100)
