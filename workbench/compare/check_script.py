"""In which script an output is written, and the language as far as its script tells.

Languages that share the Latin script are not told apart: that takes a model, and a guess that looks like a measurement
is worse than none. A judge can be asked, or words of the language looked for.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from workbench.compare.check_text import listed

if TYPE_CHECKING:
    from workbench.compare.check_spec import CheckSpec, Subject

SCRIPTS = (
    "Latin", "Han", "Hiragana", "Katakana", "Kana", "Hangul", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari",
    "Thai", "Armenian", "Georgian", "Bengali", "Tamil", "Telugu", "Khmer", "Lao", "Myanmar", "Ethiopic",
)  # fmt: skip
# The scripts of a language, and those of them that must be there at all.
LANGUAGES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ja": (("Han", "Hiragana", "Katakana"), ("Hiragana", "Katakana")),
    "zh": (("Han",), ("Han",)),
    "ko": (("Hangul", "Han"), ("Hangul",)),
    "ru": (("Cyrillic",), ("Cyrillic",)),
    "el": (("Greek",), ("Greek",)),
    "ar": (("Arabic",), ("Arabic",)),
    "he": (("Hebrew",), ("Hebrew",)),
    "hi": (("Devanagari",), ("Devanagari",)),
    "th": (("Thai",), ("Thai",)),
    "hy": (("Armenian",), ("Armenian",)),
    "ka": (("Georgian",), ("Georgian",)),
    "bn": (("Bengali",), ("Bengali",)),
    "ta": (("Tamil",), ("Tamil",)),
}


def script_counts(text: str) -> dict[str, int]:
    """Letters of each script; marks belong to the letter before them, digits and punctuation to no script."""
    import regex

    patterns = {name: regex.compile(rf"\p{{Script={name}}}") for name in SCRIPTS if name != "Kana"}
    counts: Counter[str] = Counter()
    # Each different character is looked at once, however long the text is.
    for character, number in Counter(text).items():
        # The prolonged sound mark belongs to both kana, and to no script by itself.
        if character.isalpha() and character != "ー":
            script = next((name for name, pattern in patterns.items() if pattern.match(character)), "other")
            counts[script] += number
    return dict(counts)


def check_script(spec: CheckSpec, subject: Subject) -> tuple[float, str]:
    """The share of letters in one of the wanted scripts."""
    wanted = {part for name in listed(spec.value) for part in _parts(name)}
    counts = script_counts(subject.text)
    total = sum(counts.values())
    if not total:
        return 0.0, "no letters"
    return sum(count for name, count in counts.items() if name in wanted) / total, _told(counts, total)


def _parts(name: str) -> tuple[str, ...]:
    return ("Hiragana", "Katakana") if name == "Kana" else (name,)


def check_language(spec: CheckSpec, subject: Subject) -> tuple[float, str]:
    """The best of the wanted languages: the share of letters in its scripts, 0 when a needed script is missing."""
    counts = script_counts(subject.text)
    total = sum(counts.values())
    if not total:
        return 0.0, "no letters"
    shares = []
    for name in listed(spec.value):
        scripts, needed = LANGUAGES[name]
        there = any(counts.get(item) for item in needed)
        shares.append(sum(counts.get(item, 0) for item in scripts) / total if there else 0.0)
    return max(shares), _told(counts, total)


def _told(counts: dict[str, int], total: int) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {count * 100 // total} %" for name, count in ordered[:3])
