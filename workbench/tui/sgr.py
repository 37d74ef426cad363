"""Styles of cells as SGR codes, and the shortest way from one to another."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

_ATTRIBUTES = frozenset(["1", "2", "3", "4", "5", "6", "7", "8", "9", "21", "51", "52", "53"])
# What a blank may have and still look like one that was erased.
_INVISIBLE_ON_BLANK = frozenset(["1", "2", "3"])


class Pen(NamedTuple):
    """A style taken apart: attributes, and the codes of both colours."""

    attributes: frozenset[str]
    foreground: str
    background: str


@lru_cache(maxsize=4096)
def pen(codes: str) -> Pen:
    """The style that SGR ``codes`` set, from a reset on."""
    attributes: set[str] = set()
    colours = {"3": "", "4": ""}
    parts = codes.split(";") if codes else []
    at = 0
    while at < len(parts):
        part = parts[at]
        if part in ("38", "48"):
            length = 5 if parts[at + 1 : at + 2] == ["2"] else 3
            colours[part[0]] = ";".join(parts[at : at + length])
            at += length
            continue
        if part in ("", "0"):
            attributes.clear()
            colours = {"3": "", "4": ""}
        elif part in _ATTRIBUTES:
            attributes.add(part)
        elif len(part) == 2 and part[0] in "34":
            colours[part[0]] = "" if part[1] == "9" else part
        elif part[0] == "9" and len(part) == 2:
            colours["3"] = part
        elif part[:2] == "10" and len(part) == 3:
            colours["4"] = part
        at += 1
    return Pen(frozenset(attributes), colours["3"], colours["4"])


@lru_cache(maxsize=4096)
def change_pen(old: str, new: str) -> str:
    """The shortest SGR that leads from one style to another."""
    before, after = pen(old), pen(new)
    if before == after:
        return ""
    whole = set_pen(new)
    if whole == "\x1b[m":
        return whole
    if not before.attributes <= after.attributes:
        return whole
    codes = sorted(after.attributes - before.attributes)
    if before.foreground != after.foreground:
        codes.append(after.foreground or "39")
    if before.background != after.background:
        codes.append(after.background or "49")
    step = "\x1b[" + ";".join(codes) + "m"
    return min(step, whole, key=len)


@lru_cache(maxsize=4096)
def set_pen(codes: str) -> str:
    """The SGR that leads to a style from any other."""
    found = pen(codes)
    parts = ["0", *sorted(found.attributes), found.foreground, found.background]
    whole = "\x1b[" + ";".join(code for code in parts if code) + "m"
    return "\x1b[m" if whole == "\x1b[0m" else whole


@lru_cache(maxsize=4096)
def erasable(codes: str, *, keeps_background: bool) -> bool:
    """Does a blank of this style look as if it was erased with it?"""
    found = pen(codes)
    return found.attributes <= _INVISIBLE_ON_BLANK and (keeps_background or not found.background)
