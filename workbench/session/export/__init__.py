"""Runs leave the workbench: one module a format, and every one of them streams, a run at a time.

Two kinds of format. Those for programs (``json``, ``jsonl``, ``csv``, ``chat``, ``pairs``) hold every text exactly;
those for people (``markdown``, ``html``, ``cast``) show texts as a screen would, with control characters made visible,
so that no output of a model can steer a terminal or break out of its page. Absolute paths, names of users and
machines, and secrets of the environment are masked in all of them (``redact``).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from workbench.error import UsageError
from workbench.session.export.item import ExportOptions, ExportRun
from workbench.session.export.redact import redacted

__all__ = ["FORMATS", "ExportOptions", "ExportRun", "Format", "export"]


@dataclass(frozen=True, slots=True)
class Format:
    """``module`` is one of this package, with ``write(runs, options)``; ``ending`` that of a file's name."""

    module: str
    ending: str
    summary: str


FORMATS: dict[str, Format] = {
    "markdown": Format("markdown", "md", "a page with front matter, texts in fences"),
    "json": Format("data", "json", "everything, one document; can be imported again"),
    "jsonl": Format("data_lines", "jsonl", "everything, one run a line; can be imported again"),
    "csv": Format("table", "csv", "a table for spreadsheets (RFC 4180)"),
    "html": Format("page", "html", "a page that stands by itself, without scripts"),
    "cast": Format("asciicast", "cast", "an asciinema recording of the runs being played"),
    "chat": Format("chat", "jsonl", "chat fine-tuning data: messages of well rated runs"),
    "pairs": Format("pairs", "jsonl", "preference pairs of runs with the same prompt"),
}


def export(runs: Iterable[ExportRun], form: str, options: ExportOptions | None = None) -> Iterator[str]:
    """The text of an export, in parts; memory stays flat. Raises UsageError for a format that is not known.

    What is left out is told to ``options.note``, one line each. Lone surrogates never come out of it.
    """
    if form not in FORMATS:
        raise UsageError(f"unknown format {form!r}", hint="There are: " + ", ".join(FORMATS))
    settings = options or ExportOptions()
    module: Any = importlib.import_module(f"workbench.session.export.{FORMATS[form].module}")
    parts: Iterator[str] = module.write(_finished(runs, settings), settings)
    return parts


def _finished(runs: Iterable[ExportRun], options: ExportOptions) -> Iterator[ExportRun]:
    """Runs that are over, with nothing of this machine in them."""
    for run in runs:
        if run.record.live:
            options.note(f"{run.id}: still going on, left out")
            continue
        if run.record.problem:
            options.note(f"{run.id}: {run.record.problem}")
        yield redacted(run, options)
