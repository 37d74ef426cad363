"""A template written the usual way, without a change of meaning: what it renders to stays the same to the byte.

The header gets one space around ``=``, no trailing blanks, one empty line between tables; comments stay. In the body
only the blanks just inside ``{{ }}`` and ``{% %}`` change. Both are proved on the result: the header parses to the same
values, the text between Jinja's regions is the same text. Without the proof a part is left as it is.
"""

from __future__ import annotations

import re
from itertools import pairwise

from workbench.error import ConfigError
from workbench.template.document import TemplateDocument
from workbench.template.region import Region, regions
from workbench.textio import toml_loads

_KEY = re.compile(r"""^(\s*)((?:[\w-]+|"[^"\\]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"\\]*"|'[^']*'))*)\s*=\s*(.*)$""")
_TABLE = re.compile(r"^\s*\[{1,2}[^\[\]]+\]{1,2}\s*(?:#.*)?$")
_INSIDE = re.compile(r"\A(\{[{%][-+]?)(.*?)([-+]?[%}]\})\Z", re.DOTALL)


def tidy(document: TemplateDocument) -> str:
    """The whole file's text as it should be written."""
    source = document.source
    shift = len(source) - len(document.body)
    head = source[:shift].removeprefix("\ufeff")
    return _header(head) + (_body(document.body) if document.header.jinja else document.body)


def _header(head: str) -> str:
    if not head:
        return head
    newline = "\r\n" if "\r\n" in head else "\n"
    lines = head.split(newline)
    inner, last = lines[1:], max(number for number, line in enumerate(lines) if line.rstrip() == "+++")
    inner, rest = lines[1:last], lines[last + 1 :]
    written = _tidy_toml(inner)
    try:
        same = toml_loads("\n".join(inner)) == toml_loads("\n".join(written))
    except ConfigError:
        same = False
    return newline.join(["+++", *(written if same else inner), "+++", *rest])


def _tidy_toml(lines: list[str]) -> list[str]:
    out: list[str] = []
    quote = ""
    for line in lines:
        if quote:
            # Inside a string of several lines nothing may change.
            out.append(line)
            quote = "" if line.count(quote) % 2 else quote
            continue
        match = _KEY.match(line)
        text = f"{match[2]} = {match[3]}" if match else line.lstrip() if _TABLE.match(line) else line
        quote = next((sign for sign in ('"""', "'''") if text.count(sign) % 2), "")
        text = text if quote else text.rstrip()
        if _TABLE.match(text) and out and out[-1]:
            _before_comments(out)
        if text or (out and out[-1]):
            out.append(text)
    while out and not out[-1]:
        out.pop()
    return out


def _before_comments(out: list[str]) -> None:
    """An empty line before a table, or before the comment that stands right over it."""
    place = len(out)
    while place and out[place - 1].startswith("#"):
        place -= 1
    if place and out[place - 1]:
        out.insert(place, "")


def _body(body: str) -> str:
    found = list(regions(body))
    if any(region.kind == "broken" for region in found):
        return body
    written = "".join(_spaced(body[region.start : region.end], region) for region in found)
    again = list(regions(written))
    same = [region.kind for region in found] == [region.kind for region in again] and all(
        body[one.start : one.end] == written[two.start : two.end]
        for one, two in zip(found, again, strict=False)
        if one.kind not in ("expr", "stmt")
    )
    return written if same else body


def _spaced(text: str, region: Region) -> str:
    match = _INSIDE.match(text) if region.kind in ("expr", "stmt") else None
    if match is None or not match[2].strip():
        return text
    before, inner, after = match.groups()
    left = inner[: len(inner) - len(inner.lstrip())]
    right = inner[len(inner.rstrip()) :]
    # A tag over several lines was laid out by hand.
    left, right = (blank if "\n" in blank else " " for blank in (left, right))
    return f"{before}{left}{inner.strip()}{right}{after}"


def differing_lines(before: str, after: str) -> list[int]:
    """The numbers, from 1, of lines of ``before`` that are written differently in ``after``."""
    from difflib import SequenceMatcher

    old, new = before.split("\n"), after.split("\n")
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    changed: list[int] = []
    for one, two in pairwise([(0, 0, 0), *blocks]):
        first = one[0] + one[2]
        # Where something is only added, the line before which it goes.
        last = two[0] if two[0] > first else first + (two[1] > one[1] + one[2])
        changed += range(first + 1, min(last, len(old)) + 1)
    return changed
