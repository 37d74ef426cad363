"""A grid as a page: Markdown or one HTML file without scripts. Models are columns, all other axes are rows.

Answers are foreign: in HTML everything is escaped, in Markdown nothing of theirs is markup.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from workbench.compare.table import GridTable, Layout, Stack
from workbench.display import display
from workbench.service.grid_words import result_lines

if TYPE_CHECKING:
    from workbench.service.grid_result import GridResult

_STYLE = (
    "body{font:15px/1.4 sans-serif;margin:2em}table{border-collapse:collapse}"
    "th,td{border:1px solid #999;padding:.4em .6em;vertical-align:top;text-align:left}"
    "thead th{position:sticky;top:0;background:#eee}pre{white-space:pre-wrap;margin:.2em 0;max-width:60ch}"
    ".no{background:#fdd}.yes{background:#dfd}.error{background:#fb9}small{color:#555}.below{margin-left:2em}"
)
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$-])")


def md_text(result: GridResult) -> str:
    """A heading, the rates and means, and the table."""
    table, layout = _laid_out(result)
    lines = [f"# {_md(result.title)}", "", _md(_summary(result)), ""]
    if sums := result_lines(result.states):
        lines += [*(f"{'  ' * line.startswith(' ')}- {_md(line.strip())}" for line in sums), ""]
    heading = _heading(table, layout)
    lines += [f"| {' | '.join(_md(cell) for cell in heading)} |", "|" + "---|" * len(heading)]
    for row, place in enumerate(layout.rows):
        cells = [_md(label) for label in table.labels(layout.view.rows, place)]
        cells += [_md_stack(table.stack(layout, row, column)) for column in range(len(layout.columns))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _md(text: str) -> str:
    return _MARKUP.sub(r"\\\1", display(text)).replace("\n", "<br>")


def _md_stack(stack: Stack) -> str:
    parts = [f"**{_md(note)}**" for note in _notes(stack)]
    parts += [f"{count}x " * (len(stack.states) > 1) + _md(text.strip()) for text, count, _ in stack.texts]
    parts += [_md(state.error.partition("\n")[0]) for state in stack.states if state.error]
    return "<br>".join(parts)


def html_text(result: GridResult) -> str:
    """One file that needs nothing else; the policy in it forbids scripts and requests."""
    table, layout = _laid_out(result)
    title = escape(display(result.title))
    lines = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>",
        f"<p>{escape(_summary(result))}</p>",
    ]
    if sums := result_lines(result.states):
        lines.append("<ul>" + "".join(_item(line) for line in sums) + "</ul>")
    heading = "".join(f"<th>{escape(display(cell))}</th>" for cell in _heading(table, layout))
    lines.append(f"<table><thead><tr>{heading}</tr></thead><tbody>")
    for row, place in enumerate(layout.rows):
        cells = [f"<th>{escape(display(label))}</th>" for label in table.labels(layout.view.rows, place)]
        cells += [_html_stack(table.stack(layout, row, column)) for column in range(len(layout.columns))]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</tbody></table></body></html>", ""])


def _item(line: str) -> str:
    below = ' class="below"' if line.startswith(" ") else ""
    return f"<li{below}>{escape(display(line.strip()))}</li>"


def _html_stack(stack: Stack) -> str:
    parts = [f"<small>{escape(display(note))}</small>" for note in _notes(stack)]
    for text, count, _ in stack.texts:
        times = f"<small>{count}x</small>" if len(stack.states) > 1 else ""
        parts.append(f"{times}<pre>{escape(display(text.strip()))}</pre>")
    parts += [f"<pre>{escape(display(state.error))}</pre>" for state in stack.states if state.error]
    verdicts = stack.verdicts
    kind = "error" if stack.status == "failed" else "no" if False in verdicts else "yes" if True in verdicts else ""
    return f'<td class="{kind}">{"".join(parts)}</td>' if kind else f"<td>{''.join(parts)}</td>"


def _laid_out(result: GridResult) -> tuple[GridTable, Layout]:
    table = GridTable(result.plan, result.states)
    return table, table.layout(table.view())


def _heading(table: GridTable, layout: Layout) -> list[str]:
    view = layout.view
    names = [table.dimensions[axis].name for axis in view.rows]
    return names + [", ".join(table.labels(view.columns, place)) or "answer" for place in layout.columns]


def _summary(result: GridResult) -> str:
    totals = result.totals
    parts = [f"{totals.done} of {totals.planned} runs"]
    if totals.failed:
        parts.append(f"{totals.failed} failed")
    if result.group:
        parts.append(f"group {result.group}")
    return ", ".join(parts)


def _notes(stack: Stack) -> list[str]:
    """The verdicts, and the state if it is not the usual one."""
    from workbench.compare.draws import draws_rate

    notes = [str(draws_rate(stack.states))] if stack.verdicts else []
    notes += [f"rated {state.rating} of 5" for state in stack.states if state.rating]
    if stack.status not in ("done", ""):
        notes.append(stack.status)
    return notes
