"""The language of the search line: words, phrases, and field words such as ``model:smol rating:>=4``.

All terms must match. A phrase stands in double quotes, ``-`` before a term turns it round, the last word may be
unfinished. A field word that does not exist is an error that names a near one; any other text is a search, and
what is still being typed (``model:``, ``rating:>``, ``before:2026-1``) limits nothing yet.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from workbench.error import UsageError
from workbench.session.ids import iso
from workbench.session.index_text import Term, fold, storable

FIELDS = {
    "model": "part of the model's file name",
    "tag": "a whole tag of the session; tag:go* for its beginning",
    "template": "part of the template's path",
    "prompt": "a word or phrase of the prompt",
    "output": "a word or phrase of the output",
    "note": "a word or phrase of a note",
    "title": "part of the session's title",
    "engine": "part of the engine's name",
    "status": "running, finished, cancelled, error or interrupted, or its beginning",
    "rating": "1 to 5, or with <, <=, >, >=; 0 means none",
    "star": "yes or no",
    "before": "a day (2026-11-01, today, yesterday) or so many days ago (7d): runs made before it",
    "after": "the same: runs made on that day or later",
    "id": "the beginning of a run's or session's id, or of the session's folder name",
}
# Looked for as words without a field are, in one text only.
TEXT_FIELDS = frozenset({"prompt", "output", "note"})
QUERY_LIMIT = 4_000
_WORD = re.compile(r'(-?)(?:([A-Za-z]+):)?("[^"]*"?|[^\s"]\S*|)')
_RATING = re.compile(r"(<=|>=|<|>|=|)(\d*)\Z")
_DAY = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?-?\Z")


@dataclass(frozen=True, slots=True)
class Filter:
    """A field word: ``name`` of ``FIELDS``, ``value`` folded (a time in ISO form, a rating ``("<=", 3)``)."""

    name: str
    value: str | bool | tuple[str, int]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    terms: tuple[Term, ...] = ()
    filters: tuple[Filter, ...] = ()

    @property
    def wanted(self) -> list[Term]:
        """Terms that must be there."""
        return [term for term in self.terms if not term.negated]


@dataclass
class _Parsed:
    terms: list[Term] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)


def parse_query(text: str) -> Query:
    """Raises UsageError for a field word that does not exist, or a value that its field cannot have."""
    parsed = _Parsed()
    text = storable(text, QUERY_LIMIT)
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        found = _WORD.match(text, position)
        # Every character begins a word, if only one of its own.
        word, position = (found, max(found.end(), position + 1)) if found else (None, position + 1)
        if word is not None and word[0]:
            _take(parsed, word, last=position >= len(text))
    return Query(tuple(parsed.terms), tuple(parsed.filters))


def _take(parsed: _Parsed, word: re.Match[str], *, last: bool) -> None:
    minus, name, value = word[1], word[2], word[3]
    quoted = value.startswith('"')
    bare = value.strip('"') if quoted else value
    if name and not bare.startswith((":", "//", "\\")) and (bare or name.lower() in FIELDS):
        if name.lower() in TEXT_FIELDS:
            term = Term(bare, prefix=last and not quoted, negated=bool(minus), column=name.lower())
            parsed.terms += [term] if bare else []
        elif limit := _filter(name.lower(), bare, negated=bool(minus)):
            parsed.filters.append(limit)
        return
    if name:
        bare, quoted = f"{name}:{bare}", False
    if bare:
        parsed.terms.append(Term(bare, prefix=last and not quoted, negated=bool(minus)))
    elif minus and not quoted and not last:
        parsed.terms.append(Term("-"))


def _filter(name: str, value: str, *, negated: bool) -> Filter | None:
    if name not in FIELDS:
        near = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.6)
        hint = f"Did you mean {near[0] + ':'!r}? " if near else f"There are: {', '.join(FIELDS)}. "
        raise UsageError(f"there is no field {name!r}", hint=hint + f'As text: "{name}:{value}"')
    if not value:
        return None
    if name == "rating":
        return _rating(value, negated=negated)
    if name in ("before", "after"):
        moment = _day(value)
        return Filter(name, iso(moment), negated) if moment else None
    if name == "star":
        yes = "yes".startswith(value.lower()) or value.lower() in ("true", "1", "on")
        return Filter(name, yes, negated)
    return Filter(name, fold(value), negated)


def _rating(value: str, *, negated: bool) -> Filter | None:
    found = _RATING.match(value)
    if found is None or int(found[2][:3] or 0) > 5:
        raise UsageError(f"a rating is 1 to 5, not {value!r}", hint="For example: rating:>=4")
    return Filter("rating", (found[1] or "=", int(found[2])), negated) if found[2] else None


def _day(value: str) -> datetime | None:
    """The start of that day by this machine's clock; None while it is still being typed. Raises UsageError."""
    today = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    words = {"today": 0, "yesterday": 1}
    if value in words:
        return today - timedelta(days=words[value])
    if re.match(r"\d{1,5}d\Z", value):
        return today - timedelta(days=min(int(value[:-1]), today.toordinal() - 366))
    found = _DAY.match(value)
    if found is None:
        if (value.isdecimal() and len(value) < 4) or any(word.startswith(value) for word in words):
            return None
        raise UsageError(f"{value!r} is no day", hint="For example: before:2026-11-01, after:yesterday, after:7d")
    year, month, day = int(found[1]), int(found[2] or 1), int(found[3] or 1)
    try:
        return datetime(year, month, day).astimezone().astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        if "0" in (found[2], found[3]):
            return None
        raise UsageError(f"{value!r} is no day", hint="For example: before:2026-11-01") from None
