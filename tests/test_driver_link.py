"""The driver on a slow link: how much is under way, and terminals that answer late or never."""

from __future__ import annotations

import os
import time
from collections import deque

import pytest

from tests.test_driver import HEIGHT, WIDTH, frame, picture, screen
from workbench.tui.cells import Cells
from workbench.tui.link import Fence
from workbench.tui.output import Output


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
