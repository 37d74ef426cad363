"""The engine without a model: says what its script says. For demonstrations, and for tests of everything that
can fail.

A script is a JSON object, all keys optional: ``pieces`` (list of text), ``repeat`` (how often all pieces
come, 1), ``delay_ms`` (before each piece), ``load_ms``, ``prompt_ms``, ``n_ctx`` (tokens, here words),
``echo`` (the prompt comes first), ``stderr`` (text printed at the start of a run). Faults: ``fail_at`` is
``"load"``, ``"prompt"`` or a piece's number; there the engine fails, or, with ``crash`` (a signal's name, or
``"EXIT"``), dies. ``hang`` takes the same places and never comes back, not even when cancelled. ``garbage``
writes rubbish on the protocol between the pieces.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from workbench.engine import engine_version
from workbench.engine.adapter import Job, Outcome, Output, Refused
from workbench.engine.stopping import StopWatcher
from workbench.param import Params

FAULT_KEYS = frozenset(["fail_at", "crash", "hang", "garbage", "stderr"])
KEYS = FAULT_KEYS | {"pieces", "repeat", "delay_ms", "load_ms", "prompt_ms", "n_ctx", "echo"}
GARBAGE = b'\x00\xff\x1b[2J{"k":\n[1,2]\nnull\n{"k":"tok"}\n{"k":"prefill","id":"x"}\n' + b"[" * 5000 + b"\n"


class Scripted:
    """An adapter; see ``workbench.engine.adapter.Adapter``."""

    def __init__(self, raw_send: Callable[[bytes], None]) -> None:
        self._raw_send = raw_send
        self._script: dict[str, Any] = {}
        self._n_ctx = 0

    def load(self, job: Job, report: Callable[[int, int], None]) -> dict[str, Any]:
        self._script = parse_script(job.script)
        self._n_ctx = int(self._script.get("n_ctx", 0)) or job.n_ctx or 4096
        steps = 10
        for step in range(steps):
            report(step * 100 // steps, 100)
            time.sleep(float(self._script.get("load_ms", 0)) / 1000 / steps)
        self._fault("load")
        report(100, 100)
        return {
            "version": engine_version("scripted") or "",
            "threads": 1,
            "n_ctx": self._n_ctx,
            "n_batch": job.n_batch,
            "capabilities": {
                "seed": "exact",
                "stop_strings": "emulated",
                "tokenize": True,
                "prefill_cancel": True,
            },
        }

    def count_tokens(self, text: str) -> int:
        return len(words(text))

    def generate(self, prompt: str, params: Params, output: Output) -> Outcome:
        script = self._script
        seed = secrets.randbelow(2**31) if params.seed is None else params.seed
        tokens_in = self.count_tokens(prompt)
        if tokens_in >= self._n_ctx:
            # Before the start, like llama.cpp.
            raise Refused("context", f"the prompt has {tokens_in} tokens, the context holds {self._n_ctx}")
        output.started(replace(params, seed=seed, n_ctx=self._n_ctx, n_threads=1), cache="cold")
        if script.get("stderr"):
            sys.stderr.write(str(script["stderr"]).rstrip("\n") + "\n")
            sys.stderr.flush()
        if not self._read_prompt(tokens_in, output):
            return Outcome("cancel", tokens_in, 0)
        return self._speak(prompt, params, output, tokens_in)

    def _read_prompt(self, total: int, output: Output) -> bool:
        """False when cancelled."""
        steps = 10
        for step in range(steps):
            output.prefill(total * step // steps, total)
            if step == steps // 2:
                self._fault("prompt")
            if output.wait(float(self._script.get("prompt_ms", 0)) / 1000 / steps):
                return False
        output.prefill(total, total)
        return True

    def _speak(self, prompt: str, params: Params, output: Output, tokens_in: int) -> Outcome:
        watcher = StopWatcher(params.stop)
        # A demonstration runs at a speed that can be seen; a script says its own.
        delay = float(self._script.get("delay_ms", 0 if self._script else 15)) / 1000
        count, reason = 0, "stop"
        for text in self._pieces(prompt):
            if count >= min(params.max_tokens, self._n_ctx - tokens_in):
                reason = "length"
                break
            # Before the look for a stop: what hangs here must not see one, however soon it comes.
            self._fault(count)
            if output.wait(delay) if delay else output.stopped:
                reason = "cancel"
                break
            if self._script.get("garbage"):
                self._raw_send(GARBAGE)
            count += 1
            output.piece(watcher.feed(text), 1)
            if watcher.hit:
                return Outcome("stop-string", tokens_in, count)
        else:
            self._fault(count)
        output.piece(watcher.rest(), 0)
        return Outcome(reason, tokens_in, count)

    def _pieces(self, prompt: str) -> Iterator[str]:
        if self._script.get("echo"):
            yield from words(prompt)
        if "pieces" in self._script:
            for _ in range(int(self._script.get("repeat", 1))):
                yield from self._script["pieces"]
        elif not self._script.get("echo"):
            yield from words(default_answer(prompt))

    def _fault(self, place: str | int) -> None:
        if self._script.get("hang") == place and type(self._script["hang"]) is type(place):
            while True:
                time.sleep(60)
        if "fail_at" not in self._script or self._script["fail_at"] != place:
            return
        crash = self._script.get("crash")
        if crash == "EXIT":
            os._exit(3)
        if crash:
            os.kill(os.getpid(), getattr(signal, crash))
            time.sleep(60)
        raise Refused("load" if place == "load" else "refused", f"the script failed at {place!r}, as asked")


def words(text: str) -> list[str]:
    """The text in pieces: words with the space before them. Joined they are the text again."""
    return re.findall(r"\s*\S+|\s+\Z", text)


def default_answer(prompt: str) -> str:
    """What the engine says without a script: something sensible about the prompt, always the same for it."""
    lines = [line for line in prompt.splitlines() if line.strip()]
    first = lines[0].strip() if lines else ""
    shown = first if len(first) <= 60 else first[:59] + "…"
    count = len(words(prompt))
    return (
        f"No model is at work here; the scripted engine read {count} words in {len(lines)} lines. "
        f"They begin with “{shown}”.\n\nChoose a model to get a real answer."
    )


def parse_script(text: str) -> dict[str, Any]:
    """The script; an empty text is an empty script. Raises Refused that names what is wrong."""
    if not text:
        return {}
    try:
        script = json.loads(text)
    except ValueError as error:
        raise Refused("load", f"the script is no JSON: {error}") from error
    if not isinstance(script, dict):
        raise Refused("load", "the script must be a JSON object")
    if unknown := sorted(set(script) - KEYS):
        raise Refused("load", f"the script has unknown keys: {', '.join(unknown)}", "Known: " + ", ".join(sorted(KEYS)))
    pieces = script.get("pieces", [])
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        raise Refused("load", "the script's pieces must be a list of texts")
    crash = script.get("crash", "EXIT")
    if crash != "EXIT" and not isinstance(getattr(signal, str(crash), None), signal.Signals):
        raise Refused("load", f"the script's crash is no signal: {crash!r}")
    return script
