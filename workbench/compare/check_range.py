"""Lengths: ranges as people write them, and how words are counted in scripts with and without blanks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.error import UsageError

if TYPE_CHECKING:
    from workbench.compare.check_spec import CheckSpec, Subject

_ONE = re.compile(r"\s*(<=|>=|<|>|==?|)\s*(\d+)\s*\Z")
_TWO = re.compile(r"\s*(\d+)\s*(?:-|\.\.|–)\s*(\d+)\s*\Z")
HINT = "For example: '<= 50', '>= 5', '10-50' or { min = 10, max = 50 }"
Bounds = tuple[int, int | None]


def parse_range(value: Any) -> Bounds:
    """Lowest and highest allowed number; None without an upper one. Raises UsageError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value, value
    if isinstance(value, Mapping) and value and set(value) <= {"min", "max"}:
        low, high = value.get("min", 0), value.get("max")
        if isinstance(low, int) and (high is None or (isinstance(high, int) and high >= low)):
            return low, high
    if isinstance(value, str):
        if (two := _TWO.match(value)) and int(two[1]) <= int(two[2]):
            return int(two[1]), int(two[2])
        if one := _ONE.match(value):
            return _open(one[1], int(one[2]))
    raise UsageError(f"{value!r} is no range", hint=HINT)


def _open(sign: str, number: int) -> Bounds:
    match sign:
        case "<=":
            return 0, number
        case "<" if number > 0:
            return 0, number - 1
        case ">=":
            return number, None
        case ">":
            return number + 1, None
        case "" | "=" | "==":
            return number, number
    raise UsageError("nothing is less than 0", hint=HINT)


def words(text: str) -> list[str]:
    """Runs of letters and digits; in scripts without blanks between words every character is one."""
    import regex

    return regex.findall(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*|[\w'’]+", text)


def check_length(spec: CheckSpec, subject: Subject) -> tuple[float, str]:
    """1 within the range; outside, the nearer bound over the length or the other way round."""
    low, high = parse_range(spec.value)
    match spec.kind:
        case "words":
            count = len(words(subject.text))
        case "tokens":
            count = subject.tokens_out
        case _:
            count = len(subject.text)
    told = f"{count} {spec.kind if count != 1 else spec.kind[:-1]}"
    if count < low:
        # Never 1 outside the range, however near: a threshold below 1 makes it lenient.
        return count / low, told
    if high is not None and count > high:
        return high / count, told
    return 1.0, told


def check_repeat(spec: CheckSpec, subject: Subject) -> tuple[float, str]:
    """1 minus the share of word sequences (of 4 words unless told) that came before."""
    size = spec.value if isinstance(spec.value, int) and spec.value is not True else 4
    found = [word.casefold() for word in words(subject.text)]
    total = len(found) - size + 1
    if total < 1:
        return 1.0, "too short to repeat itself"
    distinct = len({tuple(found[at : at + size]) for at in range(total)})
    repeated = total - distinct
    return distinct / total, f"{repeated} of {total} sequences of {size} words came before"
