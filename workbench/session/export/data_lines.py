"""``jsonl``: everything of a run on a line of its own."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.session.export.item import ExportOptions, ExportRun
from workbench.session.export.plain import json_line, run_to_dict


def write(runs: Iterator[ExportRun], options: ExportOptions) -> Iterator[str]:
    for run in runs:
        yield json_line(run_to_dict(run, events=options.events)) + "\n"
