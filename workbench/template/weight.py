"""Weights ``(text:1.3)``: the reader of Stable Diffusion tools, and what a template does with them.

``keep`` leaves them as written and is the default, ``strip`` takes explicit decimal weights away (never bare brackets,
never ``(at 10:30)``), ``words`` says them in words. ``guide`` (weights on the model's logits) is declared and refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workbench.error import UsageError

WeightMode = Literal["keep", "strip", "words", "guide"]

_MAX_OPEN = 256
_TOKEN = re.compile(r"\\[()\[\]\\]|\\|\(|\[|:\s*([+-]?[.\d]+)\s*\)|\)|\]|[^\\()\[\]:]+|:")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")
_ROUND, _SQUARE = 1.1, 1 / 1.1

_PAREN = re.compile(r"\\.|[()]", re.S)
_DECIMAL = re.compile(r":\s*([+-]?(?:\d+\.\d*|\.\d+))\s*$")


def weight_spans(text: str) -> list[tuple[str, float]]:
    """Pieces of text with their weights, as A1111 reads them. ``("BREAK", -1)`` is its break mark."""
    pieces: list[list[float]] = []
    texts: list[str] = []
    rounds: list[int] = []
    squares: list[int] = []

    def multiply(start: int, factor: float) -> None:
        for piece in pieces[start:]:
            piece[0] *= factor

    def put(part: str, weight: float = 1.0) -> None:
        texts.append(part)
        pieces.append([weight])

    for match in _TOKEN.finditer(text):
        token, number = match.group(), match.group(1)
        closes = token == ")"
        if number is not None and not _NUMBER.fullmatch(number):
            put(token[:-1])
            number, closes = None, True
        if token[0] == "\\":
            put(token[1:])
        elif token == "(" and len(rounds) < _MAX_OPEN:
            rounds.append(len(texts))
        elif token == "[" and len(squares) < _MAX_OPEN:
            squares.append(len(texts))
        elif number is not None and rounds:
            multiply(rounds.pop(), float(number))
        elif closes and rounds:
            multiply(rounds.pop(), _ROUND)
        elif token == "]" and squares:
            multiply(squares.pop(), _SQUARE)
        elif not (closes and token != ")"):
            for position, part in enumerate(_BREAK.split(token)):
                if position:
                    put("BREAK", -1.0)
                put(part)
        else:
            put(")")
    for start in rounds:
        multiply(start, _ROUND)
    for start in squares:
        multiply(start, _SQUARE)
    return _merged(texts, [piece[0] for piece in pieces])


def _merged(texts: Sequence[str], weights: Sequence[float]) -> list[tuple[str, float]]:
    runs: list[tuple[list[str], float]] = []
    for text, weight in zip(texts, weights, strict=True):
        if runs and runs[-1][1] == weight:
            runs[-1][0].append(text)
        else:
            runs.append(([text], weight))
    return [("".join(parts), weight) for parts, weight in runs] or [("", 1.0)]


@dataclass(frozen=True, slots=True)
class WeightSpan:
    """``(text:1.3)`` in a source: ``source[start:end]``, its text at ``inner_start .. inner_end``."""

    start: int
    end: int
    inner_start: int
    inner_end: int
    weight: float


def explicit_weights(text: str) -> list[WeightSpan]:
    """Every span with an explicit decimal weight, in order of its end. An escaped bracket is none."""
    found: list[WeightSpan] = []
    stack: list[int] = []
    for match in _PAREN.finditer(text):
        token = match.group()
        if token == "(":
            stack.append(match.start())
        elif token == ")" and stack:
            opened = stack.pop()
            close = match.start()
            colon = text.rfind(":", max(opened, close - 40), close)
            number = _DECIMAL.match(text, colon, close) if colon >= 0 else None
            if number:
                found.append(WeightSpan(opened, close + 1, opened + 1, colon, float(number.group(1))))
    return found


@dataclass(frozen=True, slots=True)
class Phrase:
    """Weights from ``least`` up (or, below 1, down to it) are said as ``before`` text ``after``."""

    least: float
    before: str
    after: str = ""


DEFAULT_PHRASES = (
    Phrase(1.3, "most important: "),
    Phrase(1.05, "**", "**"),
    Phrase(0.0, "less important: "),
    Phrase(-math.inf, "avoid: "),
)


def apply_weights(text: str, mode: WeightMode, phrases: Sequence[Phrase] = DEFAULT_PHRASES) -> str:
    """The text as the model gets it. UsageError for ``guide``."""
    if mode == "guide":
        raise UsageError(
            'weights = "guide" needs weights on logits, which no engine here can do yet',
            hint='use weights = "keep", "strip" or "words"',
        )
    if mode == "keep":
        return text
    edits: list[tuple[int, int, str]] = []
    for span in explicit_weights(text):
        phrase = _phrase(span.weight, phrases) if mode == "words" else Phrase(0, "")
        edits.append((span.start, span.inner_start, phrase.before))
        edits.append((span.inner_end, span.end, phrase.after))
    parts: list[str] = []
    position = 0
    for start, end, new in sorted(edits):
        parts += [text[position:start], new]
        position = end
    return "".join(parts) + text[position:]


def _phrase(weight: float, phrases: Sequence[Phrase]) -> Phrase:
    if 0.95 < weight < 1.05:
        return Phrase(0, "")
    for phrase in sorted(phrases, key=lambda item: -item.least):
        if weight >= phrase.least:
            return phrase
    return Phrase(0, "")


def change_weight(text: str, start: int, end: int, step: float = 0.1) -> tuple[str, int, int]:
    """Raise or lower the weight of ``text[start:end]``; gives the new text and where the span's text now stands.

    The innermost ``(..:1.3)`` around the place is changed; else the place gets one; a weight of 1 is taken away again.
    An empty place means the word there.
    """
    around = [span for span in explicit_weights(text) if span.start <= start and end <= span.end]
    if around:
        span = min(around, key=lambda item: item.end - item.start)
        inner = text[span.inner_start : span.inner_end]
        new = _written(inner, round(span.weight + step, 3))
        first = span.start + (new != inner)
        return text[: span.start] + new + text[span.end :], first, first + len(inner)
    if start == end:
        start, end = _word(text, start)
    if start == end:
        return text, start, end
    inner = text[start:end]
    new = _written(inner, round(1 + step, 3))
    return text[:start] + new + text[end:], start + 1, end + 1


def _written(inner: str, weight: float) -> str:
    if abs(weight - 1) < 1e-9:
        return inner
    number = f"{weight:.3f}".rstrip("0")
    return f"({inner}:{number}0)" if number.endswith(".") else f"({inner}:{number})"


def _word(text: str, place: int) -> tuple[int, int]:
    start = end = place
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] in "_-'"):
        start -= 1
    while end < len(text) and (text[end].isalnum() or text[end] in "_-'"):
        end += 1
    return start, end
