"""The driver: what the terminal shows equals the frames, in few bytes."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.tui.cells import Cells, is_frame
from workbench.tui.sgr import change_pen, pen

STYLES = ["", "1", "38;2;1;2;3", "31", "1;38;5;9;48;2;9;8;7", "4;97;44", "7", "2;3", "48;5;17"]
WORDS = ["plain", "日本", "a", "  ", "x日y", "─│", "long text here", "語"]
WIDTH, HEIGHT = 24, 6

Part = tuple[int, int, list[tuple[str, str]]]
PARTS = st.tuples(
    st.integers(0, HEIGHT - 1),
    st.integers(0, WIDTH - 1),
    st.lists(st.tuples(st.sampled_from(STYLES), st.sampled_from(WORDS)), min_size=1, max_size=3),
)


def frame(parts: list[Part]) -> str:
    """As Textual writes it, nothing over the right edge and no half of a wide character left behind."""
    out = []
    for y, x, segments in parts:
        out.append(f"\x1b[{y + 1};1H" + " " * WIDTH + f"\x1b[{y + 1};{x + 1}H")
        left = WIDTH - x
        for style, text in segments:
            size = sum(2 if character > "\u2e80" else 1 for character in text)
            if size > left:
                break
            left -= size
            out.append(f"\x1b[{style}m{text}\x1b[0m" if style else text)
    return "".join(out) + "\x1b[1;1H"


def screen() -> tuple[pyte.Screen, pyte.Stream]:
    shown = pyte.Screen(WIDTH, HEIGHT)
    return shown, pyte.Stream(shown)


def picture(shown: pyte.Screen) -> list[list[tuple[object, ...]]]:
    return [[tuple(shown.buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.lists(PARTS, max_size=4), st.booleans()), max_size=8))
def test_the_terminal_shows_the_frames_also_when_some_are_dropped(frames: list[tuple[list[Part], bool]]) -> None:
    expected, expected_stream = screen()
    got, got_stream = screen()
    cells = Cells(WIDTH, HEIGHT)
    got_stream.feed(cells.take())
    for parts, sent in frames:
        data = frame(parts)
        assert is_frame(data)
        expected_stream.feed(data)
        cells.draw(data)
        if sent:
            got_stream.feed(cells.take())
    got_stream.feed(cells.take())
    assert picture(got) == picture(expected)
    assert (got.cursor.x, got.cursor.y) == (expected.cursor.x, expected.cursor.y)
    assert cells.take() == ""


ROWS = st.lists(st.tuples(st.sampled_from(STYLES), st.sampled_from(WORDS)), min_size=1, max_size=2)
EDITS = st.lists(
    st.tuples(st.integers(0, HEIGHT - 1), st.integers(1, HEIGHT), st.integers(-3, 3), ROWS), min_size=1, max_size=10
)


@settings(max_examples=100, deadline=None)
@given(EDITS, st.integers(2, HEIGHT), st.integers(40, 400) | st.none())
def test_rows_that_moved_are_scrolled_and_a_limit_only_delays(
    edits: list[tuple[int, int, int, list[tuple[str, str]]]], height: int, limit: int | None
) -> None:
    expected, expected_stream = screen()
    got, got_stream = screen()
    cells = Cells(WIDTH, HEIGHT)
    rows: list[list[tuple[str, str]]] = [[("31", f"row {y} of text")] for y in range(HEIGHT)]
    for top, count, by, fresh in edits:
        part = rows[top : top + count]
        by = max(-len(part), min(len(part), by))
        moved = part[by:] + [fresh] * by if by >= 0 else [fresh] * -by + part[:by]
        rows[top : top + count] = moved[: len(part)]
        data = frame([(y, 0, row) for y, row in enumerate(rows)])
        expected_stream.feed(data)
        cells.draw(data)
        got_stream.feed(cells.take(limit))
        if limit is None:
            assert picture(got) == picture(expected)
    while cells.pending:
        got_stream.feed(cells.take(limit))
    assert picture(got) == picture(expected)
    assert (got.cursor.x, got.cursor.y) == (expected.cursor.x, expected.cursor.y)


def test_a_row_that_comes_in_costs_itself_and_a_scroll() -> None:
    cells = Cells(80, 24)
    lines = [f"{n} {'word ' * (n % 7) + 'other ' * (n % 5)}{n}".ljust(80) for n in range(40)]

    def draw(first: int) -> str:
        shown = "\n".join(f"\x1b[44m{line}\x1b[0m" for line in lines[first : first + 20])
        cells.draw(f"\x1b[3;1H{shown}\x1b[1;1H")
        return cells.take()

    draw(0)
    assert "\x1b[3;22r\x1b[22H\n\x1b[r" in draw(1)
    assert len(draw(3)) < 220
    assert "\x1bM" in draw(2)
    assert cells.take() == ""


@pytest.mark.parametrize(("keeps", "sent"), [(True, "\x1b[44mx\x1b[K"), (False, "\x1b[44mx" + " " * 39)])
def test_blank_tails_are_erased_where_the_terminal_fills_with_the_background(keeps: bool, sent: str) -> None:
    cells = Cells(40, 1, keeps_background=keeps)
    cells.take()
    cells.draw("\x1b[1;1H\x1b[44m" + "x".ljust(40) + "\x1b[0m\x1b[1;1H")
    assert cells.take().startswith(sent)


def test_clusters_of_doubtful_width_leave_nothing_behind() -> None:
    cells = Cells(12, 1)
    cells.take()
    cells.draw("\x1b[1;1Ha❤️b👍🏽cdef\x1b[1;1H")
    sent = cells.take()
    # Its cells are cleared first, and what follows is put where it belongs.
    assert "a  \b\b❤️" in sent or "a  \x1b[2D❤️" in sent
    assert "\x1b[1;4Hb" in sent
    assert "\x1b[1;7Hcdef" in sent
    plain = Cells(12, 1, plain_clusters=True)
    plain.draw("\x1b[1;1Ha❤️b👍🏽cdef\x1b[1;1H")
    assert "a❤ b👍cdef" in plain.take()


def test_only_what_changed_is_sent() -> None:
    cells = Cells(80, 24)
    row = "the quick brown fox jumps over the lazy dog".ljust(80)
    cells.draw("\x1b[1;1H" + "\n".join(f"\x1b[38;2;1;2;3;48;2;4;5;6m{row}\x1b[0m" for _ in range(24)) + "\x1b[1;1H")
    cells.take()
    cells.draw(f"\x1b[5;1H\x1b[38;2;1;2;3;48;2;4;5;6m{row.replace('fox', 'cat')}\x1b[0m\x1b[1;1H")
    sent = cells.take()
    assert "cat" in sent
    assert len(sent) < 25
    cells.draw(f"\x1b[5;1H\x1b[38;2;1;2;3;48;2;4;5;6m{row.replace('fox', 'cat')}\x1b[0m\x1b[1;1H")
    assert cells.take() == ""


def test_foreign_sequences_in_a_frame_are_drawn_not_obeyed() -> None:
    cells = Cells(40, 2)
    cells.draw("\x1b[1;1Ha\x1b[2J\x1b]0;title\x07b\x9b\x1b[1;1H")
    sent = cells.take()
    assert "␛[2J␛]0;title␇b" in sent
    assert "\x1b[2J" not in sent
    assert "\x1b]0" not in sent


@pytest.mark.parametrize(
    ("old", "new", "sgr"),
    [
        ("", "", ""),
        ("1", "", "\x1b[m"),
        ("", "31", "\x1b[31m"),
        ("1;31", "1;32", "\x1b[32m"),
        ("1;31", "31", "\x1b[0;31m"),
        ("31;44", "31", "\x1b[49m"),
        ("38;2;1;2;3;1", "1;38;2;1;2;3", ""),
    ],
)
def test_styles_change_in_the_fewest_codes(old: str, new: str, sgr: str) -> None:
    assert change_pen(old, new) == sgr


def test_codes_are_understood() -> None:
    assert pen("1;38;2;1;2;3;48;5;7").background == "48;5;7"
    assert pen("97;104") == (frozenset(), "97", "104")
    assert pen("31;0;4") == (frozenset({"4"}), "", "")
