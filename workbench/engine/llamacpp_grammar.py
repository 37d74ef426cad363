"""Why the runtime did not take a grammar or a JSON schema: it says so on stderr only.

Of a schema it says nothing else, and goes on without it; and its log comes from a thread of its own, somewhat later. So
stderr is read along while a constrained run goes on, and passed on as it comes.
"""

from __future__ import annotations

import os
import re
import threading

from workbench.engine.adapter import Refused
from workbench.param import Params

# How long the log may lag behind a grammar that seems to be taken, and behind one that was refused.
LAG_SECONDS = 0.05
REASON_SECONDS = 2.0
_KEPT_BYTES = 1 << 16
_REFUSED = re.compile(
    r"error parsing grammar: (?P<gbnf>[^\n]*)\n(?P<rest>[^\n]*)|failed to compile JSON schema: (?P<schema>[^\n]*)\n"
    r"|unsupported grammar, (?P<kind>[^\n]*)\n|(?P<root>grammar does not contain a 'root' symbol)"
    r"|(?P<other>llg error(?!.*failed to compile)[^\n]*)\n"
)


class GrammarWatch:
    """Reads stderr along from its making to ``end``; does nothing for runs without a grammar."""

    def __init__(self, params: Params) -> None:
        self._what, self._name = ("grammar", "GBNF grammar") if params.grammar else ("json_schema", "JSON schema")
        self.active = bool(params.grammar or params.json_schema)
        self._text = ""
        self._told = threading.Event()
        if not self.active:
            return
        self._stderr = os.dup(2)
        read, write = os.pipe()
        os.dup2(write, 2)
        os.close(write)
        self._thread = threading.Thread(target=self._pass_on, args=(read,), daemon=True)
        self._thread.start()

    def _pass_on(self, read: int) -> None:
        while data := os.read(read, 1 << 12):
            os.write(self._stderr, data)
            self._text = (self._text + data.decode("utf-8", "replace"))[:_KEPT_BYTES]
            if _REFUSED.search(self._text):
                self._told.set()
        os.close(read)

    def check(self, *, wait: float = 0.0) -> None:
        """Raises Refused with the reason, if the log tells of one within ``wait`` seconds."""
        if not self.active or not (self._told.wait(wait) if wait else self._told.is_set()):
            return
        found = _REFUSED.search(self._text)
        assert found is not None
        reason = next(text for text in found.groups() if text).strip()
        if reason.endswith(" at"):
            reason += f" {(found['rest'] or '').strip() or 'its end'}"
        raise Refused("refused", f"llamacpp cannot use this {self._name}: {reason}", f"Mend {self._what}.")

    def end(self) -> None:
        """Give stderr back. May be called twice."""
        if self.active:
            self.active = False
            os.dup2(self._stderr, 2)
            self._thread.join()
            os.close(self._stderr)
