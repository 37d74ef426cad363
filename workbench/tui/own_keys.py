"""Keys of a text field act in the order in which they were typed.

The stock framework lets a key that is a binding (Down, Home) travel up through the queues of all parents before it
acts, while a letter acts at once in the field: of a burst that arrives in one piece, as over a slow link, the letters
came first and stood in the wrong place. Here a field carries out its own bindings where letters are taken.
"""

from __future__ import annotations

from typing import Any

from textual import events


class OwnKeys:
    """For a widget whose stock class handles keys in ``_on_key``; stands before it among the bases."""

    async def _on_key(self, event: events.Key) -> None:
        this: Any = self
        if not event.is_printable:
            for binding in this._bindings.key_to_bindings.get(event.key, ()):
                if await this.app.run_action(binding.action, this):
                    event.stop()
                    event.prevent_default()
                    return
        await super()._on_key(event)  # type: ignore[misc]
