"""``csv``: RFC 4180, UTF-8, CRLF, one row a run.

A text that begins with ``=``, ``+``, ``-``, ``@``, TAB or CR gets an apostrophe in front, since a spreadsheet would
take it for a formula; with ``raw`` it stays exact.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

from workbench.session.export.item import ExportOptions, ExportRun
from workbench.session.info import token_rate

COLUMNS = (
    *("id", "created", "session", "tags", "template", "model", "engine", "status", "finish_reason"),
    *("rating", "star", "note", "tokens_in", "tokens_out", "ms_load", "ms_first", "ms_total", "tokens_per_second"),
    *("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "max_tokens", "seed", "sha256", "prompt", "output"),
    "reasoning",
)
_FORMULA = "=+-@\t\r"
_SURROGATES = re.compile("[\ud800-\udfff]")


def write(runs: Iterator[ExportRun], options: ExportOptions) -> Iterator[str]:
    yield _line(COLUMNS)
    guarded = 0
    for run in runs:
        row = _row(run)
        cells = [_guard(value) if isinstance(value, str) and not options.raw else value for value in row]
        guarded += sum(cell != value for cell, value in zip(cells, row, strict=True))
        yield _line(cells)
    if guarded:
        options.note(
            f"{guarded} cells begin like a formula and got an apostrophe in front; --raw leaves them as they are"
        )


def _row(run: ExportRun) -> list[Any]:
    request, result = run.record.request, run.record.result
    known = request.used_params | {
        "id": run.id,
        "created": request.created,
        "session": run.session.title,
        "tags": " ".join(run.session.tags),
        "template": request.template.path,
        "model": request.model.file,
        "engine": request.engine,
        "rating": run.rating or "",
        "star": "yes" if run.star else "",
        "note": run.note,
        "tokens_per_second": round(token_rate(result.tokens_out, result.ms_first, result.ms_total), 2),
        "prompt": request.prompt.plain,
        "output": result.text,
    }
    return [known[name] if name in known else getattr(result, name, "") for name in COLUMNS]


def _guard(text: str) -> str:
    return f"'{text}" if text and text[0] in _FORMULA else text


def _line(cells: Sequence[Any]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\r\n").writerow(cells)
    return _SURROGATES.sub("\ufffd", file.getvalue())
