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


def configure(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", default="", help="model by id or path")
    add_models(parser)
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.service import open_workbench
    from workbench.service.chat_example import chat_example

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    if not args.name:
        raise UsageError("which model?", hint="workbench models inspect FILE")
    entry = bench.find_model(args.name)
    rendered, fault = chat_example(bench, entry.header)
    record = {**entry_record(entry, whole=True), "memory": _memory(entry)}
    record |= {"chat_example": rendered, "chat_template_problem": fault}
    if args.format == "json":
        console.out.json(record, indent=2)
    else:
        _show(entry, record, console)
    if record["problem"]:
        raise ModelError(
            f"{args.name} cannot be used: {record['problem']}", hint="`workbench models` lists what can be used."
        )
    return ExitCode.OK


def _show(entry: ModelEntry, record: dict[str, Any], console: Console) -> None:
    from workbench.engine.header_rows import header_rows
    from workbench.engine.memory import size_text

    line, header = console.out.line, entry.header
    said = ("id", "path", "problem", "engine", "reason")
    rows = [(key, str(record[key])) for key in said if record[key]]
    console.out.table([list(row) for row in [*rows, ("size", size_text(header.file_bytes)), *header_rows(header)]])
    for text in _memory_lines(record["memory"]):
        line(text)
    for choice in record["engines"]:
        copy = f" (through a copy named {choice['needs_copy']!r})" if choice["needs_copy"] else ""
        line(f"{choice['engine']}: {'yes' if choice['can'] else 'no'}{copy}: {choice['reason']}")
    if fault := record["chat_template_problem"]:
        line(f"but: {fault}")
    if record["chat_example"]:
        line(f"-- chat template, as it renders --\n{record['chat_example']}")
    if header.chat_template:
        line(f"-- chat template --\n{header.chat_template}")
    elif not header.problem:
        line("The file has no chat template: a base model, for raw prompts.")


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
        for need in (estimate(entry.header, item.engine, item.n_ctx, cache_type=item.cache_type),)
    ]
    return {"free": free_memory(), "estimates": estimates, "measured": measured}


def _memory_lines(memory: dict[str, Any]) -> list[str]:
    from workbench.engine.memory import size_text

    if not memory:
        return []
    rows = {(row["engine"], row["n_ctx"], row["cache_type"]): row for row in memory["estimates"]}
    measured = {(item["engine"], item["n_ctx"], item["cache_type"]): item for item in memory["measured"]}
    lines = []
    for key, row in {**rows, **measured}.items():
        engine, n_ctx, cache = key
        size = size_text(row["bytes"])
        if row["peak_bytes"] > row["bytes"]:
            size += f" (up to {size_text(row['peak_bytes'])} with earlier prompts kept)"
        beside = f", measured {size_text(found['rss'])}" if (found := measured.get(key)) else ""
        lines.append(f"memory: {engine}, context {n_ctx}, cache {cache}: estimate {size}{beside}")
    return lines
