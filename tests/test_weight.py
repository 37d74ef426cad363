"""Weights: the modes, the change by key, the styles, and the reader's linear time."""

from __future__ import annotations

import itertools

import pytest

from tests.patterntool import cpu_seconds
from workbench.error import UsageError
from workbench.template.style import apply_style, apply_styles, prompt_matrix
from workbench.template.weight import (
    Phrase,
    WeightMode,
    apply_weights,
    change_weight,
    explicit_weights,
    weight_spans,
)


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        ("(cat:1.3) (dog:0.5)", "keep", "(cat:1.3) (dog:0.5)"),
        ("(cat:1.3) (at 10:30) (x) [y] (z:2) \\(a:1.2\\)", "strip", "cat (at 10:30) (x) [y] (z:2) \\(a:1.2\\)"),
        ("((a:1.3), b:1.1)", "strip", "a, b"),
        ("((a:1.3), b:1.1), c", "words", "**most important: a, b**, c"),
        ("(a:1.0) (b:0.4)", "words", "a less important: b"),
        ("(a:-0.5)", "words", "avoid: a"),
    ],
)
def test_modes(text: str, mode: WeightMode, expected: str) -> None:
    assert apply_weights(text, mode) == expected


def test_words_are_the_users() -> None:
    assert apply_weights("(a:1.5) (b:1.1)", "words", [Phrase(1.2, "<b>", "</b>")]) == "<b>a</b> b"


def test_guide_is_refused_clearly() -> None:
    with pytest.raises(UsageError, match="guide"):
        apply_weights("x", "guide")


def test_explicit_weights_say_where_they_stand() -> None:
    (span,) = explicit_weights("a (cat: 1.3 ) b")
    assert ("a (cat: 1.3 ) b"[span.inner_start : span.inner_end], span.weight) == ("cat", 1.3)


@pytest.mark.parametrize(
    ("text", "start", "end", "step", "expected", "held"),
    [
        ("a cat sat", 2, 5, 0.1, "a (cat:1.1) sat", "cat"),
        ("a cat sat", 3, 3, 0.1, "a (cat:1.1) sat", "cat"),
        ("a (cat:1.1) sat", 3, 6, 0.1, "a (cat:1.2) sat", "cat"),
        ("a (cat:1.1) sat", 3, 6, -0.1, "a cat sat", "cat"),
        ("a cat sat", 2, 5, -0.1, "a (cat:0.9) sat", "cat"),
        ("(cat:1.95)", 1, 1, 0.05, "(cat:2.0)", "cat"),
        ("  ", 1, 1, 0.1, "  ", ""),
    ],
)
def test_a_key_changes_the_weight(text: str, start: int, end: int, step: float, expected: str, held: str) -> None:
    new, first, last = change_weight(text, start, end, step)
    assert (new, new[first:last]) == (expected, held)


def test_raising_and_lowering_gives_the_text_back() -> None:
    text, start, end = "a cat sat", 2, 5
    for step in (0.1, 0.1, -0.1, -0.1):
        text, start, end = change_weight(text, start, end, step)
    assert text == "a cat sat"


@pytest.mark.parametrize("piece", ["(", "[", "(a", ")", "(x:1.1)", ":", "\\", "BREAK ", "(a:1.1", "]"])
def test_the_reader_is_linear(piece: str) -> None:
    def seconds(times: int) -> float:
        text = piece * times
        return cpu_seconds(lambda: (weight_spans(text), apply_weights(text, "strip")))

    assert seconds(16000) < 32 * max(seconds(2000), 0.02)


def test_pieces_hold_all_text_that_is_not_markup() -> None:
    pieces = weight_spans("a (b:1.2) [c] \\(d\\) e")
    assert "".join(text for text, _ in pieces) == "a b c (d) e"


def test_a_style_never_reads_the_prompt_again() -> None:
    assert apply_styles("{prompt} \\1", ["a {prompt} b", "{{ prompt }}!"]) == "a {prompt} \\1 b!"
    assert apply_style("", "x") == "x"


def test_the_matrix_is_lazy() -> None:
    assert len(list(itertools.islice(prompt_matrix("a" + "|b" * 60), 5))) == 5
