"""A comparison for people: plain text with signs, Markdown, and HTML that stands alone."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from workbench.display import display, display_line

if TYPE_CHECKING:
    from workbench.cli.compare import Comparison
    from workbench.compare.diff import Part
    from workbench.compare.nway import NWay

RED, GREEN = 31, 32
# Text, and the colour that repeats what its sign says; 0 for none.
Line = tuple[str, int]
_WIDE = 60
_MARKS = {"same": ("", ""), "left": ("[-", "-]"), "right": ("{+", "+}")}
_STYLE = (
    "body{font-family:sans-serif}pre{white-space:pre-wrap}del{background:#fdd}ins{background:#dfd}"
    "td,th{text-align:left;padding:0 1em 0 0;vertical-align:top}mark{background:#ffd}"
)


def text_lines(compared: Sequence[Comparison], row: NWay | None, names: Sequence[str]) -> Iterator[Line]:
    """Lines for a terminal or a pipe."""
    for number, item in enumerate(compared):
        if number:
            yield "", 0
        yield f"--- {item.left}", 0
        yield f"+++ {item.right}", 0
        for change in item.changes:
            yield f"{change.name}: {_short(change.left)} -> {_short(change.right)}", 0
        if not item.changes:
            yield "inputs: the same", 0
        yield _measures(item), 0
        yield "", 0
        yield from _diff_lines(item)
    if row is not None:
        yield "", 0
        yield from _row_lines(row, names)


def _diff_lines(item: Comparison) -> Iterator[Line]:
    if item.unit == "word":
        for line in inline(item.parts).split("\n"):
            yield f"  {line}", 0
        return
    for part in item.parts:
        sign, colour = {"same": (" ", 0), "left": ("-", RED), "right": ("+", GREEN)}[part.kind]
        for line in part.text.removesuffix("\n").split("\n"):
            yield f"{sign} {line}", colour


def inline(parts: Sequence[Part]) -> str:
    """Both texts in one: ``[-left-]`` and ``{+right+}``."""
    return "".join(f"{_MARKS[part.kind][0]}{part.text}{_MARKS[part.kind][1]}" for part in parts)


def _row_lines(row: NWay, names: Sequence[str]) -> Iterator[Line]:
    where = "all are the same" if row.parts_at is None else f"they part at character {row.parts_at}"
    yield f"{len(names)} runs, {len(row.stacks)} different outputs, {row.agreement:.2f} in common; {where}", 0
    for stack in row.stacks:
        yield f"{stack.count} x {', '.join(names[place] for place in stack.members)}", 0
        marked = "".join(span.text if span.kind == "agree" else f"[{span.text}]" for span in stack.spans)
        for line in marked.split("\n"):
            yield f"  {line}", 0


def _measures(item: Comparison) -> str:
    told = [f"similarity {item.similarity:.3f} (by word)"]
    told += [f"{delta.name} {delta.left:g} -> {delta.right:g} ({delta.difference:+g})" for delta in item.deltas]
    return ", ".join(told)


def _short(value: str) -> str:
    return display_line(value, _WIDE)


def markdown(compared: Sequence[Comparison], row: NWay | None, names: Sequence[str]) -> str:
    """Headings, a table of changed inputs, and the diff in a fence that the texts cannot close."""
    out = []
    for item in compared:
        out += [f"## {item.left} and {item.right}", "", "| input | left | right |", "|---|---|---|"]
        out += [f"| {_cell(c.name)} | {_cell(_short(c.left))} | {_cell(_short(c.right))} |" for c in item.changes]
        out += ["", _measures(item), "", *_fenced("".join(f"{line}\n" for line, _ in _diff_lines(item))), ""]
    if row is not None:
        out += ["## All", "", *_fenced("".join(f"{line}\n" for line, _ in _row_lines(row, names))), ""]
    return "\n".join(out)


def _cell(text: str) -> str:
    return re.sub(r"([\\|`*_<>\[\]])", r"\\\1", text)


def _fenced(text: str) -> list[str]:
    longest = max((len(match[0]) for match in re.finditer(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}diff", display(text).removesuffix("\n"), fence]


def page(compared: Sequence[Comparison], row: NWay | None, names: Sequence[str]) -> str:
    """One HTML page without scripts or anything fetched."""
    out = [f'<!doctype html><meta charset="utf-8"><title>Comparison</title><style>{_STYLE}</style>']
    for item in compared:
        out.append(f"<h2>{_html(item.left)} and {_html(item.right)}</h2><table>")
        out.append("<tr><th>input<th>left<th>right</tr>")
        for change in item.changes:
            out.append(f"<tr><td>{_html(change.name)}<td>{_html(change.left)}<td>{_html(change.right)}</tr>")
        out.append(f"</table><p>{_html(_measures(item))}</p><pre>")
        tags = {"same": "", "left": "del", "right": "ins"}
        out.append("".join(_tagged(part.text, tags[part.kind], *_MARKS[part.kind]) for part in item.parts) + "</pre>")
    if row is not None:
        for stack in row.stacks:
            members = ", ".join(names[place] for place in stack.members)
            spans = (
                _tagged(span.text, "" if span.kind == "agree" else "mark", *("", "") if span.kind == "agree" else "[]")
                for span in stack.spans
            )
            out.append(f"<h3>{stack.count} x {_html(members)}</h3><pre>{''.join(spans)}</pre>")
    return "\n".join(out) + "\n"


def _tagged(text: str, tag: str, before: str, after: str) -> str:
    inner = _html(f"{before}{text}{after}")
    return f"<{tag}>{inner}</{tag}>" if tag else inner


def _html(text: str) -> str:
    return html.escape(display(text))
