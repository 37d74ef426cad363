"""The app in tmux at 80 x 24: it starts, runs, and its keys arrive. Each is proved by what it does."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.tui.cells import Cells
from workbench.workspace import init_workspace

pytestmark = pytest.mark.tmux
SCRIPT: dict[str, object] = {"pieces": ["In ", "東京", " it ", "rains."]}


class Tmux:
    """A server of its own with one window."""

    def __init__(self, folder: Path, *, script: dict[str, object] | None = None, command: str = "") -> None:
        self.socket = f"workbench-{uuid.uuid4().hex[:12]}"
        values = {"WORKBENCH_ENGINE": "scripted", "WORKBENCH_SCRIPT": json.dumps(script), "LC_ALL": "C.UTF-8"}
        pairs = [f"{name}={value}" for name, value in values.items()]
        # The window stays with the exit code to be read.
        ending = '; echo "left with $?"; exec cat'
        command = command or shlex.join(["env", *pairs, sys.executable, "-m", "workbench"])
        self.tmux("-f", os.devnull, "new-session", "-d", "-x", "80", "-y", "24", "-c", str(folder), command + ending)

    def tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-L", self.socket, *words], capture_output=True, text=True, check=True, timeout=30
        )
        return done.stdout

    def keys(self, *names: str) -> None:
        self.tmux("send-keys", *names)

    @property
    def text(self) -> str:
        return self.tmux("capture-pane", "-p")

    def wait_for(self, *wanted: str, absent: str = "", seconds: float = 60) -> str:
        """Until all of ``wanted`` is on the screen and ``absent`` is not."""
        end = time.monotonic() + seconds
        while True:
            text = self.text
            if all(part in text for part in wanted) and (not absent or absent not in text):
                return text
            assert time.monotonic() < end, f"not seen: {wanted!r}, or still seen: {absent!r}\n{text}"

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], check=False, capture_output=True, timeout=30)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    terminal = Tmux(init_workspace(tmp_path / "space").root, script=SCRIPT)
    try:
        terminal.wait_for("[slots.city]", "city    ", "ready")
        yield terminal
    finally:
        terminal.close()


def test_a_run_shows_the_answer_and_the_status(tmux: Tmux) -> None:
    tmux.keys("F5")
    text = tmux.wait_for("it rains.", "finished")
    lines = text.splitlines()
    assert len(lines) == 24
    assert "東京" in text
    assert "finished" in lines[22]
    assert "4 tok" in lines[22]
    assert "F5 Run" in lines[23]


def test_it_leaves_by_ctrl_q_with_zero_and_the_screen_is_back(tmux: Tmux) -> None:
    tmux.keys("C-q")
    assert "F5 Run" not in tmux.wait_for("left with 0")


def test_the_keys_of_areas_arrive(tmux: Tmux) -> None:
    tmux.keys("M-1")
    tmux.wait_for("Sessions", "london")
    tmux.keys("M-3")
    tmux.wait_for("I have 2 days in London", absent="Sessions")
    tmux.keys("M-y")
    tmux.wait_for("The prompt:")
    tmux.keys("M-4")
    tmux.wait_for("No run yet", absent="I have 2 days in London")
    tmux.keys("M-2")
    tmux.wait_for("[slots.city]")
    tmux.keys("F3")
    tmux.wait_for("I have 2 days in London", absent="[slots.city]")
    tmux.keys("F4")
    tmux.wait_for("Sessions", "Sample:")
    tmux.keys("C-o")
    tmux.wait_for("Sessions", "london")
    tmux.keys("M-5", "End", "X")
    tmux.wait_for("[slots.city]", "LondonX")


# What is pressed, what must be seen then.
BOXES = [
    ("F1", "A template is text with slots"),
    ("M-h", "A template is text with slots"),
    ("F7", "Parameters of the next runs"),
    ("M-p", "Parameters of the next runs"),
    ("F8", "Models (name"),
    ("M-m", "Models (name"),
    ("C-p", "Search for commands"),
    ("F2", "Search for commands"),
]


def test_the_keys_of_questions_arrive(tmux: Tmux) -> None:
    for key, seen in BOXES:
        tmux.keys(key)
        tmux.wait_for(seen)
        tmux.keys("Escape")
        tmux.wait_for("[slots.city]", absent=seen)


NOTICES = [
    ("F6", "Nothing is running"),
    ("M-s", "Nothing is running"),
    ("F9", "There is no output yet"),
    ("M-w", "begins a new session"),
    ("M-e", "Engine:"),
    ("M-t", "Theme:"),
    ("M-j", "stands for one prompt"),
    ("M-r", "Nothing was changed"),
]


@pytest.mark.parametrize(("key", "seen"), NOTICES)
def test_the_keys_of_notices_arrive(tmux: Tmux, key: str, seen: str) -> None:
    tmux.keys(key)
    tmux.wait_for(seen)


def test_text_is_typed_saved_and_a_new_template_begun(tmux: Tmux, tmp_path: Path) -> None:
    tmux.keys("# mine", "Enter")
    tmux.wait_for("# mine", "london.j2 *")
    tmux.keys("C-s")
    tmux.wait_for("Saved templates/london.j2")
    assert (tmp_path / "space/templates/london.j2").read_text(encoding="utf-8").startswith("# mine\n")
    tmux.keys("C-n")
    tmux.wait_for("[slots.topic]")
    tmux.keys("C-r")
    tmux.wait_for("it rains.")


CLUSTERS = ["❤️", "👍🏽", "1️⃣", "🏳️‍🌈", "👩‍💻", "🇩🇪", "日本", "é"]


@pytest.mark.parametrize("plain", [False, True])
def test_clusters_of_doubtful_width_shift_nothing_in_tmux(tmp_path: Path, plain: bool) -> None:
    cells = Cells(80, 24, plain_clusters=plain)
    for y, cluster in enumerate(CLUSTERS):
        cells.draw(f"\x1b[{y + 1};1H|{cluster}\x1b[{y + 1};5H|tail\x1b[{y + 1};11H|")
    cells.draw("\x1b[12;1Hall drawn")
    (tmp_path / "first").write_text(cells.take(), encoding="utf-8")
    for y in range(0, len(CLUSTERS), 2):
        cells.draw(f"\x1b[{y + 1};2H  ")
    cells.draw("\x1b[12;1Hsome gone")
    (tmp_path / "second").write_text(cells.take(), encoding="utf-8")
    command = "stty raw -echo; printf '\\033[?7l'; cat first; read line; cat second; exec cat"
    terminal = Tmux(tmp_path, command=command)
    try:
        rows = terminal.wait_for("all drawn").splitlines()
        assert [row.rpartition("|tail")[1:] for row in rows[: len(CLUSTERS)]] == [("|tail", " |")] * len(CLUSTERS)
        terminal.keys("C-j")
        rows = terminal.wait_for("some gone").splitlines()
        assert [rows[y] for y in range(0, len(CLUSTERS), 2)] == ["|   |tail |"] * (len(CLUSTERS) // 2)
        assert all(row.endswith("|tail |") for row in rows[: len(CLUSTERS)])
    finally:
        terminal.close()
