"""Copying: the right way for the place, exact bytes, and never a claim that cannot be known."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest

from workbench.tui.clipboard import OSC_LIMIT, Clipboard, osc52, run_tool


class Place:
    """A terminal and tools that record what they got."""

    def __init__(
        self, tmp_path: Path, *tools: str, fails: tuple[str, ...] = (), terminal: bool = True, **environ: str
    ) -> None:
        self.written: list[str] = []
        self.ran: list[tuple[tuple[str, ...], bytes]] = []
        self.file = tmp_path / "state" / "clipboard.txt"

        def run(command: tuple[str, ...], data: bytes) -> bool:
            self.ran.append((command, data))
            return command[0] not in fails

        self.clipboard = Clipboard(
            self.written.append if terminal else None,
            fallback=self.file,
            environ=environ,
            which=lambda name: f"/bin/{name}" if name in tools else None,
            run=run,
        )


TEXT = "日本 \x1b[2J\n"
BASE64 = base64.b64encode(TEXT.encode()).decode()


def test_a_local_tool_is_certain(tmp_path: Path) -> None:
    place = Place(tmp_path, "wl-copy", "xclip", WAYLAND_DISPLAY="wayland-0", DISPLAY=":0")
    assert place.clipboard.copy(TEXT).message == "copied by wl-copy"
    assert place.ran == [(("wl-copy",), TEXT.encode())]
    assert place.written == []


def test_over_ssh_the_terminal_is_asked_and_nothing_is_claimed(tmp_path: Path) -> None:
    place = Place(tmp_path, "xclip", DISPLAY=":10", SSH_CONNECTION="1 2 3 4")
    copied = place.clipboard.copy(TEXT)
    assert (copied.way, copied.message, copied.certain) == ("terminal", "sent to the terminal", False)
    assert place.written == [f"\x1b]52;c;{BASE64}\x07"]


def test_in_tmux_both_tmux_and_the_outer_terminal_get_it(tmp_path: Path) -> None:
    place = Place(tmp_path, "tmux", TMUX="/tmp/tmux-0/default,1,0", SSH_TTY="/dev/pts/0")
    assert place.clipboard.copy(TEXT).message == "copied to tmux, sent to the terminal"
    assert place.ran == [(("tmux", "load-buffer", "-w", "-"), TEXT.encode())]
    assert place.written == [
        f"\x1b]52;c;{BASE64}\x07\x1bPtmux;\x1b\x1b]52;c;{BASE64}\x07\x1b\\",
    ]


def test_a_failing_tool_is_followed_by_the_terminal(tmp_path: Path) -> None:
    place = Place(tmp_path, "xclip", fails=("xclip",), DISPLAY=":0")
    assert place.clipboard.copy(TEXT).way == "terminal"


def test_too_large_for_the_terminal_goes_to_a_private_file(tmp_path: Path) -> None:
    place = Place(tmp_path, SSH_TTY="x")
    text = "x" * OSC_LIMIT
    copied = place.clipboard.copy(text)
    assert copied.way == "file"
    assert str(place.file) in copied.message
    assert place.file.read_text("utf-8") == text
    assert place.file.stat().st_mode & 0o77 == 0
    assert place.written == []


def test_no_way_at_all_is_said(tmp_path: Path) -> None:
    place = Place(tmp_path, terminal=False)
    place.file.parent.write_text("in the way")
    assert place.clipboard.copy(TEXT).way == "none"


@pytest.mark.parametrize("text", ["", "a", "日本\x07\x1b\\", "\ud800"])
def test_nothing_foreign_gets_into_the_sequence(text: str) -> None:
    sequence = osc52(text, tmux=False)
    body = sequence.removeprefix("\x1b]52;c;").removesuffix("\x07")
    assert base64.b64decode(body).decode() == text.replace("\ud800", "?")


def test_tools_are_run_without_a_terminal() -> None:
    script = "import sys; sys.exit(0 if sys.stdin.buffer.read() == b'abc' else 3)"
    assert run_tool((sys.executable, "-c", script), b"abc")
    assert not run_tool((sys.executable, "-c", script), b"other")
    assert not run_tool(("/nonexistent/tool",), b"")


def test_it_can_say_how_it_would_go(tmp_path: Path) -> None:
    assert Place(tmp_path, "xclip", DISPLAY=":0").clipboard.describe() == "local tool xclip"
    assert Place(tmp_path, TMUX="x").clipboard.describe() == "terminal (OSC 52) through tmux"
    assert "clipboard.txt" in Place(tmp_path, terminal=False).clipboard.describe()
