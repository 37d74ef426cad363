"""What a grid's axes and checks refer to, before anything runs: a name that nothing knows would be paid for in runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from workbench.compare.cells import target_kind
from workbench.error import WorkbenchError
from workbench.param import SPECS
from workbench.template.axis import Axis, AxisError, is_range
from workbench.template.prepared import unused_message
from workbench.template.tree import Escape, Text

if TYPE_CHECKING:
    from workbench.compare.check import CheckSpec
    from workbench.service import Workbench
    from workbench.service.grid_axes import GridSpec
    from workbench.service.grid_plan import PreparedCell
    from workbench.template.document import TemplateDocument
    from workbench.template.prepared import Prepared

# So near to a known name is a slip, even in one column among others that are used.
_SLIP = 0.85


def grid_checks(spec: GridSpec) -> list[CheckSpec]:
    """The checks of the template's header, then those given beside them. Raises TemplateError, UsageError."""
    document = spec.document
    if not document.header.checks and not spec.checks:
        return []
    from workbench.compare.check import parse_check_text, parse_checks

    found = list(parse_checks(document.header.checks, file=document.path, source=document.source))
    return found + [parse_check_text(text) for text in spec.checks]


def refuse_unused(bench: Workbench, spec: GridSpec, axes: Sequence[Axis], prepared: Sequence[Prepared]) -> None:
    """Raises AxisError for an axis none of whose targets anything uses: all its cells would be the same.

    A file of rows may have further columns, but none whose name is a slip of a known one.
    """
    unused = [{item.message for item in one.diagnostics if item.code == "unused-variable"} for one in prepared]
    checks = grid_checks(spec)

    def used(target: str) -> bool:
        told = unused_message(target)
        return target_kind(target) != "value" or not all(told in found for found in unused) or in_checks(checks, target)

    if all(used(target) for axis in axes for target in axis.targets):
        return
    known = dict.fromkeys(slot.name for one in prepared for slot in bench.slots(one.doc, {}))
    known |= dict.fromkeys(name for one in prepared for name in one.tree.named_picks)
    names = [*known, *SPECS, "model", "engine", "template", "system"]
    for axis in axes:
        idle = [target for target in axis.targets if not used(target)]
        for target in idle:
            near = get_close_matches(target, names, n=1)
            slip = get_close_matches(target, names, n=1, cutoff=_SLIP)
            if len(idle) == len(axis.targets) or slip:
                hint = f"Did you mean {near[0]!r}?" if near else "Known here: " + (", ".join(known) or "no slot")
                raise AxisError(f"nothing uses {target!r}, which an axis changes", hint=hint)


def in_checks(checks: Sequence[CheckSpec], name: str) -> bool:
    """Whether some check may need that variable. A function of a file gets all of them."""
    return any(spec.kind == "python" or spec.uses(name) for spec in checks)


def pick_notes(bench: Workbench, axes: Sequence[Axis], documents: Mapping[str, TemplateDocument]) -> Iterator[str]:
    """Values of a named pick that are none of its options: the pick takes any text, so it may be meant."""
    options: dict[str, set[str]] = {}
    for document in documents.values():
        for name, pick in bench.tree(document, set()).named_picks.items():
            literal = all(isinstance(item, Text | Escape) for option in pick.options for item in option.items)
            texts = {"".join(getattr(item, "text", "") for item in option.items).strip() for option in pick.options}
            if literal:
                options[name] = options.get(name, set()) | texts
    for axis in axes:
        for place, target in enumerate(axis.targets):
            for row in axis.rows if target in options else ():
                if str(row[place]).strip() not in options[target]:
                    told = ", ".join(sorted(options[target]))
                    yield f"{row[place]!r} is no option of the pick {target!r} ({told}); it is used as it stands"


def range_notes(axes: Sequence[Axis]) -> Iterator[str]:
    """Ranges that are one text each, because what they are values of takes texts: a number may be meant."""
    for axis in axes:
        for place, target in enumerate(axis.targets):
            values = [row[place] for row in axis.rows]
            ranges = [value for value in values if isinstance(value, str) and is_range(value)]
            if ranges and target_kind(target) == "value":
                hint = f'for numbers declare [slots.{target}] with type = "number"'
                yield f"{ranges[0]!r} of the axis {target!r} is taken as a text; {hint}"


def refuse_unmakeable(bench: Workbench, spec: GridSpec, cells: Sequence[PreparedCell]) -> None:
    """Each check is tried as far as it can be without an answer, for the first cell of each template.

    Raises WorkbenchError: a variable that no run has, a missing file, a schema that is none, code that is not trusted.
    """
    checks = grid_checks(spec)
    if not checks or not cells:
        return
    from workbench.compare.check import Subject
    from workbench.service.scoring import Scorer

    scorer = Scorer(bench, trust=spec.trust)
    firsts = {item.template: item for item in reversed(cells)}
    for item in firsts.values():
        subject = Subject("", item.text, item.variables)
        for check in checks:
            try:
                scorer.refuse_unmakeable(check, subject)
            except WorkbenchError as error:
                error.message = f"the check {check.label!r} cannot be made: {error.message}"
                raise
