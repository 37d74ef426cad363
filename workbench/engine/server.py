"""The engine ``server``: a model behind an OpenAI-compatible address, spoken to from the engine's child.

A child for a socket looks like much, but it gives what the other engines have: a stop that is taken at once, a fault
that is an event, nothing left behind, and keys that only this process reads. Prompts go in as exact text where the
server takes it, else as messages. An answer counts as complete only with a finish reason or the end mark; requests
are repeated only before its first token.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from workbench.display import display_line
from workbench.engine.adapter import Job, Outcome, Output, Refused
from workbench.engine.server_again import Again
from workbench.engine.server_answer import Answer
from workbench.engine.server_fault import HttpFault, error_text
from workbench.engine.server_http import Exchange
from workbench.engine.server_identity import Asker, Identity, identify
from workbench.engine.server_learnt import Learnt, ignored_params
from workbench.engine.server_models import near_models
from workbench.engine.server_params import impossible, logprob_fields, request_names
from workbench.engine.server_probe import STEPS, is_rejection, learn
from workbench.engine.server_stream import SseParser, deltas
from workbench.engine.server_target import Target
from workbench.param import Params, params_to_dict

LOAD_SECONDS = 20.0
# After the finish reason only the counts are still to come.
LAST_WORDS_SECONDS = 5.0


class Server:
    """An adapter; see ``workbench.engine.adapter.ChatAdapter``."""

    def __init__(self) -> None:
        self._target: Target
        self._identity = Identity()
        self._learnt = Learnt()
        self._bos = ""
        self._ignored: tuple[str, ...] = ()

    # --- loading

    def load(self, job: Job, report: Callable[[int, int], None]) -> dict[str, Any]:
        self._target = Target.loads(job.script)
        asker = Asker(self._target, LOAD_SECONDS, waiting=partial(report, 0, STEPS + 1))
        try:
            self._identity = identify(asker)
            self._check_model()
            self._learnt = learn(asker, self._identity, report, model=self._target.model)
            self._bos = self._added_bos()
        except HttpFault as fault:
            raise self._refused(fault, "load") from fault
        self._ignored = ignored_params(self._learnt, self._identity.software)
        report(STEPS + 1, STEPS + 1)
        llamacpp = self._identity.software == "llama.cpp"
        return {
            "build": f"{self._identity.software} {self._identity.version}".strip(),
            "device": "server",
            "endpoint": self._target.public_url,
            "threads": 0,
            "n_ctx": self._identity.n_ctx,
            "capabilities": {
                "seed": "exact" if self._learnt.seed else "none",
                "stop_strings": "emulated",
                "logprobs": self._learnt.logprobs,
                "grammar": "grammar" not in self._ignored,
                "tokenize": llamacpp,
                "raw_prompt": self._learnt.raw,
                "prefill_cancel": llamacpp,
                "ignored_params": self._ignored,
            },
        }

    def _check_model(self) -> None:
        """llama.cpp answers for any name: what it does not list would be recorded wrongly."""
        listed = self._identity.listed
        if not self._target.model and listed:
            self._target = replace(self._target, model=listed[0].id)
        elif listed and self._identity.software and self._identity.find(self._target.model) is None:
            raise HttpFault("refused", f"there is no model {self._target.model!r}", self._near())

    def _near(self) -> str:
        if self._identity.find(self._target.model) is not None:
            return ""
        return near_models(self._target.model, [row.id for row in self._identity.listed])

    def _added_bos(self) -> str:
        """The text of the first token if llama.cpp adds it itself; a prompt that begins with it would have it twice."""
        if self._identity.software != "llama.cpp" or not self._identity.bos_token:
            return ""
        return self._identity.bos_token if self._tokens("") else ""

    def _tokens(self, text: str) -> list[Any]:
        body = {"content": text, "add_special": True, "parse_special": True}
        answer, _ = Asker(self._target, 5).json("POST", self._target.path("/tokenize", root=True), body)
        tokens = answer.get("tokens") if isinstance(answer, dict) else None
        if not isinstance(tokens, list):
            raise HttpFault("protocol", "the server's /tokenize gave no tokens")
        return tokens

    # --- work

    def count_tokens(self, text: str) -> int | None:
        if self._identity.software != "llama.cpp":
            return None
        try:
            return len(self._tokens(self._without_bos(text)))
        except HttpFault:
            return None

    def generate(self, prompt: str, params: Params, output: Output) -> Outcome:
        if not self._learnt.raw:
            hint = 'It has no /completions, or not for this model: use mode = "chat" in the template.'
            raise Refused("refused", f"the server {self._target.server.name} takes messages only, no raw prompt", hint)
        return self._run("/completions", {"prompt": self._without_bos(prompt)}, params, output)

    def chat(self, messages: Sequence[Mapping[str, str]], params: Params, output: Output) -> Outcome:
        return self._run("/chat/completions", {"messages": list(messages)}, params, output)

    def _without_bos(self, prompt: str) -> str:
        return (prompt.removeprefix(self._bos) if self._bos else prompt) or prompt

    def _run(self, path: str, body: dict[str, Any], params: Params, output: Output) -> Outcome:
        software, learnt = self._identity.software, self._learnt
        seed = secrets.randbelow(2**31) if params.seed is None else params.seed
        asked, params = params, replace(params, seed=seed, n_ctx=self._identity.n_ctx, n_threads=0)
        params = replace(params, seed=None) if "seed" in learnt.rejected else params
        if name := impossible(params, software, rejected=learnt.rejected):
            hint = "Leave it out, or run the model with llama.cpp's server or on this machine."
            raise Refused("refused", f"{self._target.server.name} cannot use {name} as it is set", hint)
        cold = params.cold_cache and "cold_cache" not in self._ignored
        output.started(params, cache="cold" if cold else "warm", not_sent=learnt.withheld(params, software))
        self._say_what_is_ignored(asked, output)
        body |= self._fields(params)
        if self._learnt.logprobs:
            body |= logprob_fields(params.logprobs, raw="prompt" in body)
        again = Again()
        while True:
            answer = Answer(output, params)
            try:
                self._stream(path, body, answer, output)
                return answer.outcome()
            except HttpFault as fault:
                if output.stopped:
                    return answer.outcome()
                wait = -1 if answer.begun else again.wait(fault)
                if wait < 0:
                    raise self._refused(fault, fault.kind) from fault
                if again.words:
                    output.note(again.words)
                # A sign of life: whoever hears nothing for long takes the engine for stuck.
                output.prefill(0, 0)
                if output.wait(wait):
                    return answer.outcome()

    def _fields(self, params: Params) -> dict[str, Any]:
        """All of a request but the prompt."""
        software, learnt = self._identity.software, self._learnt
        body = learnt.fields(params_to_dict(params), software)
        if software == "llama.cpp":
            body |= {"cache_prompt": not params.cold_cache, "return_progress": True, "timings_per_token": True}
        return {**body, "model": self._target.model, "stream": True}

    def _stream(self, path: str, body: dict[str, Any], answer: Answer, output: Output) -> None:
        """Read one answer to its end, or to where it is enough. Raises HttpFault."""
        parser = SseParser()
        with Exchange(self._target) as exchange:
            output.on_stop(exchange.abort)
            try:
                for delta in deltas(exchange, self._target.path(path), body, parser):
                    if delta.error is not None:
                        raise HttpFault("refused", _failure(delta.error), body=delta.error)
                    was_finished = answer.finished
                    if answer.take(delta):
                        break
                    if answer.finished and not was_finished:
                        exchange.hurry(LAST_WORDS_SECONDS)
            except HttpFault as fault:
                # The answer itself was complete.
                if not answer.finished or fault.kind not in ("timeout", "disconnected"):
                    raise
            finally:
                output.on_stop(lambda: None)
        answer.remark(parser.replaced)
        if not answer.complete and not output.stopped:
            hint = "What came is kept. The server's own log may say why; run again."
            raise HttpFault("disconnected", "the stream ended before the answer did", hint)

    def _say_what_is_ignored(self, params: Params, output: Output) -> None:
        """A value that somebody set and that has no effect is never sent in silence."""
        usual = Params()
        lost = [name for name in self._ignored if getattr(params, name) != getattr(usual, name)]
        if lost:
            output.note(f"{self._target.server.name} does not use {', '.join(lost)}")

    def _refused(self, fault: HttpFault, kind: str) -> Refused:
        """The fault as the run's end, with what only this place knows: the model's name and what a context error is."""
        error = fault.body.get("error", fault.body) if isinstance(fault.body, dict) else {}
        asked, limit = (error.get("n_prompt_tokens"), error.get("n_ctx")) if isinstance(error, dict) else (None, None)
        text, hint = fault.message, fault.hint
        if _is_context(fault):
            if isinstance(asked, int) and isinstance(limit, int):
                text = f"the prompt has {asked} tokens, the context holds {limit}"
            kind, hint = (
                "context",
                "Cut the text of a slot, drop the oldest example, or start the server with a larger context.",
            )
        elif fault.status == 404 and "model" in error_text(fault.body).lower():
            hint = self._near() or hint
        elif is_rejection(fault) and not hint:
            hint = self._other_value(text)
        return Refused(kind, f"{self._target.server.name}: {text}", hint)

    def _other_value(self, said: str) -> str:
        """What to change in a request that is refused, by the field that is named."""
        names = request_names(self._identity.software)
        named = next((name for name, item in names.items() if re.search(rf"\b{re.escape(item.name)}\b", said)), "")
        if named:
            return f"Set another value: --param {named}=..., or F7 in the app."
        return "Change what it names and run again; the server's own log may say more."


def _failure(error: object) -> str:
    return f"the server failed: {display_line(error_text(error) or 'it did not say why', 300)}"


def _is_context(fault: HttpFault) -> bool:
    said = error_text(fault.body).lower()
    return "exceed_context" in str(fault.body) or "context length" in said or "context size" in said
