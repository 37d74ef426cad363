"""What a person writes in the plan form, kept as written, and the grid that it asks for.

A wish may be wrong while it is being typed: it is read line by line, and a fault names its field and line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.compare.check import parse_check_text, parse_checks
from workbench.error import UsageError, WorkbenchError
from workbench.service.grid_axes import GridSpec, axis_of_text
from workbench.template.axis import Axis, rows_axis

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.template.document import TemplateDocument

OPTIONS = {
    "join": "join the axes: first values with first, not crossed",
    "cold": "cold: read every prompt anew, so that runs can be repeated exactly",
    "anew": "run again what is on disk already",
}


class WishError(UsageError):
    """What cannot be read: ``field`` of the form and its ``line``, from 1; 0 for the whole field."""

    def __init__(self, field: str, line: int, error: WorkbenchError) -> None:
        super().__init__(error.message, hint=error.hint)
        self.field = field
        self.line = line

    @property
    def told(self) -> str:
        """Where it is and what is wrong, as one line; what to do about it is the hint."""
        where = f"{self.field}, line {self.line}: " if self.line else f"{self.field}: "
        return where + self.message.replace("\n", " ")

    def __str__(self) -> str:
        return f"{self.told}\n{self.hint}" if self.hint else self.told


@dataclass(frozen=True)
class Wish:
    """Texts of the form. ``models`` are paths that were marked; ``options`` names of ``OPTIONS``."""

    axes: str = ""
    checks: str = ""
    models: tuple[str, ...] = ()
    repeats: str = "1"
    prompts: str = ""
    parallel: str = ""
    rows: str = ""
    options: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Base:
    """What the main screen has: the template, the form's values, and what its next run would take."""

    document: TemplateDocument
    variables: Mapping[str, Any]
    params: Mapping[str, Any]
    model: str = ""
    engine: str = ""


def first_wish(document: TemplateDocument) -> Wish:
    """The axes of the template's header as lines; its checks stay in the header."""
    return Wish(axes="\n".join(_axis_line(table) for table in document.header.axes))


def _axis_line(table: Mapping[str, Any]) -> str:
    target, values = str(table.get("target", "")), table.get("values", "")
    if not isinstance(values, list):
        return f"{target} = {values}"
    rows = [_csv_line(value) if isinstance(value, list | tuple) else "" for value in values]
    return f"{target} = " + (", ".join(f"({row})" for row in rows) if all(rows) and rows else _csv_line(values))


def _csv_line(values: list[Any] | tuple[Any, ...]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(values)
    return buffer.getvalue().replace(",", ", ") if '"' not in buffer.getvalue() else buffer.getvalue()


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something, from 1; ``#`` begins a remark."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def spec_of(bench: Workbench, wish: Wish, base: Base) -> GridSpec:
    """The grid that is asked for. The lines stand for the header's axes. Raises WishError."""
    axes = []
    for number, line in _lines(wish.axes):
        try:
            axes.append(axis_of_text(bench, line))
        except WorkbenchError as error:
            raise WishError("axes", number, error) from error
    if wish.rows.strip():
        axes.append(_rows(bench, wish.rows.strip()))
    models = [_model_name(bench, path) for path in wish.models]
    if len(models) > 1:
        axes.insert(0, Axis(("model",), tuple((name,) for name in models)))
    document = base.document
    return GridSpec(
        replace(document, header=replace(document.header, axes=())),
        tuple(axes),
        base.variables,
        {**base.params, **({"cold_cache": True} if "cold" in wish.options else {})},
        model=(models[0] if len(models) == 1 else "" if models else base.model),
        engine=base.engine,
        repeats=_number("repeats", wish.repeats, 1),
        prompts=_number("prompts", wish.prompts, 0),
        join="join" in wish.options,
        checks=tuple(_checks(wish.checks)),
        reuse="anew" not in wish.options,
        parallel=_number("parallel", wish.parallel, 0),
    )


def _model_name(bench: Workbench, path: str) -> str:
    """The name on the shelf, as on a command line: a path would tell others where somebody keeps files, and the same
    grid would be another one elsewhere. Where the name does not mean this file alone, its path.
    """
    try:
        entry = bench.find_model(path)
        return entry.id if bench.find_model(entry.id).path.samefile(entry.path) else path
    except (WorkbenchError, OSError):
        return path


def _checks(text: str) -> Iterator[str]:
    for number, line in _lines(text):
        try:
            parse_check_text(line)
        except WorkbenchError as error:
            raise WishError("checks", number, error) from error
        yield line


def _rows(bench: Workbench, name: str) -> Axis:
    path = Path(name).expanduser()
    path = path if path.is_absolute() else bench.workspace.root / path
    try:
        return rows_axis(str(path), None)
    except WorkbenchError as error:
        raise WishError("rows", 0, error) from error


def _number(field: str, text: str, least: int) -> int:
    """Of a field; empty is the least."""
    text = text.strip()
    if not text:
        return least
    if not (text.isascii() and text.isdigit() and len(text) < 8 and int(text) >= least):
        raise WishError(field, 0, UsageError(f"{text!r} is not a whole number from {least} on"))
    return int(text)


def header_checks(document: TemplateDocument) -> str:
    """One line about the checks of the header; what is wrong with them, else."""
    try:
        names = [spec.label for spec in parse_checks(document.header.checks, file=document.path)]
    except WorkbenchError as error:
        return error.message
    return f"of the template: {', '.join(names)}" if names else ""
