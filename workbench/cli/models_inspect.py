"""``workbench models inspect``: all that a model file says of itself, and what each engine makes of it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.arguments import add_models
from workbench.cli.models_list import entry_record
from workbench.error import ExitCode, ModelError, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.engine.shelf import ModelEntry


_APART = ("engines", "chat_template", "memory")  # shown below the table


def configure(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", default="", help="model by id or path")
    add_models(parser)
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    if not args.name:
        raise UsageError("which model?", hint="workbench models inspect FILE")
    entry = bench.find_model(args.name)
    record = {**entry_record(entry, whole=True), "memory": _memory(entry)}
    if args.format == "json":
        console.out.json(record, indent=2)
    else:
        rows = [
            [key, _cell(value)] for key, value in record.items() if key not in ("engines", "chat_template", "memory")
        ]
        console.out.table(rows)
        for line in _memory_lines(record["memory"]):
            console.out.line(line)
        for choice in record["engines"]:
            copy = f" (through a copy named {choice['needs_copy']!r})" if choice["needs_copy"] else ""
            console.out.line(f"{choice['engine']}: {'yes' if choice['can'] else 'no'}{copy}: {choice['reason']}")
        if record.get("chat_template"):
            console.out.line(f"chat template:\n{record['chat_template']}")
    if record["problem"]:
        raise ModelError(f"{args.name} cannot be used: {record['problem']}", hint="Fetch or convert it again.")
    return ExitCode.OK


def _memory(entry: ModelEntry) -> dict[str, Any]:
    """What each engine that runs it will take, by context, and what it took when it last ran here. Bytes."""
    from workbench.engine.measured import measured_memory
    from workbench.engine.memory import automatic_context, estimate, free_memory

    if entry.header.problem:
        return {}
    contexts = sorted(
        {min(size, entry.header.n_ctx_train or size) for size in (automatic_context(entry.header), 32768)}
    )
    estimates = [
        {"engine": choice.engine, "n_ctx": n_ctx, "cache_type": kind, "bytes": need.total, "peak_bytes": need.peak}
        for choice in entry.verdict.choices
        if choice.can
        for n_ctx in contexts
        for kind in ("f16", "q8_0")
        if choice.engine == "llamacpp" or kind == "f16"
        for need in (estimate(entry.header, choice.engine, n_ctx, cache_type=kind),)
    ]
    measured = [
        {**asdict(item), "bytes": need.total, "peak_bytes": need.peak}
        for item in measured_memory(entry.path)
        for need in (estimate(entry.header, item.engine, item.n_ctx),)
    ]
    return {"free": free_memory(), "estimates": estimates, "measured": measured}


def _memory_lines(memory: dict[str, Any]) -> list[str]:
    from workbench.engine.memory import size_text

    if not memory:
        return []
    rows = {(row["engine"], row["n_ctx"], row["cache_type"]): row for row in memory["estimates"]}
    measured = {(item["engine"], item["n_ctx"], "f16"): item for item in memory["measured"]}
    lines = []
    for key, row in {**rows, **measured}.items():
        engine, n_ctx, cache = key
        size = size_text(row["bytes"])
        if row["peak_bytes"] > row["bytes"]:
            size += f" (up to {size_text(row['peak_bytes'])} with earlier prompts kept)"
        beside = f", measured {size_text(found['rss'])}" if (found := measured.get(key)) else ""
        lines.append(f"memory: {engine}, context {n_ctx}, cache {cache}: estimate {size}{beside}")
    return lines


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "-"
    return str(value) if value not in ("", None) else "-"
