"""Copying, by every way there is, and an honest word about which one was taken.

The terminal's own clipboard (OSC 52) works over SSH but never answers: it is "sent", not "copied". tmux passes it
only when told to, so the text is handed to tmux as well. Without SSH a local tool is tried first, because it
answers. A text too large for the terminal, or no way at all, ends in a file.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.error import StorageError
from workbench.textio import atomic_write

# Common terminals drop longer OSC 52 strings; counted in base64 characters.
OSC_LIMIT = 70_000
TOOL_SECONDS = 3.0
# What must be set for a tool to have somewhere to copy to, and its command.
TOOLS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard", "-in")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
    ("", ("pbcopy",)),
    ("WSL_DISTRO_NAME", ("clip.exe",)),
)

Way = Literal["tool", "terminal", "tmux", "file", "none"]
Run = Callable[[tuple[str, ...], bytes], bool]


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of a copy; ``message`` is for the status line and holds no foreign text but a path."""

    way: Way
    message: str
    certain: bool


def run_tool(command: tuple[str, ...], data: bytes) -> bool:
    """Feed ``data`` to a local command that cannot reach the terminal; did it say that all was well?"""
    try:
        done = subprocess.run(
            command,
            input=data,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TOOL_SECONDS,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def osc52(text: str, *, tmux: bool) -> str:
    """The sequence that asks the terminal to take ``text``; in tmux bare and wrapped to be passed on."""
    payload = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    bare = f"\x1b]52;c;{payload}\x07"
    if not tmux:
        return bare
    return bare + "\x1bPtmux;" + bare.replace("\x1b", "\x1b\x1b") + "\x1b\\"


class Clipboard:
    """The ways that this environment has. ``write`` puts text on the terminal, None when there is none."""

    def __init__(
        self,
        write: Callable[[str], None] | None,
        *,
        fallback: Path,
        environ: Mapping[str, str] = os.environ,
        which: Callable[[str], str | None] = shutil.which,
        run: Run = run_tool,
    ) -> None:
        self._write = write
        self._fallback = fallback
        self._environ = environ
        self._which = which
        self._run = run

    @property
    def remote(self) -> bool:
        """Is the person at the far end of an SSH link, where a local tool would copy to nobody?"""
        return any(self._environ.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"))

    @property
    def in_tmux(self) -> bool:
        return bool(self._environ.get("TMUX"))

    def tool(self) -> tuple[str, ...] | None:
        """The local command that would be used."""
        if self.remote:
            return None
        for needed, command in TOOLS:
            if (not needed or self._environ.get(needed)) and self._which(command[0]):
                return command
        return None

    def describe(self) -> str:
        """How a copy would go, in a few words."""
        if command := self.tool():
            return f"local tool {command[0]}"
        if self._write is not None:
            return "terminal (OSC 52) through tmux" if self.in_tmux else "terminal (OSC 52)"
        return f"file {self._fallback}"

    def copy(self, text: str) -> Copied:
        """Copy exact ``text``. May run a command for up to ``TOOL_SECONDS``: call it off the event loop."""
        data = text.encode("utf-8", "replace")
        command = self.tool()
        if command is not None and self._run(command, data):
            return Copied("tool", f"copied by {command[0]}", certain=True)
        fits = 4 * -(-len(data) // 3) <= OSC_LIMIT
        if self.in_tmux and self._tmux(data, passed_on=fits):
            if fits and self._write is not None:
                self._write(osc52(text, tmux=True))
            return Copied("tmux", "copied to tmux, sent to the terminal" if fits else "copied to tmux", certain=fits)
        if fits and self._write is not None:
            self._write(osc52(text, tmux=self.in_tmux))
            return Copied("terminal", "sent to the terminal", certain=False)
        return self._to_file(data)

    def _tmux(self, data: bytes, *, passed_on: bool) -> bool:
        if not self._which("tmux"):
            return False
        flags = ("-w",) if passed_on else ()
        command = ("tmux", "load-buffer", *flags, "-")
        return self._run(command, data) or (bool(flags) and self._run(("tmux", "load-buffer", "-"), data))

    def _to_file(self, data: bytes) -> Copied:
        try:
            self._fallback.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(self._fallback, data, durable=False, mode=0o600)
        except (OSError, StorageError):
            return Copied("none", "could not be copied: no clipboard and no file", certain=False)
        return Copied("file", f"too large or no clipboard: written to {self._fallback}", certain=True)
