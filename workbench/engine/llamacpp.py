"""The engine ``llamacpp``: current llama.cpp through xllamacpp, inside the child.

The runtime always opens an HTTP server; here it listens on a Unix socket in the child's private folder, used only to
count tokens. Prompts go in as final text and may hold special tokens. Small batches with progress make cancelling
work while the prompt is read. Stop strings are watched here and not by the runtime, because its streamed answer does
not tell a stop string from the end token.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psutil
import xllamacpp

from workbench.engine import engine_version
from workbench.engine.adapter import Job, Outcome, Output, Refused
from workbench.engine.stopping import StopWatcher
from workbench.param import Params

CACHE_MIB = 64
# ggml's barrier stalls when every core is taken; one is left to the rest of the machine.
SPARE_CORES = 1


class LlamaCpp:
    """An adapter; see ``workbench.engine.adapter.Adapter``."""

    def __init__(self) -> None:
        # Never deleted: the destructor can hang. The child leaves by os._exit.
        self._server: Any = None
        self._socket = ""
        self._bos = ""
        self._n_ctx = 0
        self._threads = 1
        self._runs = 0

    def load(self, job: Job, report: Callable[[int, int], None]) -> dict[str, Any]:
        self._threads = job.n_threads or max(1, (psutil.cpu_count(logical=False) or 1) - SPARE_CORES)
        self._socket = os.path.join(job.scratch, "llama.sock")
        try:
            self._server = xllamacpp.Server(self._settings(job))
        except RuntimeError as error:
            raise Refused("load", str(error)) from error
        properties = self._ask("GET", "/props")
        self._n_ctx = int(properties["default_generation_settings"]["n_ctx"])
        # The runtime adds the first token itself; a prompt that begins with its text would have it twice.
        adds_bos = bool(self._tokens("", special=True))
        self._bos = str(properties.get("bos_token", "")) if adds_bos else ""
        return {
            "version": engine_version("llamacpp") or "",
            "threads": self._threads,
            "n_ctx": self._n_ctx,
            "n_batch": job.n_batch,
            "capabilities": {
                "seed": "exact",
                "stop_strings": "emulated",
                "tokenize": True,
                "prefill_cancel": True,
            },
        }

    def _settings(self, job: Job) -> Any:
        settings = xllamacpp.CommonParams()
        settings.model.path = job.path
        settings.n_ctx = job.n_ctx
        settings.n_parallel = 1
        settings.n_batch = settings.n_ubatch = job.n_batch
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = self._threads
        # Otherwise the model is loaded twice, to fit it to a device that is not there.
        settings.fit_params = False
        # The default keeps up to 8 GiB of old prompts.
        settings.cache_ram_mib = CACHE_MIB
        settings.ctx_shift = False
        settings.warmup = False
        settings.verbosity = 1
        settings.hostnames = [self._socket]
        return settings

    def count_tokens(self, text: str) -> int | None:
        return len(self._tokens(self._without_bos(text), special=True))

    def generate(self, prompt: str, params: Params, output: Output) -> Outcome:
        seed = secrets.randbelow(2**31) if params.seed is None else params.seed
        params = replace(params, seed=seed, n_ctx=self._n_ctx, n_threads=self._threads)
        warm = self._runs > 0 and not params.cold_cache
        self._runs += 1
        output.started(params, cache="warm" if warm else "cold")
        stream = _Stream(output, StopWatcher(params.stop))
        answer = self._server.handle_completions(self._request(prompt, params), stream.take)
        if isinstance(answer, dict):
            stream.take(answer)
        return stream.outcome()

    def _request(self, prompt: str, params: Params) -> dict[str, Any]:
        """Every sampling value is sent: what is left out would be the runtime's default, and recorded nowhere."""
        return {
            "prompt": self._without_bos(prompt),
            "max_tokens": params.max_tokens,
            "temperature": params.temperature,
            "top_k": params.top_k,
            "top_p": params.top_p,
            "min_p": params.min_p,
            "repeat_penalty": params.repeat_penalty,
            "repeat_last_n": params.repeat_last_n,
            "seed": params.seed,
            "cache_prompt": not params.cold_cache,
            "stream": True,
            "return_progress": True,
            "timings_per_token": True,
        }

    def _without_bos(self, prompt: str) -> str:
        rest = prompt.removeprefix(self._bos) if self._bos else prompt
        return rest or prompt

    def _tokens(self, text: str, *, special: bool) -> list[int]:
        body = {"content": text, "add_special": special, "parse_special": True}
        tokens: list[int] = self._ask("POST", "/tokenize", body)["tokens"]
        return tokens

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = _UnixConnection(self._socket)
        try:
            connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()


class _Stream:
    """Takes the runtime's chunks. A chunk is not a token; counts come from the timings."""

    def __init__(self, output: Output, watcher: StopWatcher) -> None:
        self._output = output
        self._watcher = watcher
        self._error: dict[str, Any] = {}
        self._failure: Exception | None = None
        self._reason = ""
        self._tokens_in = 0
        self._tokens_out = 0
        self._tokens_shown = 0
        self._cached = 0

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
        if progress := chunk.get("prompt_progress"):
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
            text = self._watcher.feed(choice.get("text") or "")
            if text:
                self._output.piece(text, max(0, counted - self._tokens_shown))
                self._tokens_shown = counted
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
            self._output.piece(self._watcher.rest(), 0)
        reason = "stop-string" if self._watcher.hit else (self._reason or "cancel")
        return Outcome(reason, self._tokens_in, self._tokens_out, self._cached)

    def _refusal(self) -> Refused:
        if "exceed_context_size" in str(self._error.get("type")):
            asked, limit = self._error.get("n_prompt_tokens"), self._error.get("n_ctx")
            return context_refusal(asked, limit)
        return Refused("refused", f"llamacpp refused the request: {self._error.get('message')}")


def context_refusal(asked: object, limit: object) -> Refused:
    """The one sentence for a prompt that does not fit."""
    return Refused(
        "context",
        f"the prompt has {asked} tokens, the context holds {limit}",
        "Shorten the prompt, or set a larger n_ctx.",
    )


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
