"""What an output says: contained texts, patterns, equality, and how it ended.

Patterns run in the ``regex`` engine with a time limit: one that backtracks for ever is stopped, and the check is
reported as not made. It does not hold the interpreter meanwhile, so that a face goes on drawing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from workbench.error import UsageError

if TYPE_CHECKING:
    import regex

    from workbench.compare.check_spec import CheckSpec, Subject

PATTERN_SECONDS = 1.0
PATTERN_CHARS = 4000


def listed(value: Any) -> list[str]:
    """One value or several, as texts; numbers as they are printed."""
    items = value if isinstance(value, list | tuple) else [value]
    return [str(item) for item in items]


def composed(text: str) -> str:
    """A letter and its marks as one character where there is one: É looks the same written as one or as two."""
    return normalize("NFC", text)


def compiled(pattern: str) -> regex.Pattern[str]:
    """Raises UsageError for what is no pattern."""
    import regex

    if len(pattern) > PATTERN_CHARS:
        raise UsageError(f"the pattern is longer than {PATTERN_CHARS} characters")
    try:
        return regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError) as error:
        raise UsageError(f"{pattern!r} is no pattern: {error}", hint="It is a Python regular expression.") from error


def found(pattern: regex.Pattern[str], text: str) -> str | None:
    """The first match. Raises UsageError when it takes longer than the limit."""
    try:
        match = pattern.search(text, timeout=PATTERN_SECONDS)
    except TimeoutError:
        message = f"the pattern took longer than {PATTERN_SECONDS:g} s"
        raise UsageError(message, hint="Repeats within repeats, as in (a|aa)+, take for ever.") from None
    return None if match is None else match[0]


def check_contains(spec: CheckSpec, subject: Subject) -> tuple[float, str]:
    """The share of the wanted texts that stand in it."""

    def fold(text: str) -> str:
        text = composed(text)
        return composed(text.casefold()) if spec.kind == "icontains" else text

    text = fold(subject.text)
    wanted = listed(spec.value)
    missing = [item for item in wanted if fold(item) not in text]
    there = [item for item in wanted if item not in missing]
    if spec.negate and there:
        told = f"found {', '.join(map(repr, there))}"
    else:
        told = f"without {', '.join(map(repr, missing))}" if missing else "found"
    return 1 - len(missing) / len(wanted), told


def check_regex(spec: CheckSpec, subject: Subject) -> tuple[float, str]:
    patterns = [compiled(item) for item in listed(spec.value)]
    matches = [found(pattern, subject.text) for pattern in patterns]
    missing = [item for item, match in zip(listed(spec.value), matches, strict=True) if match is None]
    first = next((match for match in matches if match is not None), "")
    all_there = not missing or (spec.negate and len(missing) < len(patterns))
    told = f"found {first[:60]!r}" if all_there else f"no match of {', '.join(missing)}"
    return 1 - len(missing) / len(patterns), told


def check_equals(spec: CheckSpec, subject: Subject) -> tuple[float, str]:
    """Blanks at both ends do not count: models begin with one or end with a line feed as they like."""
    text = composed(subject.text).strip()
    wanted = [composed(item).strip() for item in listed(spec.value)]
    same = any(text == item for item in wanted)
    return float(same), "the same" if same else f"it is {text[:60]!r}"


def check_edge(spec: CheckSpec, subject: Subject) -> tuple[float, str]:
    text = composed(subject.text).strip()
    wanted = [composed(item).strip() for item in listed(spec.value)]
    if spec.kind == "starts":
        return float(any(text.startswith(item) for item in wanted)), f"it starts with {text[:40]!r}"
    return float(any(text.endswith(item) for item in wanted)), f"it ends with {text[-40:]!r}"


def check_finish(spec: CheckSpec, subject: Subject) -> tuple[float, str]:
    """``stop`` also means an end by a stop string."""
    reason = subject.finish_reason
    wanted = listed(spec.value)
    return float(reason in wanted or (reason == "stop-string" and "stop" in wanted)), f"ended by {reason or 'nothing'}"
