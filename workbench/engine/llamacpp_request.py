"""A run's parameters as the runtime's request, what it really made of them, and its reasons for refusing a grammar."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from workbench.engine.adapter import Refused
from workbench.param import PARAMS, Params

# Under another name, handled by the adapter, or the engine's own and not a request's.
_OTHERS = ("stop", "logprobs", "grammar", "json_schema", "logit_bias", "n_ctx", "n_threads", "cold_cache")
_SENT = tuple(spec.name for spec in PARAMS if spec.name not in _OTHERS)
_REFUSED = re.compile(
    r"error parsing grammar: (?P<gbnf>[^\n]*)|failed to compile JSON schema: (?P<schema>[^\n]*)"
    r"|unsupported grammar, (?P<kind>[^\n]*)|(?P<root>grammar does not contain a 'root' symbol)"
    r"|(?P<other>llg error(?!.*failed to compile)[^\n]*|failed to parse grammar)"
)


def request_body(prompt: str, params: Params, bias: Sequence[tuple[int, float]]) -> dict[str, Any]:
    """Every sampling value is sent: what is left out would be the runtime's default, and recorded nowhere."""
    body: dict[str, Any] = {name: getattr(params, name) for name in _SENT}
    body |= {
        "prompt": prompt,
        "dry_sequence_breakers": list(params.dry_sequence_breakers),
        "cache_prompt": not params.cold_cache,
        "stream": True,
        "return_progress": True,
        "timings_per_token": True,
    }
    if params.grammar:
        body["grammar"] = params.grammar
    if params.json_schema:
        body["json_schema"] = json.loads(params.json_schema)
    if bias:
        body["logit_bias"] = [list(pair) for pair in bias]
    if params.logprobs:
        body["n_probs"] = params.logprobs
    return body


def resolve_bias(
    params: Params, tokens: Callable[[str], list[int]], n_vocab: Callable[[], int], say: Callable[[str], None]
) -> list[tuple[int, float]]:
    """Token ids with their biases. Raises Refused for an id that the model does not have: the runtime would skip it."""
    found: list[tuple[int, float]] = []
    for token, bias in params.logit_bias:
        if isinstance(token, int):
            if not 0 <= token < n_vocab():
                message = f"logit_bias names the token {token}, the model has {n_vocab()}"
                raise Refused("refused", message, "Give an id from 0, or the token's text.")
            found.append((token, bias))
            continue
        ids = tokens(token)
        if len(ids) > 1:
            say(f"logit_bias: {token!r} is {len(ids)} tokens, each gets the bias {bias:g}")
        found.extend((number, bias) for number in ids)
    return found


def effective(params: Params, told: Mapping[str, Any]) -> tuple[Params, list[str]]:
    """``params`` with what the runtime tells of its own values, and a sentence for each that differs.

    It computes in single precision; a value that is the same there keeps the digits that were asked for.
    """
    changed: dict[str, Any] = {}
    for name in _SENT:
        asked, used = getattr(params, name), told.get(name)
        if isinstance(used, bool) or not isinstance(used, int | float):
            continue
        same = math.isclose(used, asked, rel_tol=1e-6, abs_tol=1e-9)
        if not same:
            changed[name] = type(asked)(used)
    sentences = [f"llamacpp used {name} {used}, not {getattr(params, name)}" for name, used in changed.items()]
    return replace(params, **changed), sentences


def refuse_grammar(log: str, params: Params) -> None:
    """Raises Refused if ``log`` says that the grammar or schema was not taken: of a schema the runtime says so nowhere
    else, and goes on without.
    """
    found = _REFUSED.search(log)
    if found is None:
        return
    reason = next(text for text in found.groups() if text).strip()
    if reason.endswith(" at"):
        reason += f" {log[found.end() :].strip().partition(chr(10))[0].strip() or 'its end'}"
    what, name = ("grammar", "GBNF") if params.grammar else ("json_schema", "JSON schema")
    raise Refused("refused", f"llamacpp cannot use this {name}: {reason}", f"Mend {what}, or leave it out.")


class LogCapture:
    """Collects what native code prints on stderr, until ``end`` passes it on."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 closed by end
        self._stderr = os.dup(2)
        os.dup2(self._file.fileno(), 2)
        self._ended = False
        self._text = b""

    def end(self) -> str:
        """The text so far. May be called twice."""
        if not self._ended:
            self._ended = True
            os.dup2(self._stderr, 2)
            self._file.seek(0)
            self._text = self._file.read()
            self._file.close()
            with contextlib.suppress(OSError):
                os.write(self._stderr, self._text)
            os.close(self._stderr)
        return self._text.decode("utf-8", "replace")
