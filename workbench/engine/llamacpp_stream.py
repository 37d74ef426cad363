"""The runtime's stream of chunks as the output of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.engine.adapter import Outcome, Output, Refused, Score
from workbench.engine.stopping import StopWatcher


class ChunkReader:
    """Takes the runtime's chunks. A chunk is not a token; counts come from the timings.

    ``accepted`` is called once, with the number of tokens that the prompt cache held, as soon as the runtime has taken
    the request; ``check`` with each chunk, and may raise.
    """

    def __init__(
        self,
        output: Output,
        watcher: StopWatcher,
        accepted: Callable[[int], None],
        check: Callable[[], None] | None = None,
    ) -> None:
        self._output = output
        self._watcher = watcher
        self._accepted: Callable[[int], None] | None = accepted
        self._error: dict[str, Any] = {}
        self._failure: Exception | None = None
        self._reason = ""
        self._tokens_in = 0
        self._tokens_out = 0
        self._tokens_shown = 0
        self._cached = 0
        self._scores: list[Score] = []
        self._check = check

    @property
    def failed(self) -> bool:
        return bool(self._error)

    def take(self, chunk: dict[str, Any]) -> bool:
        """The runtime's callback; True cancels. An exception would be swallowed and cancel in silence."""
        try:
            return self._take(chunk)
        except Exception as error:  # noqa: BLE001 kept, and raised once the runtime has returned
            self._failure = error
            return True

    def _take(self, chunk: dict[str, Any]) -> bool:
        if "error" in chunk:
            self._error = chunk["error"]
            return True
        progress = chunk.get("prompt_progress")
        if self._accepted is not None:
            accepted, self._accepted = self._accepted, None
            accepted(int(progress["cache"]) if progress else 0)
        if self._check is not None:
            self._check()
        if progress:
            self._tokens_in, self._cached = int(progress["total"]), int(progress["cache"])
            self._output.prefill(int(progress["processed"]), self._tokens_in, self._cached)
        self._text(chunk)
        if usage := chunk.get("usage"):
            self._tokens_in = int(usage["prompt_tokens"])
            self._tokens_out = int(usage["completion_tokens"])
        if self._watcher.hit:
            return True
        # A stop that comes with the last chunk changes nothing any more.
        return self._output.stopped and not self._reason

    def _text(self, chunk: dict[str, Any]) -> None:
        for choice in chunk.get("choices") or []:
            counted = int((chunk.get("timings") or {}).get("predicted_n", self._tokens_out))
            if choice.get("logprobs"):
                self._scores += [_score(item) for item in choice["logprobs"]["content"]]
            text = self._watcher.feed(choice.get("text") or "")
            if text:
                self._output.piece(text, max(0, counted - self._tokens_shown), self._scores)
                self._tokens_shown = counted
                self._scores = []
            self._tokens_out = counted
            if choice.get("finish_reason"):
                self._reason = str(choice["finish_reason"])

    def outcome(self) -> Outcome:
        """Raises Refused for an error that the runtime reported."""
        if self._failure is not None:
            raise self._failure
        if self._error:
            raise self._refusal()
        if not self._watcher.hit:
            self._output.piece(self._watcher.rest(), 0, self._scores)
        reason = "stop-string" if self._watcher.hit else (self._reason or "cancel")
        return Outcome(reason, self._tokens_in, self._tokens_out, self._cached)

    def _refusal(self) -> Refused:
        if "exceed_context_size" in str(self._error.get("type")):
            asked, limit = self._error.get("n_prompt_tokens"), self._error.get("n_ctx")
            return context_refusal(asked, limit)
        return Refused("refused", f"llamacpp refused the request: {self._error.get('message')}")


def _score(item: dict[str, Any]) -> Score:
    top = [(str(other["token"]), float(other["logprob"])) for other in item["top_logprobs"]]
    return (str(item["token"]), float(item["logprob"]), top)


def context_refusal(asked: object, limit: object) -> Refused:
    """The one sentence for a prompt that does not fit."""
    return Refused(
        "context",
        f"the prompt has {asked} tokens, the context holds {limit}",
        "Shorten the prompt, or set a larger n_ctx.",
    )
