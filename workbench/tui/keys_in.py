"""What a terminal sends, made fit for the parser: nothing that arrives can end the input or be typed by accident.

Invalid UTF-8 is dropped, sequences split over packets are joined, late answers (device attributes, colours, versions,
status) are swallowed, and forms that the parser chokes on or misreads are brought into ones it knows. Pasted text
passes unchanged, but for Escape, which becomes its picture. A plain terminal sends Alt with a key as Escape and the
key: ``Escape`` says what the two are taken for.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from typing import Literal

PASTE_START, PASTE_END = "\x1b[200~", "\x1b[201~"
# ``alt``: the two are Alt. ``apart``: only when nothing else came with them. ``key``: Escape is a key of its own.
Escape = Literal["alt", "apart", "key"]
# Escape in a form that the parser never joins with what follows.
ESCAPE_KEY = "\x1b[27;1u"
# What a terminal answers to the driver's own question, DSR 5.
ANSWER = "\x1b[0n"
# An answer that never ends is not waited for beyond this many characters.
ANSWER_LIMIT = 4096
_SS3 = re.compile(r"\x1bO[A-DFHP-S]")
# Alt with keys, and nothing else.
_ALT = re.compile(r"(?:\x1b[^\x1b])+")
_CSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_CSI_PART = re.compile(r"\x1b(\[[0-?]*[ -/]*)?\Z")
_STRING = re.compile(r"\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)")
_STRING_PART = re.compile(r"\x1b[\]P_^X][^\x07\x1b]*\x1b?\Z")
_ANSWER = re.compile(r"\x1b\[(?:[?>=][\d;]*[cuR]|[03]n|\?[\d;]*n|[468];\d+;\d+t|[123]t)")
# What the parser takes besides keys: the mouse, the focus, modes and sizes.
_NO_KEY = re.compile(r"\x1b\[(?:<[\d;-]*[Mm]|[IO]|\?[\d;]*\$y|48;[\d;:]*t)")
_KITTY_EVENT = re.compile(r"\x1b\[([\d:]*);(\d*):(\d)((?:;[\d:]*)?)([u~A-S])")
_OTHER_KEYS = re.compile(r"\x1b\[27;(\d+);(\d+)~")
_F3 = re.compile(r"\x1b\[1;([2-8])R")
RELEASE = "3"


class InputFilter:
    """Bytes in, text for the parser out. ``held`` says that a sequence may be incomplete: call ``flush`` soon."""

    def __init__(self) -> None:
        self._decode = getincrementaldecoder("utf-8")(errors="replace").decode
        self._text = ""
        self._pasting = False
        self._torn = ""
        self._alt = True
        self.escape: Escape = "alt"
        self._heard: list[str] = []
        self.answers = 0
        """Answers to the driver's own question since its owner last looked."""

    @property
    def held(self) -> bool:
        """Does an unfinished sequence wait for its rest?"""
        return bool(self._text)

    def heard(self) -> bytes:
        """What came for the text that was given since the last call: keys and pastes as the terminal sent them."""
        parts, self._heard = self._heard, []
        return "".join(parts).encode()

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """The text that is certain now."""
        text = self._decode(data, final).replace("\ufffd", "")
        if self._torn and text.startswith(self._torn):
            # The rest of an answer whose beginning was taken for a key.
            text = text[len(self._torn) :]
            self.answers += 1
        self._torn = ""
        if self._text == "\x1b" and text and self.escape != "alt" and not self._pasting and not _continues(text):
            self._text = ""
            self._heard.append("\x1b")
            return ESCAPE_KEY + self._take(text)
        return self._take(text)

    def _take(self, text: str) -> str:
        self._alt = self.escape == "alt" or (self.escape == "apart" and _ALT.fullmatch(self._text + text) is not None)
        self._text += text
        return self._run()

    def flush(self) -> str:
        """No more came in time: a lone Escape is a key, half an answer is dropped."""
        text, self._text = self._text, ""
        if _STRING_PART.match(text) and len(text) > 2:
            return ""
        if text and ANSWER.startswith(text):
            self._torn = ANSWER[len(text) :]
            if len(text) > 2:
                return ""
        self._heard.append(text)
        return ESCAPE_KEY if text == "\x1b" and self.escape != "alt" and not self._pasting else text

    def _run(self) -> str:
        out: list[str] = []
        text = self._text
        at = 0
        while at < len(text):
            if self._pasting:
                at = self._paste(text, at, out)
                if at < 0:
                    return "".join(out)
                continue
            escape = text.find("\x1b", at)
            if escape < 0:
                out.append(text[at:])
                self._heard.append(text[at:])
                at = len(text)
                break
            out.append(text[at:escape])
            self._heard.append(text[at:escape])
            end, shown = self._sequence(text, escape)
            if end < 0:
                self._text = text[escape:]
                return "".join(out)
            out.append(shown)
            if shown and not _NO_KEY.fullmatch(shown):
                self._heard.append(text[escape:end])
            at = end
        self._text = ""
        return "".join(out)

    def _paste(self, text: str, at: int, out: list[str]) -> int:
        end = text.find(PASTE_END, at)
        if end >= 0:
            self._pasting = False
            out.append(pasted(text[at:end]) + PASTE_END)
            self._heard.append(text[at:end] + PASTE_END)
            return end + len(PASTE_END)
        keep = next((n for n in range(len(PASTE_END) - 1, 0, -1) if text.endswith(PASTE_END[:n])), 0)
        cut = max(at, len(text) - keep)
        out.append(pasted(text[at:cut]))
        self._heard.append(text[at:cut])
        self._text = text[cut:]
        return -1 if self._text or cut == len(text) else cut

    def _sequence(self, text: str, at: int) -> tuple[int, str]:
        """Where the sequence at ``at`` ends and what stands for it; -1 when its rest is missing."""
        if text.startswith(PASTE_START, at):
            self._pasting = True
            return at + len(PASTE_START), PASTE_START
        string = _STRING.match(text, at)
        if string:
            return string.end(), ""
        if _STRING_PART.match(text, at):
            if len(text) - at > ANSWER_LIMIT:
                return len(text), ""
            return -1, ""
        csi = _CSI.match(text, at)
        if csi:
            self.answers += csi.group() == ANSWER
            return csi.end(), normalise(csi.group())
        if _CSI_PART.match(text, at):
            return (-1, "") if len(text) - at < 64 else (len(text), "")
        if not self._alt and not _SS3.match(text, at):
            return at + 1, ESCAPE_KEY
        following = text[at + 1 : at + 2]
        if following.isascii() and following.isdigit():
            # The parser takes Alt with a digit for what a Mac's Option key types, "¡" for 1.
            return at + 2, f"\x1b[{ord(following)};3u"
        return at + 1, "\x1b"


def _continues(text: str) -> bool:
    """Does a sequence go on with ``text`` after an Escape that came before it? Of these letters one alone was typed."""
    return text[0] == "[" or (text[0] in "O]P_^X" and len(text) > 1)


def pasted(text: str) -> str:
    """Pasted text with Escape as its picture: the parser would take it for a key and tear the paste apart."""
    return text.replace("\x1b", "␛")


def normalise(sequence: str) -> str:
    """A control sequence in a form the parser knows; empty for answers and key releases."""
    if _ANSWER.fullmatch(sequence):
        return ""
    kitty = _KITTY_EVENT.fullmatch(sequence)
    if kitty:
        code, modifiers, event, text, end = kitty.groups()
        return "" if event == RELEASE else f"\x1b[{code};{modifiers or '1'}{text}{end}"
    other = _OTHER_KEYS.fullmatch(sequence)
    if other:
        return f"\x1b[{other.group(2)};{other.group(1)}u"
    f3 = _F3.fullmatch(sequence)
    return f"\x1b[13;{f3.group(1)}~" if f3 else sequence
