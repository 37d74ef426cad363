"""The engine ``gpt4all``: the runtime of the gpt4all package, inside the child.

Its C call is used directly, with raw bytes: the Python layer above it fails silently, decodes UTF-8 lossily, offers
the network and seeds from the clock. The prompt is given as the final text with its special tokens. Answers end at
the file's end tokens and at our stop strings, both watched here; the runtime's own hard-coded ``### …`` markers cannot
be switched off, so an end caused by them is named.
"""

from __future__ import annotations

import codecs
import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gpt4all import GPT4All
from gpt4all import _pyllmodel as runtime

from workbench.engine import engine_version
from workbench.engine.adapter import Job, Outcome, Output, Refused
from workbench.engine.gpt4all_state import StateControl
from workbench.engine.stopping import StopWatcher
from workbench.error import UsageError
from workbench.param import Params, fit_params, unavailable

STATE_VERSION = "2.8.2"
BATCH = 32
# Room that the runtime keeps: it refuses prompts longer than the context less this.
RESERVE = 4


class Gpt4All:
    """An adapter; see ``workbench.engine.adapter.Adapter``."""

    def __init__(self) -> None:
        self._model: Any = None
        self._state: StateControl | None = None
        self._n_ctx = 0
        self._threads = 1
        self._bos = ""
        self._end_ids: frozenset[int] = frozenset()

    def load(self, job: Job, report: Callable[[int, int], None]) -> dict[str, Any]:
        # Its threads spin: two on a busy machine are ten times slower than one.
        self._threads = job.n_threads or 1
        self._n_ctx = max(8, job.n_ctx)
        folder, name = os.path.split(os.path.abspath(job.path))
        try:
            # allow_download would ask the network even for a file that is here.
            held = GPT4All(name, model_path=folder, allow_download=False, n_ctx=self._n_ctx, device="cpu")
        except (RuntimeError, ValueError, OSError) as error:
            raise Refused("load", str(error)) from error
        self._model = held.model
        if not runtime.llmodel.llmodel_isModelLoaded(self._model.model):
            raise Refused("load", "gpt4all did not load it and gave no reason")
        self._model.set_thread_count(self._threads)
        self._end_ids = frozenset(job.facts.get("end_ids", ()))
        self._bos = str(job.facts.get("bos_token", "")) if job.facts.get("add_bos") else ""
        self._open_state()
        return {
            "version": engine_version("gpt4all") or "",
            "threads": self._threads,
            "n_ctx": self._n_ctx,
            "n_batch": BATCH,
            "capabilities": {
                "seed": "patched" if self._state else "none",
                "stop_strings": "emulated",
                "prefill_cancel": True,
                "ignored_params": unavailable("gpt4all") + ([] if self._state else ["seed"]),
            },
        }

    def _open_state(self) -> None:
        if engine_version("gpt4all") != STATE_VERSION:
            return

        def sample() -> int:
            # Silent on purpose: an Output that goes nowhere.
            run = _Run(Output(lambda _message: None, 0), StopWatcher(()), frozenset(), self._n_ctx, 2)
            # Two tokens: one is read back into the context before the limit ends the run.
            self._call("a", Params(temperature=5.0, top_k=0, top_p=1.0, min_p=0.0, max_tokens=2), run)
            return run.tokens_in + run.tokens_out

        self._state = StateControl.open(runtime.llmodel, self._model.model, sample)

    def count_tokens(self, text: str) -> int | None:
        return None

    def generate(self, prompt: str, params: Params, output: Output) -> Outcome:
        try:
            params, lacking = fit_params(params, "gpt4all")
        except UsageError as error:
            raise Refused("refused", error.message, error.hint) from error
        seed: int | None = None
        if self._state is not None:
            seed = secrets.randbelow(2**31) if params.seed is None else params.seed
            self._state.seed(seed)
        params = replace(params, seed=seed, n_ctx=self._n_ctx, n_threads=self._threads)
        output.started(params, cache="cold")
        for sentence in lacking:
            output.note(sentence)
        output.prefill(0, 0)
        run = _Run(output, StopWatcher(params.stop), self._end_ids, self._n_ctx, params.max_tokens)
        rest = prompt.removeprefix(self._bos) if self._bos else prompt
        self._call(rest or prompt, params, run)
        outcome = run.outcome()
        if outcome.reason != "stop" or run.ended_by_id:
            return outcome
        if self._kept_back(run):
            output.note("gpt4all ends every answer at its own markers (### Instruction, ### Response, …): cut here")
            return replace(outcome, reason="stop-string")
        # The end token, which is drawn but not given out.
        return replace(outcome, tokens_out=outcome.tokens_out + 1)

    def _kept_back(self, run: _Run) -> bool:
        """True when the context holds tokens that were computed and not given out."""
        return self._state is not None and self._state.tokens_held() > run.tokens_in + run.tokens_out

    def _call(self, prompt: str, params: Params, run: _Run) -> None:
        model = self._model
        model._set_context(
            n_predict=params.max_tokens,
            # 0 is off in our table; this runtime has no such value.
            top_k=params.top_k or 1_000_000,
            top_p=params.top_p,
            min_p=params.min_p,
            temp=params.temperature,
            n_batch=BATCH,
            repeat_penalty=params.repeat_penalty,
            repeat_last_n=params.repeat_last_n,
            reset_context=True,
        )
        # Kept in names for as long as the call lasts: ctypes does not own its callbacks.
        on_prompt = runtime.PromptCallback(run.on_prompt)
        on_token = runtime.ResponseCallback(run.on_token)
        # "%1%2" is the prompt and the answer with nothing around; special tokens are parsed.
        runtime.llmodel.llmodel_prompt(
            model.model, prompt.encode(), b"%1%2", on_prompt, on_token, True, model.context, True, None
        )


class _Run:
    """The callbacks of one generation. They must not raise: ctypes would print it and go on."""

    def __init__(self, output: Output, watcher: StopWatcher, end_ids: frozenset[int], n_ctx: int, limit: int) -> None:
        self.tokens_in = 0
        self.tokens_out = 0
        self.ended_by_id = False
        self._output = output
        self._watcher = watcher
        self._end_ids = end_ids
        self._n_ctx = n_ctx
        self._limit = limit
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._unsent = 0
        self._cancelled = False
        self._full = False
        self._error = ""
        self._failure: Exception | None = None

    def on_prompt(self, token: int) -> bool:
        """Once per prompt token, after each batch. False stops."""
        try:
            self.tokens_in += 1
            if self.tokens_in % BATCH == 0:
                self._output.prefill(self.tokens_in, 0)
            self._cancelled = self._output.stopped
        except Exception as error:  # noqa: BLE001 raised once the runtime has returned
            self._failure = error
        return not (self._cancelled or self._failure)

    def on_token(self, token: int, data: bytes) -> bool:
        """Once per token, with its bytes. False stops."""
        try:
            return self._on_token(token, data)
        except Exception as error:  # noqa: BLE001 raised once the runtime has returned
            self._failure = error
            return False

    def _on_token(self, token: int, data: bytes) -> bool:
        if token < 0:
            self._error += data.decode("utf-8", "replace")
            return False
        if not self.tokens_out:
            self._output.prefill(self.tokens_in, self.tokens_in)
        self.tokens_out += 1
        if token in self._end_ids:
            self.ended_by_id = True
            return False
        self._unsent += 1
        if text := self._watcher.feed(self._decoder.decode(data)):
            self._output.piece(text, self._unsent)
            self._unsent = 0
        # Past its context the runtime forgets the oldest text, the system prompt first, without a word.
        self._full = self.tokens_in + self.tokens_out >= self._n_ctx - RESERVE
        self._cancelled = self._output.stopped
        return not (self._watcher.hit or self._full or self._cancelled)

    def outcome(self) -> Outcome:
        """Raises Refused for an error that came as text."""
        if self._failure is not None:
            raise self._failure
        if self._error:
            raise self._refusal()
        if not self._watcher.hit:
            self._output.piece(self._watcher.rest(), 0)
        return Outcome(self._reason(), self.tokens_in, self.tokens_out)

    def _reason(self) -> str:
        if self._watcher.hit:
            return "stop-string"
        if self.ended_by_id:
            return "stop"
        if self.tokens_out >= self._limit or self._full:
            return "length"
        return "cancel" if self._cancelled else "stop"

    def _refusal(self) -> Refused:
        if "exceeds the context window" in self._error:
            return Refused(
                "context",
                f"the prompt has more tokens than the context holds ({self._n_ctx} less {RESERVE})",
                "Shorten the prompt, or set a larger n_ctx.",
            )
        return Refused("refused", f"gpt4all refused the request: {self._error}")
