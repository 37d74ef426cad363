"""Ctrl-C and SIGTERM: the first asks politely, the second kills.

Plain Python handlers rather than the event loop's own, because they also run while a write to a slow pipe
blocks.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """A context in which signals are counted. Without a listener the first one is a KeyboardInterrupt."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, Any] = {}
        self._listener: Callable[[], None] | None = None

    def __enter__(self) -> Interrupts:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` at the first signal from now on, inside the signal handler: it must be quick."""
        self._listener = listener

    def listen_in_loop(self, listener: Callable[[], None]) -> None:
        """The same, but ``listener`` is called by the running event loop."""
        import asyncio

        loop = asyncio.get_running_loop()

        def forward() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(listener)

        self.listen(forward)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif self._listener is None:
            raise KeyboardInterrupt
        else:
            self._listener()
