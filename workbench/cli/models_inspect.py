"""``workbench models inspect``: all that a model file says of itself, and what each engine makes of it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from workbench.cli.arguments import add_models
from workbench.cli.models_list import entry_record
from workbench.error import ExitCode, ModelError, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


def configure(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", default="", help="model by id or path")
    add_models(parser)
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    if not args.name:
        raise UsageError("which model?", hint="workbench models inspect FILE")
    record = entry_record(bench.find_model(args.name), whole=True)
    if args.format == "json":
        console.out.json(record, indent=2)
    else:
        rows = [[key, _cell(value)] for key, value in record.items() if key not in ("engines", "chat_template")]
        console.out.table(rows)
        for choice in record["engines"]:
            copy = f" (through a copy named {choice['needs_copy']!r})" if choice["needs_copy"] else ""
            console.out.line(f"{choice['engine']}: {'yes' if choice['can'] else 'no'}{copy}: {choice['reason']}")
        if record.get("chat_template"):
            console.out.line(f"chat template:\n{record['chat_template']}")
    if record["problem"]:
        raise ModelError(f"{args.name} cannot be used: {record['problem']}", hint="Fetch or convert it again.")
    return ExitCode.OK


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "-"
    return str(value) if value not in ("", None) else "-"
