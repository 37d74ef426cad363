"""``json``: one document, ``{"format", "kind": "export", "app", "runs": [...]}``, a run a line."""

from __future__ import annotations

from collections.abc import Iterator

from workbench import __version__
from workbench.session.export.item import ExportOptions, ExportRun
from workbench.session.export.plain import json_line, run_to_dict
from workbench.session.runfile import FORMAT


def write(runs: Iterator[ExportRun], options: ExportOptions) -> Iterator[str]:
    yield f'{{"format":{FORMAT},"kind":"export","app":{json_line(__version__)},"runs":['
    comma = "\n"
    for run in runs:
        yield comma + json_line(run_to_dict(run, events=options.events))
        comma = ",\n"
    yield "\n]}\n"
