"""Wrapping: exact, within the width, and the same piece by piece."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size

from workbench.display import DisplayStream
from workbench.tui.wrap import _NARROW, Rows, expand, source_index, wrap_line

WORDS = st.text(alphabet="ab  \n\t-日本、。」👩💻\u200d❤\ufe0f\u0301é", max_size=60)


@given(st.lists(WORDS, max_size=8), st.integers(1, 20))
def test_pieces_give_the_rows_of_the_whole(pieces: list[str], width: int) -> None:
    stream, grown, whole = DisplayStream(), Rows(width), Rows(width)
    shown = [*(stream.feed(piece) for piece in pieces), stream.end()]
    for piece in shown:
        grown.append(piece)
    whole.append("".join(shown))
    assert grown.rows == whole.rows
    assert grown.first_rows == whole.first_rows
    assert grown.text() == "".join(shown)


@given(WORDS, st.integers(2, 20), st.integers(2, 20))
def test_rows_fit_and_survive_a_resize(text: str, width: int, other: int) -> None:
    rows = Rows(width)
    rows.append(text)
    for row in rows.rows:
        visible = expand(row.rstrip(" \t"))
        assert cell_len(visible) <= width
    rows.resize(other)
    assert rows.text() == text


@pytest.mark.parametrize("text", ["hello wide world", "  indented word", "aaaaaaaaaaaaaaa b", "a b  c   d    e"])
def test_both_ways_of_wrapping_agree(text: str) -> None:
    for width in range(1, 12):
        plain = wrap_line(text, width)
        marked = wrap_line(text.replace("a", "a\u0301").replace("e", "e\u0301"), width)
        assert [row.replace("\u0301", "") for row in marked] == plain


def test_japanese_breaks_between_characters_but_not_before_a_full_stop() -> None:
    assert wrap_line("これは日本語。です", 12) == ["これは日本", "語。です"]
    assert wrap_line("say 日本語の文", 9) == ["say 日本", "語の文"]


def test_tabs_are_by_cells_and_can_be_found_again() -> None:
    assert expand("日\tx\ty") == "日  x   y"
    assert source_index("a\tb", 4) == 2


def test_the_narrow_table_is_narrow() -> None:
    narrow = [chr(code) for code in range(0x20, 0x3000) if _NARROW.fullmatch(chr(code))]
    assert len(narrow) > 1000
    assert {get_character_cell_size(character) for character in narrow} == {1}


def test_an_append_costs_the_same_on_a_long_line() -> None:
    def cost(prefix: int) -> float:
        rows = Rows(80)
        rows.append("word " * prefix)
        best = 1.0
        for _ in range(20):
            start = time.perf_counter()
            rows.append(" token")
            best = min(best, time.perf_counter() - start)
        return best

    assert cost(50_000) < cost(10) * 20 + 1e-4


def test_selected_rows_join_without_the_breaks_of_wrapping() -> None:
    rows = Rows(6)
    rows.append("one two three\nfour")
    assert rows.rows == ["one ", "two ", "three", "four"]
    assert rows.text(1, 3) == "two three\nfour"
    assert list(rows.rows_of(0)) == [0, 1, 2]
    assert [rows.line_of(row) for row in range(4)] == [0, 0, 0, 1]
