"""``workbench models list``: which model files are here, what runs them and why."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from workbench.cli.arguments import add_models
from workbench.cli.out import human_bytes
from workbench.error import ExitCode

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.engine.server_models import ServerModel
    from workbench.engine.shelf import ModelEntry


def configure(parser: Parser) -> None:
    add_models(parser)
    parser.option("--catalog", metavar="LIST", nargs="?", const="", help="what can be fetched, by LIST or by default")
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.engine.memory import free_memory
    from workbench.engine.server_models import list_server_models
    from workbench.engine.shelf import names_apart
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    if args.catalog is not None:
        return _show_catalog(args, console)
    entries = bench.models()
    servers = list_server_models(bench.config) if bench.config.servers else []
    free = free_memory()
    if args.format == "json":
        models, remote = [entry_record(entry) for entry in entries], [asdict(row) for row in servers]
        console.out.json({"free_bytes": free, "models": models, "servers": remote}, indent=2)
        return ExitCode.OK
    if entries or servers:
        head = ["NAME", "ARCH", "SIZE", "QUANT", "CONTEXT", "NEEDS", "ENGINE", "WHY"]
        names = names_apart(entries)
        rows = [_row(entry, names[entry.path]) for entry in entries]
        console.out.table([head, *rows, *(_server_row(row) for row in servers)])
        console.talk.say(f"{human_bytes(free)} of memory are free")
        return ExitCode.OK
    folders = ", ".join(str(folder) for folder in bench.model_folders)
    console.talk.say(f"There is no model in {folders}.")
    console.talk.say("'workbench models get smollm2-135m' fetches a small one (98 MB).")
    return ExitCode.OK


def _show_catalog(args: argparse.Namespace, console: Console) -> int:
    """What ``models get`` can fetch: the built-in catalog, or a list in GPT4All's format."""
    from workbench.engine.catalog import CATALOG
    from workbench.engine.catalog_file import load_catalog

    if args.catalog:
        rows = [
            {
                "id": item.id,
                "bytes": item.source.bytes,
                "quant": item.quant,
                "sha256": item.source.sha256,
                "url": item.source.url,
                "text": item.description or item.title,
            }
            for item in load_catalog(args.catalog)
        ]
    else:
        rows = [
            {
                "id": item.id,
                "bytes": item.bytes,
                "quant": "",
                "sha256": item.sha256,
                "url": "",
                "text": item.description,
            }
            for item in CATALOG.values()
        ]
    if args.format == "json":
        console.out.json({"catalog": rows}, indent=2)
    elif rows:
        head = ["NAME", "SIZE", "CHECKED BY", "WHAT"]
        console.out.table(
            [
                head,
                *([str(row["id"]), human_bytes(int(str(row["bytes"]))), _check(row), str(row["text"])] for row in rows),
            ]
        )
    return ExitCode.OK


def _check(row: Mapping[str, Any]) -> str:
    return "sha256" if row["sha256"] else "md5"


def _row(entry: ModelEntry, name: str) -> list[str]:
    header = entry.header
    size = human_bytes(header.file_bytes)
    if not entry.engine:
        return [name, header.arch or "-", size, header.quant or "-", "-", "-", "none", entry.problem]
    needs = human_bytes(entry.estimate.total)
    from workbench.engine.loadable import engine_of

    engine, reason = engine_of(entry)
    return [name, header.arch, size, header.quant, str(header.n_ctx_train or "-"), needs, engine, reason]


def _server_row(row: ServerModel) -> list[str]:
    if row.problem:
        return [row.server, "-", "-", "-", "-", "-", "none", f"{row.problem} ({row.url})"]
    return [row.name, "-", "-", "-", str(row.n_ctx or "-"), "-", "server", f"{row.software or 'server'} at {row.url}"]


def entry_record(entry: ModelEntry, *, whole: bool = False) -> dict[str, Any]:
    """The JSON form of a model; ``whole`` adds everything the header says. The keys are stable."""
    from workbench.engine.loadable import engine_of

    header = entry.header
    engine, reason = engine_of(entry)
    record: dict[str, Any] = {
        "id": entry.id,
        "path": str(entry.path),
        "problem": entry.problem,
        "arch": header.arch,
        "name": header.name,
        "quant": header.quant,
        "bytes": header.file_bytes,
        "n_ctx_train": header.n_ctx_train,
        "needs_bytes": entry.estimate.total if entry.engine else None,
        "engine": engine,
        "reason": reason,
        "engines": [asdict(choice) for choice in entry.verdict.choices],
    }
    if whole:
        for item in fields(header):
            value = getattr(header, item.name)
            if item.name not in record and not item.name.endswith("_offset") and not isinstance(value, frozenset):
                record[item.name] = dict(value) if isinstance(value, Mapping) else value
    return record
