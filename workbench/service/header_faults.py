"""What is wrong in the tables of a template's header that only a grid or a score reads, each with its place.

A run needs neither ``[[axis]]`` nor ``[[check]]``: without this their faults are told when the grid starts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.compare.check_parse import check_faults
from workbench.compare.plan import checked_axes
from workbench.error import StorageError, TemplateError, UsageError
from workbench.service.grid_axes import axis_of_table
from workbench.template.header import table_place

_KEY = re.compile(r"\s*(?:\[[\w\[. \"-]+\]|[\w.-]+\s*=)")

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.template.axis import Axis
    from workbench.template.document import TemplateDocument


def header_faults(bench: Workbench, document: TemplateDocument) -> list[TemplateError]:
    """In the order of the file; lines count from the file's first. Reads the files that axes name."""
    faults = check_faults(document.header.checks, file=document.path, source=document.source)
    faults += _header_below(document)
    axes: list[Axis] = []
    for number, table in enumerate(document.header.axes, start=1):
        try:
            axis = axis_of_table(bench, table)
            checked_axes([*axes, axis], document.body)
            axes.append(axis)
        except (UsageError, StorageError) as error:
            line, column = table_place(document.source, "axis", number)
            message = f"[[axis]] number {number}: {error.message}"
            faults.append(TemplateError(message, hint=error.hint, file=document.path, line=line, column=column))
    return sorted(faults, key=lambda fault: (fault.line, fault.column))


def _header_below(document: TemplateDocument) -> list[TemplateError]:
    """A header below a word or a blank line is text for the model, which nobody means. Fences in a text are its own."""
    lines = document.body.split("\n") if document.body_line == 1 else []
    fences = [number for number, line in enumerate(lines) if line.rstrip().endswith("+++")]
    if len(fences) < 2 or lines[fences[1]].strip() != "+++":
        return []
    first, last = fences[:2]
    if any(line.strip() for line in lines[:first]) or not any(_KEY.match(line) for line in lines[first + 1 : last]):
        return []
    hint = "Take away what stands before it; what is between two lines '+++' is a header there only."
    return [
        TemplateError("the header does not begin the file", hint=hint, file=document.path, line=first + 1, column=1)
    ]
