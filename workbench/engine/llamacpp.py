"""The engine ``llamacpp``: current llama.cpp through xllamacpp, inside the child.

The runtime always opens an HTTP server; here it listens on a Unix socket in the child's private folder, used only to
count tokens and to ask what it made of the parameters. Prompts go in as final text and may hold special tokens. Small
batches with progress make cancelling work while the prompt is read. Stop strings are watched here and not by the
runtime, because its streamed answer does not tell a stop string from the end token.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psutil
import xllamacpp

from workbench.engine import engine_version
from workbench.engine.adapter import Job, Outcome, Output, Refused
from workbench.engine.llamacpp_grammar import LAG_SECONDS, REASON_SECONDS, GrammarWatch
from workbench.engine.llamacpp_http import Asker
from workbench.engine.llamacpp_request import effective, request_body, resolve_bias
from workbench.engine.llamacpp_stream import ChunkReader
from workbench.engine.stopping import StopWatcher
from workbench.param import Params, unavailable

CACHE_MIB = 64
# ggml's barrier stalls when every core is taken; one is left to the rest of the machine.
SPARE_CORES = 1


class LlamaCpp:
    """An adapter; see ``workbench.engine.adapter.Adapter``."""

    def __init__(self) -> None:
        # Never deleted: the destructor can hang. The child leaves by os._exit.
        self._server: Any = None
        self._socket = ""
        self._asker = Asker("")
        self._bos = ""
        self._n_ctx = 0
        self._asked_ctx = 0
        self._threads = 1
        self._runs = 0
        # What the runtime made of the values asked for last; it makes the same of them each time.
        self._known: tuple[Params, Params, list[str]] | None = None

    def load(self, job: Job, report: Callable[[int, int], None]) -> dict[str, Any]:
        self._threads = job.n_threads or max(1, (psutil.cpu_count(logical=False) or 1) - SPARE_CORES)
        self._socket = os.path.join(job.scratch, "llama.sock")
        try:
            self._server = xllamacpp.Server(self._settings(job))
        except RuntimeError as error:
            raise Refused("load", str(error)) from error
        self._asker = Asker(self._socket)
        properties = self._asker.get("/props")
        self._asked_ctx = job.n_ctx
        self._n_ctx = int(properties["default_generation_settings"]["n_ctx"])
        # The runtime adds the first token itself; a prompt that begins with its text would have it twice.
        adds_bos = bool(self._asker.tokens("", added=True))
        self._bos = str(properties.get("bos_token", "")) if adds_bos else ""
        return {
            "version": engine_version("llamacpp") or "",
            "threads": self._threads,
            "n_ctx": self._n_ctx,
            "n_batch": job.n_batch,
            "capabilities": {
                "seed": "exact",
                "stop_strings": "emulated",
                "logprobs": True,
                "grammar": True,
                "tokenize": True,
                "prefill_cancel": True,
                "ignored_params": unavailable("llamacpp"),
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
        if job.cache_type != "f16":
            kind = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{job.cache_type.upper()}")
            settings.cache_type_k = settings.cache_type_v = kind
            # Only flash attention reads quantized values.
            settings.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
        settings.ctx_shift = False
        settings.warmup = False
        settings.verbosity = 1
        settings.hostnames = [self._socket]
        return settings

    def count_tokens(self, text: str) -> int | None:
        return len(self._asker.tokens(self._without_bos(text), added=True))

    def generate(self, prompt: str, params: Params, output: Output) -> Outcome:
        seed = secrets.randbelow(2**31) if params.seed is None else params.seed
        params = replace(params, seed=seed, n_ctx=self._n_ctx, n_threads=self._threads)
        bias = resolve_bias(params, self._plain_tokens, self._asker.vocabulary_size, output.note)
        watch = GrammarWatch(params)
        warm = self._runs > 0 and not params.cold_cache
        self._runs += 1

        def accepted(cached: int) -> None:
            watch.check(wait=LAG_SECONDS)
            used, differences = self._effective(params)
            output.started(used, cache="warm" if warm or cached else "cold")
            for sentence in differences:
                output.note(sentence)
            if self._asked_ctx not in (0, self._n_ctx):
                output.note(f"n_ctx: {self._asked_ctx} was asked for, llama.cpp made it {self._n_ctx}")

        reader = ChunkReader(output, StopWatcher(params.stop), accepted, watch.check if watch.active else None)
        try:
            answer = self._server.handle_completions(request_body(self._without_bos(prompt), params, bias), reader.take)
            if isinstance(answer, dict):
                reader.take(answer)
            watch.check(wait=REASON_SECONDS if reader.failed else LAG_SECONDS)
        finally:
            watch.end()
        return reader.outcome()

    def _effective(self, params: Params) -> tuple[Params, list[str]]:
        """Asked once for each set of values: the answer costs the first token a few milliseconds."""
        unseeded = replace(params, seed=None, cold_cache=False)
        if self._known is None or self._known[0] != unseeded:
            used, differences = effective(params, self._asker.effective_params())
            self._known = (unseeded, used, differences)
        return replace(self._known[1], seed=params.seed, cold_cache=params.cold_cache), self._known[2]

    def _without_bos(self, prompt: str) -> str:
        rest = prompt.removeprefix(self._bos) if self._bos else prompt
        return rest or prompt

    def _plain_tokens(self, text: str) -> list[int]:
        return self._asker.tokens(text, added=False)
