"""What is wrong in the tables of a template's header that only a grid or a score reads, each with its place.

A run needs neither ``[[axis]]`` nor ``[[check]]``: without this their faults are told when the grid starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.compare.check_parse import check_faults
from workbench.compare.plan import checked_axes
from workbench.error import StorageError, TemplateError, UsageError
from workbench.service.grid_axes import axis_of_table
from workbench.template.header import table_place

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.template.axis import Axis
    from workbench.template.document import TemplateDocument


def header_faults(bench: Workbench, document: TemplateDocument) -> list[TemplateError]:
    """In the order of the file; lines count from the file's first. Reads the files that axes name."""
    faults = check_faults(document.header.checks, file=document.path, source=document.source)
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
