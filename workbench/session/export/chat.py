"""``chat``: fine-tuning data as chat services take it, ``{"messages": [...]}`` a line.

Only finished runs rated ``min_rating`` or better; the answer is the last message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workbench.display import counted
from workbench.record import Message
from workbench.session.export.item import ExportOptions, ExportRun, messages_of
from workbench.session.export.plain import json_line


def write(runs: Iterator[ExportRun], options: ExportOptions) -> Iterator[str]:
    low = unfinished = lost = 0
    for run in runs:
        if run.prompt_lost:
            lost += 1
        elif run.rating < options.min_rating:
            low += 1
        elif run.record.result.status != "finished":
            unfinished += 1
        else:
            answer = Message("assistant", run.record.result.text)
            yield json_line({"messages": [plain_message(item) for item in (*_prompt(run), answer)]}) + "\n"
    if lost:
        options.note(f"{counted(lost, 'run')} whose prompt is missing left out")
    if low:
        options.note(f"{counted(low, 'run')} rated below {options.min_rating} or not at all left out")
    if unfinished:
        options.note(f"{counted(unfinished, 'run')} that did not finish left out")


def _prompt(run: ExportRun) -> tuple[Message, ...]:
    return messages_of(run.record.request.prompt)


def plain_message(message: Message) -> dict[str, Any]:
    return {"role": message.role, "content": message.content}
