"""The real app in a real pseudo terminal: it starts, runs, ends, and gives the terminal back."""

from __future__ import annotations

import json
import re
import signal
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.ptytool import Terminal
from workbench.error import ExitCode
from workbench.session.drafts import load_drafts
from workbench.session.store import SessionStore
from workbench.workspace import find_workspace, init_workspace

pytestmark = pytest.mark.pty
ESCAPES = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "escapes.jsonl").read_text(encoding="utf-8").splitlines()
]
F5, CTRL_Q, ALT_2, ALT_6 = b"\x1b[15~", b"\x11", b"\x1b2", b"\x1b6"
Start = Callable[..., Terminal]


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return init_workspace(tmp_path / "space").root


@pytest.fixture
def start(space: Path) -> Iterator[Start]:
    opened: list[Terminal] = []

    def begin(script: dict[str, object], columns: int = 80, rows: int = 24) -> Terminal:
        env = {"WORKBENCH_ENGINE": "scripted", "WORKBENCH_SCRIPT": json.dumps(script)}
        terminal = Terminal(cwd=space, env=env, columns=columns, rows=rows)
        opened.append(terminal)
        terminal.wait_for("city")
        return terminal

    yield begin
    for terminal in opened:
        terminal.close()


def gave_back(terminal: Terminal) -> bool:
    """The alternate screen was left and the cursor shown, after both had been taken."""
    received = bytes(terminal.received)
    return received.rfind(b"\x1b[?1049l") > received.rfind(b"\x1b[?1049h") >= 0 and received.rfind(
        b"\x1b[?25h"
    ) > received.rfind(b"\x1b[?25l")


def test_it_runs_and_quits(start: Start) -> None:
    terminal = start({"pieces": ["In ", "東京", " it rains."]})
    terminal.send(F5)
    terminal.wait_for("it rains.")
    terminal.wait_for("finished")
    terminal.send(CTRL_Q)
    assert terminal.wait_end() == 0
    assert gave_back(terminal)


BREAKAGE = """
from workbench.tui.app import WorkbenchApp
def broken(self, *words):
    if words in ((), ("browse",)):
        text = "a private text"
        raise ValueError("something broke")
{what}
"""


@pytest.mark.parametrize(
    "what",
    ["WorkbenchApp.do = broken", "async def work(self): broken(self)\nWorkbenchApp.browse = work"],
    ids=["handler", "worker"],
)
def test_a_failure_gives_the_terminal_back_and_is_one_sentence_and_a_report(
    space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BREAKAGE.format(what=what))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    terminal = Terminal(cwd=space, env={"WORKBENCH_ENGINE": "scripted", "PYTHONPATH": str(tmp_path)}, columns=200)
    terminal.wait_for("city")
    terminal.send(b"precious")
    terminal.wait_for("precious")
    terminal.send(ALT_6)
    assert terminal.wait_end() == ExitCode.INTERNAL
    assert gave_back(terminal)
    after = bytes(terminal.received).rpartition(b"\x1b[?1049l")[2].decode()
    assert after.count("internal error (ValueError); the report is in") == 1
    assert "private" not in after
    assert "Traceback" not in after
    (report,) = (tmp_path / "state").rglob("crash-*.txt")
    assert "something broke" in report.read_text()
    assert "private" not in report.read_text()
    assert any("precious" in draft.text for draft in load_drafts(find_workspace(space)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back_and_keeps_unsaved_text(
    start: Start, space: Path, number: signal.Signals
) -> None:
    terminal = start({"pieces": ["x"]})
    terminal.send(b"precious")
    terminal.wait_for("precious")
    terminal.signal(number)
    terminal.wait_end()
    assert gave_back(terminal)
    drafts = load_drafts(find_workspace(space))
    assert any("precious" in draft.text for draft in drafts)


def test_a_storm_of_sizes_ends_with_a_whole_screen(start: Start) -> None:
    terminal = start({"pieces": ["calm after the storm"]})
    for step in range(40):
        terminal.resize(60 + step % 7 * 11, 16 + step % 5 * 6)
        terminal.pump(0.01)
    terminal.resize(120, 36)
    terminal.send(F5)
    terminal.wait_for("calm after the storm")
    terminal.wait_for(lambda: "Sessions" in terminal.text and "^Q Quit" in terminal.screen.display[35])


def test_nothing_that_a_model_says_reaches_the_terminal_as_a_command(start: Start) -> None:
    texts = [row["text"] for row in ESCAPES if len(row["text"]) < 2000]
    terminal = start({"pieces": [f"{text}\n" for text in texts] + ["THE END"]}, 120, 36)
    before = len(terminal.received)
    terminal.send(F5)
    terminal.wait_for("THE END")
    # While a run goes on, leaving is asked about.
    terminal.wait_for("finished")
    terminal.send(CTRL_Q)
    # To the end: what is sent while it leaves counts as well.
    assert terminal.wait_end() == 0
    shown = bytes(terminal.received[before:])
    for row in ESCAPES:
        danger = row["danger"]
        if danger and any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in danger.replace("\t", "")):
            assert danger.encode("utf-8", "surrogatepass") not in shown, row["id"]


def test_alt_digits_arrive_on_a_plain_terminal(start: Start) -> None:
    terminal = start({"pieces": ["x"]})
    terminal.send(b"\x1b1")
    terminal.wait_for("Sessions")
    terminal.send(ALT_2)
    terminal.wait_for("[slots.city]")


@pytest.mark.parametrize("shown", ["tick3 ", "tick17 ", "tick40 "])
def test_a_killed_app_loses_nothing_that_was_on_the_screen(start: Start, space: Path, shown: str) -> None:
    terminal = start({"pieces": [f"tick{number} " for number in range(2000)], "delay_ms": 10}, 120, 36)
    terminal.send(F5)
    terminal.wait_for(shown)
    seen = max(int(number) for number in re.findall(r"tick(\d+) ", terminal.text))
    terminal.signal(signal.SIGKILL)
    assert terminal.wait_end() == -signal.SIGKILL
    store = SessionStore(find_workspace(space))
    recovered = store.recover()
    assert len(recovered) == 1
    session = store.find_run(recovered[0])
    record = store.open_run(session, recovered[0])
    assert record.result.status == "interrupted"
    assert record.result.text.startswith("".join(f"tick{number} " for number in range(seen + 1)))


def quiet_for(terminal: Terminal, seconds: float) -> int:
    """Bytes that came within so many seconds."""
    before, end = len(terminal.received), monotonic() + seconds
    while monotonic() < end:
        terminal.pump(0.1)
    return len(terminal.received) - before


def test_nothing_is_sent_while_nothing_happens(start: Start) -> None:
    """No blinking, no clock, no repaint: an idle session costs a slow link nothing."""
    terminal = start({"pieces": ["It ", "rains."]})
    for keys, seen in ((b"", "city"), (F5, "finished"), (b"\x1b6", "Esc Back")):
        terminal.send(keys)
        terminal.wait_for(seen)
        deadline = monotonic() + 30
        while quiet_for(terminal, 1.0):
            # Notices go away by themselves after some seconds.
            assert monotonic() < deadline, bytes(terminal.received[-200:])
        assert quiet_for(terminal, 2.5) == 0, bytes(terminal.received[-200:])


def test_stopped_and_continued_it_reads_keys_once_and_gives_the_terminal_back(start: Start) -> None:
    terminal = start({"pieces": ["It ", "rains."]})
    before = termios.tcgetattr(terminal.descriptor)
    for _ in range(3):
        terminal.signal(signal.SIGSTOP)
        terminal.signal(signal.SIGCONT)
    # With several readers of one terminal these would come in any order.
    for key in b"the quick brown fox jumps":
        terminal.send(bytes([key]))
    terminal.wait_for("the quick brown fox jumps+++")
    assert termios.tcgetattr(terminal.descriptor) == before
    terminal.send(CTRL_Q)
    assert terminal.wait_end() == 0
    assert gave_back(terminal)
    assert termios.tcgetattr(terminal.descriptor)[3] & termios.ICANON
