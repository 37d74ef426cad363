"""``workbench render``: the prompt that a template gives, without a model."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.arguments import add_template, document_of, variables_of
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.template.document import TemplateDocument
    from workbench.template.render import Rendered


def configure(parser: Parser) -> None:
    add_template(parser)
    parser.option("--format", choices=("text", "json", "jsonl"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    variables = variables_of(args)
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace)
    document = document_of(bench, args.template)
    try:
        rendered = bench.render(document, variables)
    finally:
        bench.renderer.close()
    for warning in rendered.warnings:
        console.talk.say(diagnostic_line(document.path, warning))
    if args.format == "text":
        console.out.text(rendered.prompt.plain)
        console.out.end_line()
    else:
        console.out.json(as_record(document, rendered), indent=2 if args.format == "json" else None)
    return ExitCode.OK


def as_record(document: TemplateDocument, rendered: Rendered) -> dict[str, Any]:
    """The JSON form of a rendered prompt; the keys are stable."""
    prompt = rendered.prompt
    record: dict[str, Any] = {"template": document.path, "form": prompt.form}
    if prompt.form == "text":
        record["text"] = prompt.text
    else:
        record["messages"] = [asdict(message) for message in prompt.messages]
    record["sha256"] = prompt.sha256
    return record


def diagnostic_line(path: str, diagnostic: Any) -> str:
    """``file:line:col: severity: message (hint)``."""
    severity = getattr(diagnostic, "severity", "warning")
    text = f"{path}:{diagnostic.line}:{diagnostic.column}: {severity}: {diagnostic.message}"
    return f"{text} ({diagnostic.hint})" if getattr(diagnostic, "hint", "") else text
