"""An editor of one's own: the terminal is given and taken back whole, and the text is what was written."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ptytool import Terminal
from workbench.error import UsageError
from workbench.tui.outside import CRLF_ADDED, END_ADDED, MARK_ADDED, Returned, came_back, editor_command
from workbench.workspace import init_workspace

ALT_Z, CTRL_S, CTRL_Q, CTRL_Z = b"\x1bz", b"\x13", b"\x11", b"\x1a"
Start = Callable[..., Terminal]

CASES = [
    ("same", b"same", Returned("same")),
    ("no end", b"no end\n", Returned("no end", (END_ADDED,))),
    ("end\n", b"end\n\n", Returned("end\n\n")),
    ("", b"new\n", Returned("new\n")),
    ("a\nb", b"\xef\xbb\xbfa\r\nc\r\n", Returned("a\nc", (MARK_ADDED, CRLF_ADDED, END_ADDED))),
    ("\ufeffa\n", b"\xef\xbb\xbfa\n", Returned("\ufeffa\n")),
    ("a\r\nb\n", b"a\r\nb\nc\n", Returned("a\r\nb\nc\n")),
    ("x\u2028y\x0cz\n", "x\u2028y\x0cz\n!".encode(), Returned("x\u2028y\x0cz\n!")),
]


@pytest.mark.parametrize(("before", "data", "wanted"), CASES)
def test_the_text_is_what_was_written_and_additions_are_told(before: str, data: bytes, wanted: Returned) -> None:
    assert came_back(before, data) == wanted


def test_the_command_comes_from_visual_then_editor_with_its_arguments(tmp_path: Path) -> None:
    program = tmp_path / "my editor"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    env = {"PATH": os.defpath, "VISUAL": f"'{program}' --wait -c 'set tw=0'", "EDITOR": "vi"}
    assert editor_command(env) == [str(program), "--wait", "-c", "set tw=0"]
    assert editor_command({"PATH": str(tmp_path), "EDITOR": f'"{program}"'}) == [str(program)]
    for broken, why in [("nosuch-editor -x", "is not there"), ("vi 'x", "cannot be taken apart")]:
        with pytest.raises(UsageError, match=why) as caught:
            editor_command({"PATH": os.defpath, "EDITOR": broken})
        assert "VISUAL" in caught.value.hint
    with pytest.raises(UsageError, match="there is no editor"):
        editor_command({"PATH": str(tmp_path)})


EDITORS = {
    # Each is told the file as its last argument.
    "plain": "open(f, 'a').write('PLAIN')",
    "renaming": "open(f + '.new', 'w').write(open(f).read() + 'RENAMED'); os.replace(f + '.new', f)",
    "slow": "print('the editor has the terminal', flush=True); sys.stdin.readline(); open(f, 'a').write('SLOW')",
    "failing": "open(f, 'a').write('LOST'); sys.exit(3)",
    "killed": "open(f, 'a').write('LOST'); os.kill(os.getpid(), 9)",
    "removing": "os.unlink(f)",
    "latin": "open(f, 'ab').write(b'\\xe9')",
    "idle": "pass",
}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    opened: list[Terminal] = []
    space = init_workspace(tmp_path / "space").root
    (space / "templates" / "london.j2").write_text("A day in town", encoding="utf-8")

    kept = tmp_path / "kept"
    kept.mkdir()

    def begin(editor: str) -> Terminal:
        script = tmp_path / "editor.py"
        script.write_text(f"import os, sys\nf = sys.argv[-1]\nassert f.endswith('/london.j2')\n{EDITORS[editor]}\n")
        visual = f"{sys.executable} {script} --wait"
        env = {"WORKBENCH_ENGINE": "scripted", "WORKBENCH_SCRIPT": json.dumps({"pieces": ["x"]}), "VISUAL": visual}
        env["TMPDIR"] = str(kept)
        terminal = Terminal(cwd=space, env=env)
        opened.append(terminal)
        terminal.wait_for("A day in town")
        terminal.wait_for("ready")
        return terminal

    yield begin
    for terminal in opened:
        terminal.close()


def leaves(terminal: Terminal) -> int:
    return bytes(terminal.received).count(b"\x1b[?1049l")


@pytest.mark.pty
@pytest.mark.parametrize(
    ("editor", "text", "told"),
    [
        ("plain", "A day in townPLAIN", "Back from the editor"),
        ("renaming", "A day in townRENAMED", "Back from the editor"),
        ("failing", "A day in town", "ended with 3"),
        ("killed", "A day in town", "ended with -9"),
        ("removing", "A day in town", "removed the file"),
        ("latin", "A day in town", "no UTF-8"),
        ("idle", "A day in town", "Nothing was changed"),
    ],
)
def test_round_trip(start: Start, tmp_path: Path, editor: str, text: str, told: str) -> None:
    terminal = start(editor)
    terminal.send(ALT_Z)
    terminal.wait_for(told, seconds=20)
    assert leaves(terminal) == 1
    # The whole screen is there again, and keys arrive.
    terminal.wait_for(lambda: text in terminal.text and "F5 Run" in terminal.screen.display[23])
    assert "Template" in terminal.screen.display[0]
    terminal.send(b"!")
    terminal.wait_for("!")
    terminal.send(CTRL_S)
    file = tmp_path / "space" / "templates" / "london.j2"
    terminal.wait_for(lambda: file.read_text(encoding="utf-8").replace("!", "") == text)
    kept = [path.read_bytes() for path in (tmp_path / "kept").rglob("*.j2")]
    assert kept == {"failing": [b"A day in townLOST"], "killed": [b"A day in townLOST"]}.get(
        editor, [b"A day in town\xe9"] if editor == "latin" else []
    )
    terminal.send(CTRL_Q)
    assert terminal.wait_end() == 0


@pytest.mark.pty
def test_a_slow_editor_has_the_terminal_to_itself_and_interrupts_do_not_reach_the_app(
    start: Start, tmp_path: Path
) -> None:
    terminal = start("slow")
    terminal.send(ALT_Z)
    terminal.wait_for("the editor has the terminal")
    mouse_off = bytes(terminal.received).rfind(b"\x1b[?1000l")
    assert mouse_off > bytes(terminal.received).rfind(b"\x1b[?1000h") >= 0
    terminal.signal(signal.SIGINT)
    before = len(terminal.received)
    (tmp_path / "space" / "templates" / "other.j2").write_text("The list is read again, and nothing is drawn.")
    terminal.send(b"done\n")
    terminal.wait_for("A day in townSLOW")
    assert terminal.received.find(b"\x1b[?1049h", before) >= 0
    assert b"\x1b[?1000h" in terminal.received[before:]
    terminal.send(CTRL_Z)
    terminal.wait_for(lambda: "SLOW" not in terminal.text)


@pytest.mark.pty
def test_the_end_comes_while_the_editor_runs(start: Start, tmp_path: Path) -> None:
    terminal = start("slow")
    terminal.send(ALT_Z)
    terminal.wait_for("the editor has the terminal")
    terminal.signal(signal.SIGTERM)
    assert terminal.wait_end() == 128 + signal.SIGTERM
    received = bytes(terminal.received)
    assert received.rfind(b"\x1b[?1049l") > received.rfind(b"\x1b[?1049h")
    assert [path.read_text() for path in (tmp_path / "kept").rglob("*.j2")] == ["A day in town"]
