"""``markdown``: TOML front matter between ``+++`` lines, then a part a run: facts, prompt and output.

Every text stands in a fence longer than any row of backticks in it, so that none breaks out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from workbench import __version__
from workbench.display import display_line
from workbench.session.export.item import ExportOptions, ExportRun, facts, heading, messages_of, shown
from workbench.textio import toml_dumps

# What Markdown may read as markup within a heading or a list.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|!~&])")


def write(runs: Iterator[ExportRun], _options: ExportOptions) -> Iterator[str]:
    """One run alone has its facts in the front matter; of several each has its own."""
    first = list(zip(range(2), runs, strict=False))
    alone = len(first) == 1
    if not first:
        yield _front({"app": __version__})
        return
    session = first[0][1].session
    head = {"title": display_line(session.title), "tags": [display_line(tag) for tag in session.tags]}
    yield _front({**head, **(facts(first[0][1]) if alone else {}), "app": __version__})
    yield f"# {_escaped(session.title)}\n"
    if session.note:
        yield f"\n{_fence(session.note)}"
    for run in chain((item for _, item in first), runs):
        yield _run(run, with_facts=not alone)


def _front(data: dict[str, Any]) -> str:
    return f"+++\n{toml_dumps(data)}+++\n\n"


def _run(run: ExportRun, *, with_facts: bool) -> str:
    parts = [f"\n## {_escaped(heading(run))}\n"]
    if with_facts:
        parts.append(f"\n{_fence(toml_dumps(facts(run)), 'toml')}")
    if run.note:
        parts.append(f"\nNote:\n\n{_fence(run.note)}")
    for message in messages_of(run.record.request.prompt):
        parts.append(f"\n### Prompt ({message.role})\n\n{_fence(message.content)}")
    parts.append(f"\n### Output\n\n{_fence(run.record.result.text)}")
    if run.record.result.reasoning:
        parts.append(f"\n### Reasoning\n\n{_fence(run.record.result.reasoning)}")
    return "".join(parts)


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", display_line(text))


def _fence(text: str, language: str = "") -> str:
    safe = shown(text)
    longest = max(map(len, re.findall("`+", safe)), default=0)
    fence = "`" * max(3, longest + 1)
    end = "" if safe.endswith("\n") else "\n"
    return f"{fence}{language}\n{safe}{end}{fence}\n"
