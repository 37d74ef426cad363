"""Diffs give both texts back, cut no character, and end in bounded time."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from workbench.compare.align import Budget, matching
from workbench.compare.diff import Part, choose_unit, diff, line_diff, word_diff
from workbench.compare.nway import nway, stacked
from workbench.compare.similarity import similarity

CODE = "def f(x):\n    if x:\n        return 1\n    return 2\n"
odd: st.SearchStrategy[str] = st.lists(
    st.sampled_from(
        ["a", "the", " ", "  ", "\n", "\r\n", "\r", "e\u0301", "東", "京都", "👩‍👩‍👧", "🇯🇵", "\u0301", "ก็", ".", "x1"]
    ),
    max_size=30,
).map("".join)


def both(parts: list[Part]) -> tuple[str, str]:
    left = "".join(part.text for part in parts if part.kind != "right")
    return left, "".join(part.text for part in parts if part.kind != "left")


def longest_common(a: str, b: str) -> int:
    """The textbook's quadratic way."""
    row = [0] * (len(b) + 1)
    for x in a:
        before = 0
        for at, y in enumerate(b, start=1):
            before, row[at] = row[at], before + 1 if x == y else max(row[at], row[at - 1])
    return row[-1]


@given(odd | st.text(max_size=40), odd | st.text(max_size=40))
def test_a_diff_gives_both_texts_back_and_cuts_no_character(a: str, b: str) -> None:
    for parts in (word_diff(a, b), line_diff(a, b)):
        assert both(parts) == (a, b)
        assert all(part.text for part in parts)
        kinds = [part.kind for part in parts]
        assert all(one != other for one, other in pairwise(kinds))
    for side, text in zip(("right", "left"), (a, b), strict=True):
        ends = {match.end() for match in regex.finditer(r"\X", text)}
        at = 0
        for part in word_diff(a, b):
            if part.kind != side:
                at += len(part.text)
                assert at in ends


@given(st.text("abc", max_size=30), st.text("abc", max_size=30))
def test_an_alignment_is_the_longest_while_steps_last(a: str, b: str) -> None:
    blocks = matching(a, b)
    assert all(a[x : x + size] == b[y : y + size] for x, y, size in blocks)
    assert all(x + n <= u and y + n <= v for (x, y, n), (u, v, _) in pairwise(blocks))
    assert sum(size for *_, size in blocks) == longest_common(a, b)
    short = matching(a, b, Budget(20))
    assert all(a[x : x + size] == b[y : y + size] for x, y, size in short)
    assert all(x + n <= u and y + n <= v for (x, y, n), (u, v, _) in pairwise(short))


def test_changes_read_as_words_and_phrases() -> None:
    assert word_diff("The quick brown fox.", "The slow red fox.") == [
        Part("same", "The "),
        Part("left", "quick brown"),
        Part("right", "slow red"),
        Part("same", " fox."),
    ]
    assert Part("right", "晴") in word_diff("東京は雨です", "東京は晴です")
    assert word_diff("", "") == []
    assert word_diff("same", "same") == [Part("same", "same")]
    assert word_diff("a b", "a\nb") == [Part("same", "a"), Part("left", " "), Part("right", "\n"), Part("same", "b")]


def test_code_is_compared_by_lines_and_prose_by_words() -> None:
    assert choose_unit(CODE, CODE.replace("2", "3")) == "line"
    assert choose_unit("```python\nx = 1\n```", "```\nx = 2\ny\n```\n") == "line"
    assert choose_unit("In London\nit rains\nagain.", CODE) == "word"
    assert Part("left", "    return 2\n") in diff(CODE, CODE.replace("2", "3"))
    assert Part("left", "2") in diff(CODE, CODE.replace("2", "3"), "word")


def test_similarity_is_a_share() -> None:
    assert similarity("", "") == similarity("x", "x") == 1.0
    assert similarity("abc", "xyz") == 0.0
    assert similarity("one two", "one six") == pytest.approx(8 / 14)
    assert similarity("a b", "b a") == similarity("b a", "a b")


@pytest.mark.parametrize("kind", ["words", "blanks"])
def test_a_megabyte_ends_in_bounded_time(kind: str) -> None:
    chance = random.Random(5)
    stock = [f"w{number}" for number in range(300)]
    if kind == "words":
        a, b = (" ".join(chance.choices(stock, k=250_000)) for _ in range(2))
    else:
        a, b = "\n" * 1_000_000, " " * 1_000_000
    began = time.process_time()
    parts = word_diff(a, b)
    assert time.process_time() - began < 15
    assert both(parts) == (a, b)


def test_a_long_text_with_few_changes_is_aligned_well() -> None:
    lines = [f"line {number} of a long text with {number % 7} words" for number in range(20_000)]
    changed = [line.replace("long", "short") if number % 100 == 0 else line for number, line in enumerate(lines)]
    parts = word_diff("\n".join(lines), "\n".join(changed))
    assert [part.text for part in parts if part.kind == "left"] == ["long"] * 200


def test_a_long_text_without_blanks_is_aligned_by_runs_of_characters() -> None:
    chance = random.Random(3)
    a = "".join(chance.choices("的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年", k=3000))
    b = "".join("甲乙" if at % 14 == 0 else a[at] for at in range(len(a)))
    assert similarity(a, b) > 0.85


def test_equal_outputs_are_stacked_and_the_row_tells_where_it_parts() -> None:
    texts = ["In Paris it rains.", "In Rome it rains.", "In Paris it rains.", "In Rome it snows."]
    view = nway(texts)
    assert [(stack.members, stack.count) for stack in view.stacks] == [((0, 2), 2), ((1,), 1), ((3,), 1)]
    assert view.parts_at == 3
    for stack in view.stacks:
        assert "".join(span.text for span in stack.spans) == stack.text
        assert [span.text.strip() for span in stack.spans if span.kind == "agree"] == ["In", "it", "."]
    assert 0 < view.agreement < 1


def test_a_row_of_one_kind_agrees_wholly() -> None:
    view = nway(["a", "a"])
    assert (view.agreement, view.parts_at, view.stacks[0].spans[0].kind) == (1.0, None, "agree")
    assert nway([]).stacks == ()
    assert nway(["", "x"]).parts_at == 0
    assert [stack.count for stack in stacked(["b", "a", "b"])] == [2, 1]


@given(st.lists(odd, max_size=5))
def test_the_spans_of_a_row_give_every_text_back_and_agree(texts: list[str]) -> None:
    view = nway(texts, baseline=0)
    agreed = set()
    for stack in view.stacks:
        assert "".join(span.text for span in stack.spans) == stack.text
        agreed.add("".join("".join(span.text.split()) for span in stack.spans if span.kind == "agree"))
    assert len(agreed) <= 1
