"""Every key of every command arrives: as xterm sends it, and through a real tmux."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from time import monotonic

import pytest
from textual import events

from tests.test_tmux import Tmux
from workbench.tui.commands import COMMANDS, key_name
from workbench.tui.keys_in import InputFilter
from workbench.tui.textual_private import SafeParser

KEYS = sorted({key for command in COMMANDS for key in command.keys})
# Function and cursor keys as xterm sends them (ctlseqs, PC-style function keys).
XTERM = {
    **{f"f{number}": f"\x1bO{letter}" for number, letter in enumerate("PQRS", 1)},
    **{f"f{number}": f"\x1b[{code}~" for number, code in enumerate((15, 17, 18, 19, 20, 21, 23, 24), 5)},
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F",
    "delete": "\x1b[3~", "shift+left": "\x1b[1;2D", "shift+right": "\x1b[1;2C",
    "ctrl+up": "\x1b[1;5A", "ctrl+down": "\x1b[1;5B", "ctrl+@": "\x00", "ctrl+underscore": "\x1f", "space": " ",
}  # fmt: skip
TMUX = {
    **{f"f{number}": f"F{number}" for number in range(1, 13)},
    "up": "Up", "down": "Down", "right": "Right", "left": "Left", "home": "Home", "end": "End", "delete": "DC",
    "shift+left": "S-Left", "shift+right": "S-Right", "ctrl+up": "C-Up", "ctrl+down": "C-Down", "ctrl+@": "C-Space",
    "ctrl+underscore": "C-_", "space": "Space",
}  # fmt: skip
MARK = "&"
READER = """
import os, sys, tty
tty.setraw(0)
print("ready", end="\\r\\n", flush=True)
data = b""
while data.count(b"&") < int(sys.argv[2]):
    data += os.read(0, 65536)
open(sys.argv[1], "wb").write(data)
print("done", end="\\r\\n", flush=True)
"""


def as_xterm(key: str) -> str:
    if key in XTERM:
        return XTERM[key]
    if key.startswith("ctrl+"):
        return chr(ord(key[5]) & 0x1F)
    if key.startswith("alt+shift+"):
        return "\x1b" + key[10].upper()
    return "\x1b" + key[4:] if key.startswith("alt+") else key_name(key)


def as_tmux(key: str) -> str:
    if key in TMUX:
        return TMUX[key]
    if key.startswith("ctrl+"):
        return f"C-{key[5:]}"
    if key.startswith("alt+shift+"):
        return f"M-{key[10:].upper()}"
    return f"M-{key[4:]}" if key.startswith("alt+") else key_name(key)


def read(data: bytes) -> list[str]:
    """The names that the app gives to what the terminal sent."""
    keys, parser = InputFilter(), SafeParser()
    found = parser.feed(keys.feed(data, final=True) + keys.flush())
    deadline = monotonic() + 5
    while not found and monotonic() < deadline:
        # The parser waits a little for more before it calls Escape and a letter one key.
        found = parser.tick()
    return [event.key for event in found if isinstance(event, events.Key)]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_xterm_is_the_commands_key(key: str) -> None:
    assert read(as_xterm(key).encode()) == [key]


@pytest.mark.tmux
def test_every_key_comes_through_tmux(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    terminal = Tmux(tmp_path, command=shlex.join([sys.executable, "-c", READER, str(seen), str(len(KEYS))]))
    try:
        terminal.wait_for("ready")
        terminal.keys(*(name for key in KEYS for name in (as_tmux(key), MARK)))
        terminal.wait_for("done")
    finally:
        terminal.close()
    parts = seen.read_bytes().split(MARK.encode())[: len(KEYS)]
    assert [read(part) for part in parts] == [[key] for key in KEYS]
