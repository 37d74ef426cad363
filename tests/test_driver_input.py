"""The driver's input: made fit however it is split, and no bytes break it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events

from workbench.tui.keys_in import ESCAPE_KEY, Escape, InputFilter
from workbench.tui.textual_private import SafeParser


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"plain \xff\xfetext", "plain text"),
        ("日本".encode(), "日本"),
        (b"\x1b[A\x1bOB", "\x1b[A\x1bOB"),
        (b"\x1b[97;1:3u", ""),
        (b"\x1b[97;1:1ux", "\x1b[97;1ux"),
        (b"\x1b[27;5;13~", "\x1b[13;5u"),
        (b"\x1b[1;2R", "\x1b[13;2~"),
        (b"a\x1b[?62;22cb", "ab"),
        (b"a\x1b[>41;354;0cb", "ab"),
        (b"a\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\b", "ab"),
        (b"a\x1bP>|XTerm(370)\x1b\\b", "ab"),
        (b"a\x1b[0nb", "ab"),
        (b"\x1b[?2026;2$y", "\x1b[?2026;2$y"),
        (b"\x1b[48;24;80;0;0t", "\x1b[48;24;80;0;0t"),
        (b"\x1b[<0;3;4M", "\x1b[<0;3;4M"),
        (b"\x1b[200~a\x1b[0n\xffb\x1b[201~c", "\x1b[200~a␛[0nb\x1b[201~c"),
        (b"\x1b1\x1bj", "\x1b[49;3u\x1bj"),
    ],
)
def test_input_is_made_fit_however_it_is_split(sent: bytes, kept: str) -> None:
    assert InputFilter().feed(sent) == kept
    for seed in range(20):
        choose = random.Random(seed)
        whole, at, out = InputFilter(), 0, ""
        while at < len(sent):
            size = choose.randint(1, 4)
            out += whole.feed(sent[at : at + size])
            at += size
        assert out == kept
        assert not whole.held


def test_escape_alone_is_a_key_and_half_an_answer_is_nothing() -> None:
    keys = InputFilter()
    assert keys.feed(b"\x1b") == ""
    assert keys.held
    assert keys.flush() == "\x1b"
    assert keys.feed(b"\x1b]11;rgb:") == ""
    assert keys.flush() == ""
    assert keys.feed(b"x") == "x"


@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"\x1b[", b"1:2;3:4u", b"\x1b[9999999999u"]), max_size=6))
def test_the_parser_still_takes_keys_after_any_bytes(pieces: list[bytes]) -> None:
    keys, parser = InputFilter(), SafeParser()
    for piece in pieces:
        parser.feed(keys.feed(piece))
    parser.feed(keys.flush())
    parser.feed(keys.feed(b"\x1b[201~" + b" " * 80))
    parser.feed(keys.flush())
    messages = parser.feed(keys.feed(b"q"))
    assert [message.key for message in messages if isinstance(message, events.Key)] == ["q"]


def test_an_answer_torn_apart_is_not_typed() -> None:
    for cut in range(1, 4):
        keys = InputFilter()
        text = keys.feed(b"\x1b[0n"[:cut]) + keys.flush()
        text += keys.feed(b"\x1b[0n"[cut:] + b"x")
        assert text.removeprefix("\x1b").removeprefix("[") == "x"
        assert keys.answers == 1


def test_a_megabyte_is_pasted_whole_in_odd_pieces() -> None:
    body = ("é\x1b[201 日 \x1b[0n\r\n" * 60_000).encode()
    sent = b"\x1b[200~" + body + b"\x1b[201~!"
    keys = InputFilter()
    out = "".join(keys.feed(sent[at : at + 4093]) for at in range(0, len(sent), 4093))
    assert out == "\x1b[200~" + body.decode().replace("\x1b", "␛") + "\x1b[201~!"
    assert keys.answers == 0


@pytest.mark.parametrize(
    ("escape", "pieces", "wanted"),
    [
        ("alt", [b"\x1b", b"r"], "\x1br"),
        *((kind, [b"\x1b", b"r"], "<Escape>r") for kind in ("apart", "key")),
        *((kind, [b"xx\x1br"], "xx<Escape>r") for kind in ("apart", "key")),
        ("apart", [b"\x1br"], "\x1br"),
        ("apart", [b"\x1b3\x1br"], "\x1b[51;3u\x1br"),
        ("key", [b"\x1br"], "<Escape>r"),
        ("key", [b"\x1b3"], "<Escape>3"),
        # Letters with which a sequence could go on, typed one by one.
        *(("key", [b"\x1b", bytes([letter])], f"<Escape>{chr(letter)}") for letter in b"OPX_"),
        ("key", [b"\x1b", b"\x1b", b"r"], "<Escape><Escape>r"),
        # Sequences stay whole, also when they come in two pieces.
        ("key", [b"\x1b", b"[A"], "\x1b[A"),
        ("key", [b"\x1b", b"OA"], "\x1bOA"),
        ("key", [b"\x1bOA", b"\x1b[15~"], "\x1bOA\x1b[15~"),
        ("key", [b"\x1b", b"P>|XTerm(370)\x1b\\x"], "x"),
        # What terminals with a protocol of their own call Alt is Alt.
        ("key", [b"\x1b[114;3u"], "\x1b[114;3u"),
        ("key", [b"a\x1b"], "a<Escape>"),
    ],
)
def test_escape_before_a_letter(escape: Escape, pieces: list[bytes], wanted: str) -> None:
    keys, parser = InputFilter(), SafeParser()
    keys.escape = escape
    text = "".join(keys.feed(piece) for piece in pieces) + keys.flush()
    assert text == wanted.replace("<Escape>", ESCAPE_KEY)
    # Never joined with what follows, and no wait for it.
    names = [message.key for message in parser.feed(ESCAPE_KEY + "r") if isinstance(message, events.Key)]
    assert names == ["escape", "r"]


@pytest.mark.parametrize("escape", ["apart", "key"])
def test_an_escape_within_a_paste_is_text_however_it_is_split(escape: Escape) -> None:
    keys = InputFilter()
    keys.escape = escape
    pieces = (b"\x1b[200~a\x1b", b"rb\x1b", b"[201~")
    assert "".join(keys.feed(piece) for piece in pieces) == "\x1b[200~a␛rb\x1b[201~"


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        # Answers to the driver's and the framework's own questions, before, between and after.
        (b"\x1b[0n\x1b[15~\x1b[0n", b"\x1b[15~"),
        (b"a\x1b[?62;22cb\x1b]11;rgb:1/1/1\x1b\\", b"ab"),
        (b"\x1b[?2026;2$ya", b"a"),
        # The mouse, the focus, sizes and let go keys are no keys either.
        (b"\x1b[<0;3;4Ma\x1b[<0;3;4m\x1b[I\x1b[O\x1b[48;24;80;0;0t\x1b[97;1:3u", b"a"),
        # Keys as they were sent, not as they are brought into another form.
        (b"\x1b[27;5;13~\x1b[1;2R\x1b1\x1bOA", b"\x1b[27;5;13~\x1b[1;2R\x1b1\x1bOA"),
        ("é日".encode(), "é日".encode()),
        (b"\x1b[200~a\x1b[0nb\x1b[201~c", b"\x1b[200~a\x1b[0nb\x1b[201~c"),
    ],
)
@pytest.mark.parametrize("escape", ["alt", "apart", "key"])
def test_what_was_heard_are_the_bytes_of_keys_and_pastes(sent: bytes, heard: bytes, escape: Escape) -> None:
    keys = InputFilter()
    keys.escape = escape
    # Byte by byte a sequence cannot be told from keys that were typed where Escape is one.
    size = 1 if escape == "alt" else 2
    for piece in ([sent], [sent[at : at + size] for at in range(0, len(sent), size)]):
        came = b""
        for part in piece:
            keys.feed(part)
            came += keys.heard()
        keys.flush()
        assert came + keys.heard() == heard
