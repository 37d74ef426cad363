"""What is wrong in the tables of a template's header that only a grid or a score reads, each with its place.

A run needs neither ``[[axis]]`` nor ``[[check]]``: without this their faults are told when the grid starts.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING

from workbench.compare.check import CheckSpec, parse_checks
from workbench.compare.check_json import schema_fault, schema_of
from workbench.compare.check_parse import check_faults
from workbench.compare.plan import checked_axes
from workbench.error import StorageError, TemplateError, UsageError, WorkbenchError
from workbench.service.grid_axes import axis_of_table
from workbench.service.trust import file_in
from workbench.template.header import table_place
from workbench.textio import read_text

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
    faults += _about_checks(bench, document, axes)
    return sorted(faults, key=lambda fault: (fault.line, fault.column))


def _about_checks(bench: Workbench, document: TemplateDocument, axes: list[Axis]) -> list[TemplateError]:
    """Files that are missing and names that are slips. Whether code is trusted is a matter of this machine."""
    if not document.header.checks:
        return []
    known = {*document.header.slots, *(target for axis in axes for target in axis.targets)}
    # A fault of the body is told by whoever reads it.
    with suppress(TemplateError):
        known |= {*(slot.name for slot in bench.slots(document, {})), *bench.tree(document, set()).named_picks}
    faults = []
    for number, table in enumerate(document.header.checks, start=1):
        try:
            (spec,) = parse_checks([table], file=document.path)
        except TemplateError:
            continue  # Told with its place already.
        try:
            _look(bench, spec, known)
        except WorkbenchError as error:
            line, column = table_place(document.source, "check", number)
            message = f"[[check]] number {number}: {error.message}"
            faults.append(TemplateError(message, hint=error.hint, file=document.path, line=line, column=column))
    return faults


def _look(bench: Workbench, spec: CheckSpec, known: Collection[str]) -> None:
    """Raises WorkbenchError. A name that is near to no other may come from a file of rows."""
    if spec.refers:
        for found in bench.renderer.slots(spec.label, {}, name=spec.kind).names:
            near = get_close_matches(found.name, known, n=1)
            if near and found.name not in known:
                raise UsageError(f"no run has a variable {found.name!r}", hint=f"Did you mean {near[0]!r}?")
    elif spec.kind == "python":
        file_in(bench.workspace, str(spec.value).rpartition(":")[0])
    elif spec.kind == "json-schema" and isinstance(spec.value, str) and not spec.value.lstrip().startswith("{"):
        problem = schema_fault(schema_of(read_text(file_in(bench.workspace, spec.value))))
        if problem:
            raise UsageError(f"the schema {spec.value} is wrong: {problem}", hint="Mend it, or name another file.")


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
