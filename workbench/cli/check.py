"""``workbench check``: what is wrong in templates, one ``file:line:col`` line each."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from workbench.cli.arguments import add_template, document_of
from workbench.cli.render import diagnostic_line
from workbench.display import counted
from workbench.error import ExitCode, TemplateError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.service import Workbench


def configure(parser: Parser) -> None:
    add_template(parser, many=True)


def run(args: argparse.Namespace, console: Console) -> int:
    """Exit code TEMPLATE when any template has an error."""
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace)
    wrong = 0
    try:
        for name in args.template:
            wrong += _check(bench, name, console)
    finally:
        bench.renderer.close()
    count = len(args.template)
    console.talk.say(f"{counted(count, 'template')}, {wrong} with errors")
    return ExitCode.TEMPLATE if wrong else ExitCode.OK


def _check(bench: Workbench, name: str, console: Console) -> bool:
    """Print what is wrong with one template; true when it cannot be used."""
    wrong = False
    try:
        document = document_of(bench, name)
        if document.header.axes or document.header.checks:
            from workbench.service.header_faults import header_faults

            for fault in header_faults(bench, document):
                wrong = _say(fault, console)
        unset = [slot for slot in bench.slots(document, {}) if slot.required and not slot.bound]
        for slot in unset:
            place = f"{document.path}:{slot.line or 1}:{slot.column or 1}"
            console.out.line(f"{place}: note: {slot.name!r} has no default; a run must set it")
        # Only with all its values a template can be tried as a whole.
        prepared = bench.prepare(document, {}, preview=True, complete=not unset)
        for found in prepared.diagnostics:
            if found.severity != "error":
                console.out.line(diagnostic_line(document.path, found))
        if not unset:
            prepared.render()
    except TemplateError as error:
        wrong = _say(error, console)
    return wrong


def _say(error: TemplateError, console: Console) -> bool:
    hint = f" ({error.hint})" if error.hint else ""
    console.out.line(f"{error.place}: error: {error.message}{hint}")
    return True
