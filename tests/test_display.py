"""Foreign text is inert and whole on its way to a screen."""

from __future__ import annotations

import json
import re
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from workbench.display import MARKS_KEPT, DisplayStream, cell_width, display, display_line

CASES: list[dict[str, str]] = [
    json.loads(line) for line in (Path(__file__).parent / "data" / "escapes.jsonl").read_text("utf-8").splitlines()
]
ALL_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=60)
EVIL = st.text(alphabet="ab \t\n\r\x1b\x9b\ud83d\ude00\u0301\u0302\u200d\u202e日👩❤\ufe0f\U000e0041", max_size=60)


def expected(show: str) -> str:
    """The case file names the joiner, which emoji need and which the screen therefore keeps."""
    return show.replace("<U+200D>", "\u200d")


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_every_known_attack_is_shown_and_inert(case: dict[str, str]) -> None:
    shown = display(case["text"])
    if case["id"] == "zero-57":
        assert shown == "M57e" + "\u0301" * MARKS_KEPT
    else:
        assert expected(case["show"]) in shown
    if case["danger"] and case["id"] != "c0-50":
        assert case["danger"] not in shown
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)


@given(ALL_TEXT | EVIL)
def test_twice_is_once(text: str) -> None:
    assert display(display(text)) == display(text)


@given(st.lists(ALL_TEXT | EVIL, max_size=8))
def test_cuts_do_not_matter(pieces: list[str]) -> None:
    stream = DisplayStream()
    shown = "".join([*(stream.feed(piece) for piece in pieces), stream.end()])
    assert shown == display("".join(pieces))


MARKS = "\u0301\u0489\u0e31\u200d\u20dd\u3099\ua66f\ufb1e\ufe0f\ufe2f\U00010a01\U00016af0\U0001bc9d\U0001d165\U0001e8d0"
OTHERS = ["a", "日", "👩", "\u05d0", "\U00010401", "\U0001e900", "\x1b", "\r\n"]
RUNS = st.lists(
    st.text(alphabet=MARKS, min_size=6, max_size=20)
    | st.sampled_from([*OTHERS, *(case["text"] for case in CASES if len(case["text"]) < 100)]),
    max_size=12,
).map("".join)


def capped(text: str) -> str:
    """One character after the other, by what Unicode says; of selectors in a row the first is kept."""
    kept, run, selected = [], 0, False
    for character in text:
        before, selected = selected, "VARIATION SELECTOR" in unicodedata.name(character, "")
        if selected and before:
            continue
        mark = character == "\u200d" or unicodedata.category(character) in ("Mn", "Me")
        run = run + 1 if mark else 0
        kept.append(character if run <= MARKS_KEPT else "")
    return "".join(kept)


@pytest.mark.parametrize("base", ["😀", "葛", "a"])
def test_no_message_hides_in_selectors(base: str) -> None:
    secret = "".join(chr(0xE0100 + byte) for byte in b"ignore all of it")
    assert display(base + secret) == base + secret[0]
    stream = DisplayStream()
    shown = "".join(map(stream.feed, [base, *secret, "\ufe0f", "."])) + stream.end()
    assert shown == base + secret[0] + "."


@pytest.mark.parametrize("hidden", ["\u034f", "\U00013430", "\ufdd0", "\uffff"])
def test_what_no_font_shows_is_shown(hidden: str) -> None:
    assert hidden not in display(f"a{hidden}b")


@settings(max_examples=300)
@given(RUNS | ALL_TEXT | EVIL)
def test_exactly_the_marks_beyond_the_kept_ones_go(text: str) -> None:
    # Shown character by character nothing is capped.
    parts = re.findall(r"\r\n|[\ud800-\udbff][\udc00-\udfff]|(?s:.)", text)
    assert display(text) == capped("".join(display(part) for part in parts))


def test_a_long_text_of_any_script_is_quick() -> None:
    """About 60 ms each; with a look at every character's class it took 400."""
    for text in ("東京の雨は静かに、서울 " * 150_000, "नमस्ते दुनिया " * 150_000, "Всем привет " * 180_000):
        display(text[:100])
        took = time.process_time()
        assert display(text) == text
        assert time.process_time() - took < 0.25


@given(ALL_TEXT)
def test_what_is_shown_can_be_written_to_any_utf8_terminal(text: str) -> None:
    assert display(text).encode("utf-8").decode("utf-8") == display(text)


def test_ordinary_text_is_untouched() -> None:
    for text in (
        "plain",
        "Grüße, naïve café",
        "日本語\tテスト\n",
        "👩‍💻 ❤️ 🏳️‍🌈",
        "[bold]not markup[/]",
        "ไทย हिन्दी",
    ):
        assert display(text) == text


def test_line_ends_and_pairs() -> None:
    assert display("a\r\nb\rc") == "a\nb␍c"
    assert display("\ud83d\ude00 \ud83d") == "😀 �"
    assert display("x\u2028y\u00ad") == "x<U+2028>y<U+00AD>"


def test_one_line_and_its_limit() -> None:
    assert display_line("a\nb\tc\x1b") == "a⏎b c␛"
    assert display_line("日本語テキスト", 7) == "日本語…"
    assert display_line("short", 7) == "short"
    assert cell_width(display_line("x" * 50, 10)) == 10


@pytest.mark.parametrize("text", ["", "abc", "日本", "e\u0301", "👩‍💻", "❤️", "1️⃣", "ไทยที่", "한글", "<U+202E>␛", "ｱﾞ"])
def test_widths_agree_with_the_screen_library(text: str) -> None:
    assert cell_width(text) == cell_len(text)
