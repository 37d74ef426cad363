"""Key viewer: what the terminal really sends for a key, what it is called, and which command it would run.

No key does anything here but Escape, which leaves when it is pressed twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from workbench.display import display_line
from workbench.tui.commands import Command
from workbench.tui.once import Once
from workbench.tui.stream import StreamView

INTRO = "Press any key: the bytes that came, the key's name, what it does on the main screen.\n\n"


def shown_bytes(data: bytes) -> str:
    """Bytes as people write them: ``ESC [ 1 5 ~`` and their numbers."""
    names = {0x1B: "ESC", 0x20: "SP", 0x7F: "DEL", 0x09: "TAB", 0x0D: "CR", 0x0A: "LF"}
    low = [byte for byte in data if byte < 128]
    signs = [names.get(byte) or (chr(byte) if 0x20 < byte < 0x7F else f"^{chr(byte + 64)}") for byte in low]
    return f"{data.hex(' ')}  {' '.join(signs)}".rstrip()


def meaning(key: str, commands: Sequence[Command], inner: Callable[[str], str]) -> str:
    """What ``key`` does on the main screen; ``inner`` knows the editor's own keys."""
    for command in commands:
        if key in command.keys and command.context in ("main", "anywhere"):
            return f"{command.title}: {command.help}"
    own = inner(key)
    return f"in the editor: {own}" if own else "no command"


class KeyScreen(Once, Screen[None]):
    """A list that grows by a line for each key."""

    context = "keyview"
    takes_all_keys = True
    CSS = """
    KeyScreen { background: $background; }
    KeyScreen .title { height: 1; background: $panel; padding: 0 1; text-style: bold; }
    KeyScreen .hint { height: 1; color: $text-muted; }
    """

    def __init__(self, commands: Sequence[Command], inner: Callable[[str], str]) -> None:
        super().__init__()
        self._commands, self._inner = commands, inner
        self.view = StreamView(INTRO)
        self._came: deque[bytes] = deque(maxlen=100)
        self._last = ""

    def compose(self) -> ComposeResult:
        yield Static("Keys as they arrive", classes="title", markup=False)
        yield self.view
        yield Static(" Escape twice leaves", classes="hint", markup=False)

    def heard(self, data: bytes) -> None:
        """Bytes that came for keys and pastes; called in the driver's thread."""
        self._came.append(data)

    def _bytes(self) -> bytes:
        parts = []
        while self._came:
            parts.append(self._came.popleft())
        return b"".join(parts)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if event.key == "escape" == self._last:
            self.dismiss(None)
            return
        self._last = event.key
        data = self._bytes()
        came = shown_bytes(data) if data else "(with the key before)"
        what = meaning(event.key, self._commands, self._inner)
        self.view.append(display_line(f"{event.key:<22} {came}") + f"\n    {display_line(what)}\n")

    def on_paste(self, event: events.Paste) -> None:
        data = self._bytes()
        self.view.append(f"paste of {len(event.text):,} characters in {len(data):,} bytes\n")
