"""One chunk of a server's stream, or its whole answer, as what it adds to the answer so far.

Foreign JSON: fields that are missing or of a wrong type count as absent, and nothing raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.engine.adapter import Score


@dataclass(frozen=True)
class Usage:
    """Tokens as the server counts them; -1 where it does not say."""

    tokens_in: int = -1
    tokens_out: int = -1
    cached: int = -1


@dataclass(frozen=True)
class Delta:
    """What one event adds. ``done`` is the end marker; ``sense`` False: it was no event of this protocol. ``refused``:
    the text is the model's refusal, which some servers keep apart. ``called``: the model calls tools; ``tools`` are
    the names that this event brings.
    """

    text: str = ""
    reasoning: str = ""
    refused: bool = False
    called: bool = False
    tools: tuple[str, ...] = ()
    finish: str = ""
    usage: Usage = field(default_factory=Usage)
    progress: tuple[int, int, int] | None = None
    scores: tuple[Score, ...] = ()
    error: object = None
    done: bool = False
    sense: bool = True


def read_chunk(chunk: object) -> Delta:
    """A chunk of a stream, or a whole answer that was not streamed."""
    if not isinstance(chunk, dict):
        return Delta(sense=False)
    if chunk.get("error") or (chunk.get("object") == "error" and "choices" not in chunk):
        return Delta(error=chunk)
    usage, progress = _usage(chunk), _progress(chunk.get("prompt_progress"))
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict):
        known = isinstance(choices, list) or usage != Usage() or progress is not None
        return Delta(usage=usage, progress=progress, sense=known)
    said: Mapping[str, Any] = next((first[key] for key in ("delta", "message") if isinstance(first.get(key), dict)), {})
    text, thought = _content(said.get("content"))
    refusal, called, tools = _text(said.get("refusal")), *_calls(said)
    return Delta(
        text=(_text(first.get("text")) or text) + refusal,
        reasoning=_text(said.get("reasoning_content")) or _text(said.get("reasoning")) or thought,
        refused=bool(refusal),
        called=called,
        tools=tools,
        finish=_text(first.get("finish_reason")),
        usage=usage,
        progress=progress,
        scores=_scores(first.get("logprobs")),
    )


def _content(value: object) -> tuple[str, str]:
    """Text and reasoning of a content: a text, or a list of parts."""
    if not isinstance(value, list):
        return _text(value), ""
    text, thought = [], []
    for part in value:
        if isinstance(part, str):
            text.append(part)
        elif isinstance(part, dict):
            text += [_text(part.get("text")), _text(part.get("refusal"))]
            inner = part.get("thinking")
            thought.append("".join(_content(inner)) if isinstance(inner, list) else _text(inner))
    return "".join(text), "".join(thought)


def _calls(said: Mapping[str, Any]) -> tuple[bool, tuple[str, ...]]:
    """Whether tools are called, and the names that come with it."""
    rows = said.get("tool_calls")
    calls = [row.get("function") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    calls.append(said.get("function_call"))
    known = [call for call in calls if isinstance(call, dict)]
    return bool(known), tuple(name for call in known if (name := _text(call.get("name"))))


def _usage(chunk: Mapping[str, Any]) -> Usage:
    """From ``usage`` or llama.cpp's ``timings``, which come with every token."""
    usage, timings = chunk.get("usage"), chunk.get("timings")
    if isinstance(usage, dict):
        details = usage.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, dict) else None
        return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), _count(cached))
    if isinstance(timings, dict):
        return Usage(tokens_out=_count(timings.get("predicted_n")), cached=_count(timings.get("cache_n")))
    return Usage()


def _progress(value: object) -> tuple[int, int, int] | None:
    if not isinstance(value, dict):
        return None
    return (
        max(0, _count(value.get("processed"))),
        max(0, _count(value.get("total"))),
        max(0, _count(value.get("cache"))),
    )


def _scores(value: object) -> tuple[Score, ...]:
    """In the form of chats, which llama.cpp has everywhere, or of the older completions."""
    if not isinstance(value, dict):
        return ()
    if isinstance(content := value.get("content"), list):
        rows = [item for item in content if isinstance(item, dict)]
        return tuple(
            (_text(row.get("token")), _number(row.get("logprob")), _likeliest(row.get("top_logprobs"))) for row in rows
        )
    tokens, logprobs, tops = (value.get(name) for name in ("tokens", "token_logprobs", "top_logprobs"))
    if not isinstance(tokens, list) or not isinstance(logprobs, list):
        return ()
    more = tops if isinstance(tops, list) else []
    more = [*more, *([None] * len(tokens))]
    return tuple(
        (_text(token), _number(logprob), _likeliest(top))
        for token, logprob, top in zip(tokens, logprobs, more, strict=False)
    )


def _likeliest(value: object) -> list[tuple[str, float]]:
    if isinstance(value, dict):
        pairs = [(_text(token), _number(logprob)) for token, logprob in value.items()]
        return sorted(pairs, key=lambda pair: -pair[1])
    rows = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    return [(_text(row.get("token")), _number(row.get("logprob"))) for row in rows]


def _number(value: object) -> float:
    """A logarithm of a probability; what is none counts as very improbable."""
    if isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value <= 0:
        return float(value)
    return -1e9


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        return -1
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
