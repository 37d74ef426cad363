"""Odd terminals: few colours, other names, the C locale, no answers, stopped and resized; the app is whole on each."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ptytool import Terminal
from workbench.workspace import init_workspace

pytestmark = pytest.mark.pty
CTRL_Q, CTRL_Z, F5, F9 = b"\x11", b"\x1a", b"\x1b[15~", b"\x1b[20~"
TRUE_COLOUR = re.compile(rb"\x1b\[[\d;]*[34]8;2;")
MANY_COLOURS = re.compile(rb"\x1b\[[\d;]*[34]8;5;")
Start = Callable[..., Terminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    space = init_workspace(tmp_path / "space").root
    opened: list[Terminal] = []

    def begin(*words: str, columns: int = 80, rows: int = 24, **env: str) -> Terminal:
        script = json.dumps({"pieces": ["In ", "東京", " ❤️ 👍🏽 it rains."]})
        unset = dict.fromkeys(("COLORTERM", "NO_COLOR", "TMUX", "SSH_CONNECTION"), "")
        values = {**unset, "WORKBENCH_ENGINE": "scripted", "WORKBENCH_SCRIPT": script, **env}
        opened.append(Terminal(*words, cwd=space, env=values, columns=columns, rows=rows))
        return opened[-1]

    yield begin
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize(
    ("env", "absent"),
    [
        ({"TERM": "screen"}, [TRUE_COLOUR, MANY_COLOURS]),
        ({"TERM": "linux"}, [TRUE_COLOUR, MANY_COLOURS]),
        ({"TERM": "screen-256color", "LANG": "C", "LC_ALL": "C"}, [TRUE_COLOUR]),
        ({"TERM": "xterm", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}, [TRUE_COLOUR]),
    ],
)
def test_the_app_runs_whole_at_80x24(start: Start, env: dict[str, str], absent: list[re.Pattern[bytes]]) -> None:
    terminal = start(**env)
    terminal.wait_for("[slots.city]")
    terminal.send(F5)
    terminal.wait_for("it rains.")
    terminal.wait_for("finished")
    assert "東" in terminal.text
    assert "\\u" not in terminal.text
    assert "F5 Run" in terminal.screen.display[23]
    assert not any(pattern.search(bytes(terminal.received)) for pattern in absent)
    terminal.send(CTRL_Q)
    assert terminal.wait_end() == 0


def test_a_terminal_that_draws_nothing_is_told_so(start: Start) -> None:
    terminal = start(TERM="dumb")
    assert terminal.wait_end() != 0
    assert b"TERM='dumb'" in terminal.received
    assert b"\x1b[?1049h" not in terminal.received


def test_below_60x16_one_sentence_says_so_and_it_comes_back(start: Start) -> None:
    terminal = start()
    terminal.wait_for("[slots.city]")
    terminal.resize(40, 10)
    terminal.wait_for("needs 60 x 16")
    assert " ".join(terminal.text.split()) == "This terminal is 40 x 10, the workbench needs 60 x 16. Nothing is lost."
    terminal.resize(60, 16)
    terminal.wait_for('title = "Sightseeing"')


def test_a_storm_of_200_sizes_ends_with_a_whole_screen(start: Start) -> None:
    terminal = start()
    terminal.wait_for("[slots.city]")
    for step in range(200):
        terminal.resize(30 + step * 37 % 140, 8 + step * 11 % 50)
        terminal.pump(0.002)
    terminal.resize(100, 30)
    terminal.wait_for(lambda: "[slots.city]" in terminal.text and "F5 Run" in terminal.screen.display[29])
    terminal.send(F5)
    terminal.wait_for("it rains.")


def test_a_stop_gives_the_terminal_back_and_going_on_paints_it_again(start: Start) -> None:
    terminal = start()
    terminal.wait_for("[slots.city]")
    terminal.signal(signal.SIGTSTP)

    def stopped() -> bool:
        return Path(f"/proc/{terminal.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"

    terminal.wait_for(stopped)
    terminal.wait_for(lambda: terminal.received.endswith(b"\x1b[?1004l"))
    assert terminal.received.rfind(b"\x1b[?1049l") > terminal.received.rfind(b"\x1b[?1049h")
    terminal.screen.reset()
    terminal.signal(signal.SIGCONT)
    terminal.wait_for("[slots.city]")
    terminal.wait_for("F5 Run")
    terminal.send(F5)
    terminal.wait_for("it rains.")


@pytest.mark.parametrize("tmux", ["", "/nowhere/tmux,1,0"])
def test_a_copy_is_sent_in_exact_bytes(start: Start, tmux: str) -> None:
    terminal = start(SSH_CONNECTION="192.0.2.1 1 192.0.2.2 22", TMUX=tmux, PATH=os.environ["PATH"])
    terminal.wait_for("[slots.city]")
    terminal.send(F5)
    terminal.wait_for("finished")
    terminal.send(F9)
    payload = base64.b64encode("In 東京 ❤️ 👍🏽 it rains.".encode())
    bare = b"\x1b]52;c;" + payload + b"\x07"
    wrapped = b"\x1bPtmux;\x1b" + bare + b"\x1b\\"
    terminal.wait_for(lambda: (bare + wrapped if tmux else bare) in terminal.received)
    assert terminal.received.count(payload) == (2 if tmux else 1)


def test_answers_of_the_terminal_do_not_reach_the_shell(start: Start) -> None:
    terminal = start()
    terminal.wait_for("[slots.city]")
    terminal.send(b"\x1b[0n" * terminal.received.count(b"\x1b[5n"))
    answered = terminal.received.count(b"\x1b[5n")
    terminal.send(b"typed")
    terminal.wait_for("typed")
    terminal.send(CTRL_Q)
    terminal.wait_for(lambda: b"\x1b[?2004l" in terminal.received or "typed" not in terminal.text)
    # Late: while the app waits for them before it gives the terminal back.
    terminal.send(b"\x1b[0n" * (terminal.received.count(b"\x1b[5n") - answered))
    assert terminal.wait_end() == 0
    assert "[0n" not in terminal.text
