"""An answer in the making: what the stream's deltas become for the workbench.

Counts are the server's where it gives them; where it does not, a chunk counts as one and the unit says so. Reasoning
that the server keeps apart stays apart. A refusal is the answer, whatever field it comes in.
"""

from __future__ import annotations

import json

from workbench.display import display_line
from workbench.engine.adapter import Outcome, Output, Score
from workbench.engine.server_chunk import Delta
from workbench.engine.server_stream import Halves
from workbench.engine.stopping import StopWatcher
from workbench.param import Params

# A server that sends less than a token in a chunk, and tells no counts, must not be cut short.
CHUNKS_PER_TOKEN = 8
# The server's word to ours; all others end the answer as "stop" and are named in a note.
_REASONS = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "content-filter",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
}


class Answer:
    """``take`` deltas until it says that it is enough; then ``outcome``."""

    def __init__(self, output: Output, params: Params) -> None:
        self._output = output
        self._watcher = StopWatcher(params.stop)
        self._halves = Halves()
        self._limit = params.max_tokens
        self._schema = bool(params.json_schema)
        self._said: list[str] = []
        self._finish = ""
        self._ended = False
        self._over_limit = False
        self._chunks = 0
        self._shown = 0
        self._senseless = 0
        self._thoughts = Halves()
        self._refused = False
        self._tools: list[str] = []
        self._called = False
        self._scores: list[Score] = []
        self._tokens_in = 0
        self._tokens_out = -1
        self._cached = 0
        self.begun = False

    @property
    def finished(self) -> bool:
        """The server has said why the answer ended."""
        return bool(self._finish)

    @property
    def complete(self) -> bool:
        """Nothing more is missing."""
        return self.finished or self._ended or bool(self._watcher.hit) or self._over_limit

    def take(self, delta: Delta) -> bool:
        """True when nothing more is wanted of the stream."""
        self._senseless += not delta.sense
        self._ended = self._ended or delta.done
        self._finish = delta.finish or self._finish
        if delta.progress is not None:
            done, self._tokens_in, self._cached = delta.progress
            self._output.prefill(done, self._tokens_in, self._cached)
        self._count(delta)
        self._scores += delta.scores
        self._called = self._called or delta.called
        self._tools += [name for name in delta.tools if name not in self._tools]
        self._refused = self._refused or delta.refused
        self.begun = self.begun or delta.called
        if delta.reasoning:
            self.begun = True
            self._chunks += 1
            self._output.thought(self._thoughts.feed(delta.reasoning))
        if delta.text:
            self.begun = True
            self._chunks += 1
            self._speak(delta.text)
        # A server that ignores the limit may never end.
        if max(self._tokens_out, self._chunks // CHUNKS_PER_TOKEN) > self._limit and not self._finish:
            self._over_limit = True
        return bool(self._watcher.hit) or self._ended or self._over_limit

    def _count(self, delta: Delta) -> None:
        usage = delta.usage
        if usage.tokens_in >= 0:
            self._tokens_in = usage.tokens_in
        if usage.tokens_out >= 0:
            self._tokens_out = usage.tokens_out
        if usage.cached >= 0:
            self._cached = usage.cached

    def _speak(self, text: str) -> None:
        counted = self._chunks if self._tokens_out < 0 else self._tokens_out
        piece = self._watcher.feed(self._halves.feed(text))
        if piece:
            self._said.append(piece)
            self._output.piece(piece, max(0, counted - self._shown), self._scores)
            self._shown, self._scores = counted, []

    def remark(self, replaced: int) -> None:
        """What was odd about the stream, said once. ``replaced``: characters that were no UTF-8."""
        if replaced:
            self._output.note(f"{replaced} characters of the stream were no UTF-8 and were replaced")
        if self._senseless:
            self._output.note(f"{self._senseless} events of the stream made no sense and were left out")
        if self._refused:
            self._output.note("the server marks this answer as a refusal of the model")
        if self._called:
            names = display_line(", ".join(self._tools), 120) or "no name came"
            self._output.note(f"the model called tools, which the workbench does not give it: {names}")
        if self._finish == "content_filter":
            self._output.note("the server's content filter ended the answer")
        if self._finish and self._finish not in _REASONS:
            self._output.note(f"the server ended the answer for a reason of its own: {display_line(self._finish, 60)}")

    def outcome(self) -> Outcome:
        """How the answer ended; what was held back is given out first."""
        self._output.thought(self._thoughts.rest())
        if not self._watcher.hit:
            held = self._watcher.feed(self._halves.rest()) + self._watcher.rest()
            self._output.piece(held, 0, self._scores)
            self._said.append(held)
        self._check_schema()
        unit = "token" if self._tokens_out >= 0 else "chunk"
        count = self._tokens_out if self._tokens_out >= 0 else self._chunks
        return Outcome(self._reason_of_end(), self._tokens_in, count, self._cached, unit)

    def _check_schema(self) -> None:
        """Some servers ignore a schema, or go on without one that they cannot read."""
        if not self._schema or _REASONS.get(self._finish) != "stop":
            return
        try:
            json.loads("".join(self._said))
        except (ValueError, RecursionError):
            self._output.note("the answer is no JSON: the server did not use json_schema")

    def _reason_of_end(self) -> str:
        if self._watcher.hit:
            return "stop-string"
        if self._over_limit:
            return "length"
        if self._called and not any(self._said):
            # Some servers say "stop" all the same.
            return "tool-calls"
        if self._finish:
            return _REASONS.get(self._finish, "stop")
        return "stop" if self._ended else "cancel"
