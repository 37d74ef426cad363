"""Keys of a text field act in the order in which they were typed.

The stock framework lets a key that is a binding (Down, Home) travel up through the queues of all parents before it
acts, while a letter acts at once in the field: of a burst that arrives in one piece, as over a slow link, the letters
came first and stood in the wrong place. Here bindings are carried out where
letters are taken. Private names of Textual 8.2, beside those of ``textual_private``.
"""

from __future__ import annotations

from typing import Any

from textual import events


class OwnKeys:
    """For a widget whose stock class handles keys in ``_on_key``; stands before it among the bases."""

    async def _on_key(self, event: events.Key) -> None:
        await super()._on_key(event)  # type: ignore[misc]
        app: Any = self.app  # type: ignore[attr-defined]
        if event.is_printable or event._stop_propagation:
            return
        # The whole chain from the field up to the app, now; what no binding takes travels on as ever.
        if await app._check_bindings(event.key):
            event.stop()
            event.prevent_default()
