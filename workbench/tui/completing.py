"""What can stand at the cursor: slots, picks, lists, Jinja's tags, filters and functions, header keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench.param import SPECS
from workbench.template.header import KEYS, SLOT_KEYS

TAGS = (
    "assistant", "block", "call", "elif", "else", "endassistant", "endblock", "endcall", "endfilter", "endfor", "endif",
    "endmacro", "endraw", "endset", "endsystem", "enduser", "endwith", "extends", "filter", "for", "from", "if",
    "import", "include", "macro", "raw", "set", "system", "user", "with",
)  # fmt: skip
FILTERS = (
    "abs", "batch", "capitalize", "center", "count", "default", "dictsort", "escape", "filesizeformat", "first",
    "float", "forceescape", "format", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower",
    "map", "max", "min", "pprint", "random", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select",
    "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "tojson", "trim", "truncate", "unique",
    "upper", "urlencode", "urlize", "wordcount", "wordwrap", "xmlattr",
)  # fmt: skip
FUNCTIONS = ("cycler", "dict", "joiner", "loop", "namespace", "now", "pick", "range", "sample", "shuffle", "wildcard")

_WILDCARD = re.compile(r"(?<![\w])__([\w\-./*]*)$")
_TAG = re.compile(r"\{%[-+]?\s*(\w*)$")
_INSIDE = re.compile(r"\{(?:\{|%)(?:(?!\}\}|%\}).)*$")
_FILTER = re.compile(r"\|\s*(\w*)$")
_NAME = re.compile(r"(?<![\w.])([^\W\d]\w*|)$")
_BRACE = re.compile(r"(?<!\{)\{([^\W\d]\w*|)$")
_KEY = re.compile(r"^\s*([\w]*)$")


@dataclass(frozen=True, slots=True)
class Completion:
    """``typed`` stands before the cursor; each word of ``words`` begins with it, and ``after`` is put behind it."""

    typed: str
    words: tuple[str, ...]
    after: str = ""
    what: str = ""

    def rest(self, word: str) -> str:
        """What is still to be inserted."""
        return word[len(self.typed) :] + self.after


def complete(before: str, *, names: Iterable[str], lists: Sequence[str], table: str | None = None) -> Completion | None:
    """What may follow ``before``, the row's text up to the cursor. ``table`` is the header's table that the row is in,
    None in the body. ``names`` are slots and picks.
    """
    if table is not None:
        return _header(before, table)
    if match := _WILDCARD.search(before):
        return _offer(match[1], lists, "__", "list")
    if match := _TAG.search(before):
        return _offer(match[1], TAGS, " ", "tag")
    if inside := _INSIDE.search(before):
        if match := _FILTER.search(before, inside.start()):
            return _offer(match[1], FILTERS, "", "filter")
        found = _NAME.search(before, inside.start())
        return _offer(found[1], [*sorted(names), *FUNCTIONS], "", "name") if found else None
    if match := _BRACE.search(before):
        return _offer(match[1], sorted(names), "}", "slot")
    return None


def _header(before: str, table: str) -> Completion | None:
    match = _KEY.match(before)
    if match is None:
        return None
    keys: Sequence[str] = ()
    if table == "params":
        keys = sorted(SPECS)
    elif table.startswith("slots."):
        keys = SLOT_KEYS
    elif not table:
        keys = sorted(KEYS)
    return _offer(match[1], keys, " = ", "key")


def _offer(typed: str, words: Iterable[str], after: str, what: str) -> Completion | None:
    found = tuple(dict.fromkeys(word for word in words if word.startswith(typed)))
    return Completion(typed, found, after, what) if found else None


def header_table(lines: Sequence[str], row: int) -> str | None:
    """The table of the header that ``row`` (from 0) is in: empty at its top, None in the body."""
    if not lines or lines[0].removeprefix("\ufeff").rstrip() != "+++" or row == 0:
        return None
    table = ""
    for line in lines[1:row]:
        text = line.strip()
        if text == "+++":
            return None
        if text.startswith("[") and text.endswith("]"):
            table = text.strip("[] ").replace('"', "")
    return None if lines[row].rstrip() == "+++" else table
