"""From a child's exit status and last words to a sentence for people."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence

CHARACTERS_PER_TOKEN = 4
_LLAMA_ERROR = re.compile(r"^\S+\s+E\s+(?:\w+\s+)?(?P<text>.*)$")
_CAUSES = ("what():", "GGML_ASSERT", "Fatal Python error", "LLaMA ERROR", "error loading model", "ERROR:")


def describe_exit(engine: str, code: int | None, log: Sequence[str]) -> tuple[str, str]:
    """Message and hint for a child that ended by itself. ``code`` as of subprocess: negative for a signal."""
    if code is not None and code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        how = f"the engine {engine} crashed ({name})"
    else:
        how = f"the engine {engine} ended by itself (exit status {code})"
    if code == -signal.SIGKILL:
        hint = "Something killed it, perhaps the system because memory ran out. Try a smaller model or context."
    else:
        hint = "Run again: it is loaded anew. If it crashes again, choose another engine or file."
    cause = first_cause(log)
    return (f"{how}: {cause}" if cause else how), hint


def overflow_hint(message: str, n_ctx: int, n_ctx_train: int, characters: int) -> str:
    """What to do about a prompt that is longer than the context of ``n_ctx`` tokens.

    ``message`` may tell its length in tokens, else its ``characters`` give a guess. ``n_ctx_train`` is what the model
    was made for, 0 when unknown.
    """
    counts = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", message)]
    tokens = next((count for count in counts if count > n_ctx), max(n_ctx + 1, characters // CHARACTERS_PER_TOKEN))
    ways = "cut the text of a slot, or drop the oldest example or message"
    if n_ctx_train and tokens >= n_ctx_train:
        return f"The model was made for {n_ctx_train} tokens, so a larger context does not help: {ways}."
    # Room for an answer as well.
    wanted = min(512 * -(-(tokens + 256) // 512), n_ctx_train or tokens + 1024)
    return f"Set a larger context (n_ctx = {wanted}, it takes more memory), {ways}."


def first_cause(log: Sequence[str]) -> str:
    """The line that names the reason, if there is one."""
    for mark in _CAUSES:
        for line in log:
            if mark in line:
                return line.strip()[:300]
    return ""


_NO_MEMORY = re.compile(r"failed to allocate|unable to allocate|cannot allocate memory|bad_alloc|out of memory", re.I)


def load_hint(text: str) -> str:
    """What to do about a model that did not load for the reason ``text``."""
    if _NO_MEMORY.search(text):
        return "Memory ran out: set a smaller context (n_ctx), or choose a smaller model."
    return "Choose another engine, or another file."


def load_cause(log: Sequence[str]) -> str:
    """Why a model did not load, as the native loader printed it; empty when it did not.

    The first complaint is the cause, the later ones only say who gave up; the file reader complains before
    the loader.
    """
    lines = [match["text"] if (match := _LLAMA_ERROR.match(line)) else line for line in log]
    for mark in ("gguf_init", "error loading model", "LLaMA ERROR", "failed to"):
        for line in lines:
            if mark in line:
                text = re.sub(r"^.*(error loading model\w*|gguf_init\w*)[\w ]*:\s*", "", line.strip())
                return text[:300]
    return ""
