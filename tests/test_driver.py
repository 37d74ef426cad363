"""The driver: what the terminal shows equals the frames, few bytes, no blocking, input that cannot break it."""

from __future__ import annotations

import fcntl
import os
import pty
import random
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections import deque
from collections.abc import Callable, Iterator

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual import events

from workbench.tui.cells import Cells, is_frame
from workbench.tui.keys_in import InputFilter
from workbench.tui.link import Fence
from workbench.tui.output import Output
from workbench.tui.sgr import change_pen, pen
from workbench.tui.textual_private import SafeParser

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


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"plain \xff\xfetext", "plain text"),
        ("日本".encode(), "日本"),
        (b"\x1b[A\x1bOB", "\x1b[A\x1bOB"),
        (b"\x1b[97;1:3u", ""),
        (b"\x1b[97;1:1ux", "\x1b[97;1ux"),
        (b"\x1b[27;5;13~", "\x1b[13;5u"),
        (b"\x1b[1;2R", "\x1b[13;2~"),
        (b"a\x1b[?62;22cb", "ab"),
        (b"a\x1b[>41;354;0cb", "ab"),
        (b"a\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\b", "ab"),
        (b"a\x1bP>|XTerm(370)\x1b\\b", "ab"),
        (b"a\x1b[0nb", "ab"),
        (b"\x1b[?2026;2$y", "\x1b[?2026;2$y"),
        (b"\x1b[48;24;80;0;0t", "\x1b[48;24;80;0;0t"),
        (b"\x1b[<0;3;4M", "\x1b[<0;3;4M"),
        (b"\x1b[200~a\x1b[0n\xffb\x1b[201~c", "\x1b[200~a␛[0nb\x1b[201~c"),
        (b"\x1b1\x1bj", "\x1b[49;3u\x1bj"),
    ],
)
def test_input_is_made_fit_however_it_is_split(sent: bytes, kept: str) -> None:
    assert InputFilter().feed(sent) == kept
    for seed in range(20):
        choose = random.Random(seed)
        whole, at, out = InputFilter(), 0, ""
        while at < len(sent):
            size = choose.randint(1, 4)
            out += whole.feed(sent[at : at + size])
            at += size
        assert out == kept
        assert not whole.held


def test_escape_alone_is_a_key_and_half_an_answer_is_nothing() -> None:
    keys = InputFilter()
    assert keys.feed(b"\x1b") == ""
    assert keys.held
    assert keys.flush() == "\x1b"
    assert keys.feed(b"\x1b]11;rgb:") == ""
    assert keys.flush() == ""
    assert keys.feed(b"x") == "x"


@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"\x1b[", b"1:2;3:4u", b"\x1b[9999999999u"]), max_size=6))
def test_the_parser_still_takes_keys_after_any_bytes(pieces: list[bytes]) -> None:
    keys, parser = InputFilter(), SafeParser()
    for piece in pieces:
        parser.feed(keys.feed(piece))
    parser.feed(keys.flush())
    parser.feed(keys.feed(b"\x1b[201~" + b" " * 80))
    parser.feed(keys.flush())
    messages = parser.feed(keys.feed(b"q"))
    assert [message.key for message in messages if isinstance(message, events.Key)] == ["q"]


def test_a_fence_narrows_on_a_slow_link_and_widens_again() -> None:
    now = [0.0]
    fence = Fence(lambda: now[0])
    rate, base, free = 8000.0, 0.3, 0.0
    answers: deque[float] = deque()
    worst = 0.0
    for step in range(4000):
        now[0] = step * 0.01
        while answers and answers[0] <= now[0]:
            answers.popleft()
            fence.answered()
        if step == 2000:
            rate = 1_000_000.0
        if fence.open:
            size = 400
            asked = fence.sent(size)
            free = max(free, now[0]) + size / rate
            if asked:
                answers.append(free + base)
            if 500 < step < 2000:
                worst = max(worst, free - now[0])
                assert fence.limit is not None
    # No key waits longer than this behind frames, and none of the bandwidth is given away when there is enough.
    assert worst < 0.2
    assert fence.limit is None


def test_a_terminal_that_never_answers_is_not_waited_for() -> None:
    now = [0.0]
    fence = Fence(lambda: now[0])
    questions = 0
    for step in range(100):
        now[0] = float(step)
        assert fence.open
        questions += fence.sent(10_000)
    assert questions == 2
    assert not fence.asking
    fence.answered()
    assert fence.asking


def test_a_late_answer_is_not_taken_for_a_quick_one() -> None:
    now = [0.0]
    fence = Fence(lambda: now[0])
    fence.sent(10)
    now[0] = 3.5
    assert fence.open
    assert fence.sent(10)
    now[0] = 3.6
    fence.answered()
    assert fence.round_trip is None
    now[0] = 4.0
    fence.answered()
    assert fence.round_trip == pytest.approx(0.5)


def test_one_that_ceases_to_answer_holds_frames_for_a_bounded_time() -> None:
    now = [0.0]
    fence = Fence(lambda: now[0])
    assert fence.sent(10)
    fence.answered()
    assert fence.sent(100_000)
    assert not fence.open
    now[0] += fence.patience() + 0.01
    assert fence.open


def test_an_answer_torn_apart_is_not_typed() -> None:
    for cut in range(1, 4):
        keys = InputFilter()
        text = keys.feed(b"\x1b[0n"[:cut]) + keys.flush()
        text += keys.feed(b"\x1b[0n"[cut:] + b"x")
        assert text.removeprefix("\x1b").removeprefix("[") == "x"
        assert keys.answers == 1


def test_a_megabyte_is_pasted_whole_in_odd_pieces() -> None:
    body = ("é\x1b[201 日 \x1b[0n\r\n" * 60_000).encode()
    sent = b"\x1b[200~" + body + b"\x1b[201~!"
    keys = InputFilter()
    out = "".join(keys.feed(sent[at : at + 4093]) for at in range(0, len(sent), 4093))
    assert out == "\x1b[200~" + body.decode().replace("\x1b", "␛") + "\x1b[201~!"
    assert keys.answers == 0


def test_frames_add_up_while_the_terminal_takes_nothing() -> None:
    reader, writer = os.pipe()
    output = Output(writer, Cells(WIDTH, HEIGHT))
    output.start()
    expected, expected_stream = screen()
    for number in range(5000):
        data = frame([(number % HEIGHT, 0, [("1;31", f"frame {number}")])])
        output.draw(data, WIDTH, HEIGHT)
        if number >= 4900:
            expected_stream.feed(data)
    output.send("\x1b[?25h")
    got, got_stream = screen()
    received = 0
    end = time.monotonic() + 30
    while picture(got) != picture(expected):
        assert time.monotonic() < end
        data_back = os.read(reader, 65536)
        received += len(data_back)
        got_stream.feed(data_back.decode())
    output.stop()
    assert not output.is_alive()
    assert output.frames_drawn == 5000
    assert received < 200_000
    os.close(reader)
    os.close(writer)


CHILD = """
import sys
from textual.app import App
from workbench.tui.driver import WorkbenchDriver
from workbench.tui.editor import TemplateEditor
from workbench.tui.stream import StreamView

class Small(App):
    BINDINGS = [("ctrl+t", "fill", "fill")]
    def compose(self):
        yield TemplateEditor("start", id="edit")
        yield StreamView(id="view")
    def action_fill(self):
        self.query_one(StreamView).append("".join(f"line {n} of many words\\n" for n in range(400)) + "日本 end")

Small(driver_class=WorkbenchDriver if sys.argv[1] == "ours" else None).run(mouse=False)
"""


class Terminal:
    """A child in a pseudo terminal, its screen, and the bytes it sent."""

    def __init__(self, kind: str, columns: int, rows: int) -> None:
        self.master, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environ = dict(os.environ, TERM="xterm-256color", COLORTERM="truecolor", TEXTUAL_DISABLE_KITTY_KEY="1")
        # The test runner may say how wide its own terminal is.
        environ = {name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES")}
        command = [sys.executable, "-c", CHILD, kind]
        self.process = subprocess.Popen(
            command, stdin=child, stdout=child, stderr=child, env=environ, start_new_session=True
        )
        os.close(child)
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.received = 0

    def pump(self, seconds: float = 0.05) -> None:
        if select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.received += len(data)
            self.stream.feed(re.sub(rb"\x1b\[\?\d+\$p|\x1b\[[<>]\d*u", b"", data))

    def wait_for(self, wanted: Callable[[], bool], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not wanted():
            assert time.monotonic() < end, "\n".join(self.screen.display)
            self.pump()

    def shows(self, text: str) -> Callable[[], bool]:
        return lambda: any(text in row for row in self.screen.display)

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def quit(self) -> int:
        self.type(b"\x11")
        end = time.monotonic() + 30
        while self.process.poll() is None:
            assert time.monotonic() < end
            self.pump()
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminals(request: pytest.FixtureRequest) -> Iterator[dict[str, Terminal]]:
    columns, rows = getattr(request, "param", (60, 16))
    both = {kind: Terminal(kind, columns, rows) for kind in ("ours", "stock")}
    yield both
    for terminal in both.values():
        terminal.close()


@pytest.mark.pty
@pytest.mark.parametrize("terminals", [(60, 16), (80, 24), (200, 60)], indirect=True)
def test_a_whole_session_looks_like_the_stock_driver_and_costs_less(terminals: dict[str, Terminal]) -> None:
    for terminal in terminals.values():
        terminal.wait_for(terminal.shows("start"))
        terminal.type(b"\xe6\x97\xa5 {city} ")
        terminal.wait_for(terminal.shows("{city}"))
        terminal.type(b"\x14")
        terminal.wait_for(terminal.shows("end"))
        for key in b"typed":
            terminal.type(bytes([key]))
        terminal.wait_for(terminal.shows("typed"))
        # Up and down through the pane, line by line and by pages.
        terminal.type(b"\t" + b"\x1b[5~" * 3 + b"\x1b[A" * 4 + b"\x1b[B" * 2 + b"\x1b[6~")
    ours, stock = terminals["ours"], terminals["stock"]

    def same() -> bool:
        stock.pump()
        return bool(ours.screen.display == stock.screen.display)

    ours.wait_for(same)
    for y in range(ours.screen.lines):
        assert ours.screen.buffer[y] == stock.screen.buffer[y]
    assert ours.received < stock.received
    assert [terminal.quit() for terminal in terminals.values()] == [0, 0]


@pytest.mark.pty
def test_bad_input_neither_ends_the_app_nor_is_typed(terminals: dict[str, Terminal]) -> None:
    ours = terminals["ours"]
    ours.wait_for(ours.shows("start"))
    for data in (
        b"\xff\xfe",
        b"\x1b[97;1:3u",
        b"\x1b[?62;22c",
        b"\x1b]11;rgb:0/0/0\x07",
        b"\x1b[0n",
        b"\x1bP>|x\x1b\\",
    ):
        ours.type(data)
    ours.type(b"ok:")
    ours.wait_for(ours.shows("ok:start"))
    assert ours.quit() == 0


@pytest.mark.pty
def test_a_terminal_that_takes_nothing_does_not_stop_the_app(terminals: dict[str, Terminal]) -> None:
    ours = terminals["ours"]
    ours.wait_for(ours.shows("start"))
    # Nothing is read while far more is drawn than a terminal buffers.
    for _ in range(40):
        ours.type(b"\x14" + b"x" * 20)
    ours.type(b"!")
    ours.wait_for(ours.shows("x!start"))
    assert ours.received < 60_000
    assert ours.quit() == 0
