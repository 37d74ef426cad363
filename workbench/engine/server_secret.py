"""The live values of keys, and texts without them. A text is masked before it is cut: half a key is no longer found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

MASK = "•••"
# So much of a key tells nothing, and a value so short is no key: servers that want none are given "x".
_HARMLESS = 3


class Secrets:
    """What was sent and must not come back. Texts are those of servers: any of them may repeat a key."""

    def __init__(self) -> None:
        self._forms: list[str] = []

    def add(self, value: str) -> None:
        if len(value) <= _HARMLESS:
            return
        written = json.dumps(value)[1:-1]
        forms = {value, written, written.replace("/", "\\/"), quote(value, safe=""), quote(value), *self._forms}
        # The longest first: one key may begin like another.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def mask(self, text: str) -> str:
        """Without keys, also one that the end of the text cuts off."""
        for form in self._forms:
            text = text.replace(form, MASK)
        for form in self._forms:
            for length in range(len(form) - 1, _HARMLESS, -1):
                if text.endswith(form[:length]):
                    return text[:-length] + MASK
        return text

    def masked(self, value: Any) -> Any:
        """JSON data with every text in it masked."""
        if isinstance(value, str):
            return self.mask(value)
        if isinstance(value, Mapping):
            return {self.mask(str(key)): self.masked(item) for key, item in value.items()}
        return [self.masked(item) for item in value] if isinstance(value, list) else value
