"""``workbench models``: which model files are here, what runs them and why, and how to get one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from workbench.cli.arguments import add_models, near
from workbench.cli.interrupt import Interrupts
from workbench.cli.out import human_bytes
from workbench.error import ExitCode, ModelError, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.engine.shelf import ModelEntry
    from workbench.service import Workbench

_ACTIONS = ("list", "get", "inspect")
_PHASES = {
    "wait": "waiting for another fetch of",
    "download": "fetching",
    "verify": "checking",
    "done": "fetched",
}
_LONG = ("tokenizer.chat_template",)


def configure(parser: Parser) -> None:
    parser.add_argument("action", nargs="?", choices=_ACTIONS, default="list", help="default: list")
    parser.add_argument("name", nargs="?", default="", help="catalog id for get, file or id for inspect")
    add_models(parser)
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")
    parser.option("--accept-terms", action="store_true", help="get: the model's own licence terms are accepted")
    parser.option("--if-missing", action="store_true", help="get: nothing to do when any usable model is here")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    if args.action == "get":
        return _get(bench, args, console)
    if args.action == "inspect":
        return _inspect(bench, args, console)
    if args.name:
        raise UsageError(f"'models list' takes no name, {args.name!r} was given", hint="Try 'models inspect NAME'.")
    return _list(bench, args, console)


def _list(bench: Workbench, args: argparse.Namespace, console: Console) -> int:
    from workbench.engine.memory import free_memory

    entries = bench.models()
    free = free_memory()
    if args.format == "json":
        console.out.json({"free_bytes": free, "models": [entry_record(entry) for entry in entries]}, indent=2)
        return ExitCode.OK
    if entries:
        head = ["NAME", "ARCH", "SIZE", "QUANT", "CONTEXT", "NEEDS", "ENGINE", "WHY"]
        console.out.table([head, *(_row(entry) for entry in entries)])
        console.talk.say(f"{human_bytes(free)} of memory are free")
        return ExitCode.OK
    folders = ", ".join(str(folder) for folder in bench.model_folders)
    console.talk.say(f"There is no model in {folders}.")
    console.talk.say("'workbench models get smollm2-135m' fetches a small one (98 MB).")
    return ExitCode.OK


def _row(entry: ModelEntry) -> list[str]:
    header = entry.header
    size = human_bytes(header.file_bytes)
    if not entry.engine:
        return [entry.id, header.arch or "-", size, header.quant or "-", "-", "-", "none", entry.problem]
    needs = human_bytes(entry.estimate.total)
    context = str(header.n_ctx_train or "-")
    return [entry.id, header.arch, size, header.quant, context, needs, entry.engine, _reason(entry)]


def _reason(entry: ModelEntry) -> str:
    """Why the engine that will run the file, or why none."""
    best = entry.verdict.best
    return best.reason if best is not None and not entry.problem else entry.problem


def _get(bench: Workbench, args: argparse.Namespace, console: Console) -> int:
    from workbench.engine.catalog import CATALOG
    from workbench.engine.download import FetchProgress, fetch
    from workbench.workspace import user_data_dir

    known = ", ".join(CATALOG)
    if not args.name:
        raise UsageError("which model?", hint=f"workbench models get NAME; there are: {known}")
    entry = CATALOG.get(args.name)
    if entry is None:
        hint = near(args.name, CATALOG) or f"There are: {known}"
        raise UsageError(f"no model {args.name!r} is known to fetch", hint=hint)
    folder = Path(args.model_dirs[0]) if args.model_dirs else user_data_dir() / "models"
    if args.if_missing and _already_here(bench, console):
        return ExitCode.OK

    shown: set[str] = set()

    def progress(state: FetchProgress) -> None:
        if state.phase == "download" and not shown:
            shown.add(state.phase)
            console.talk.say(f"Fetching {args.name} ({human_bytes(state.total)}) into {folder}")
        console.talk.bar(f"{_PHASES[state.phase]} {args.name}", state.done, state.total)

    cancel = Event()
    with Interrupts() as interrupts:
        interrupts.listen(cancel.set)
        path = fetch(entry, folder, on_progress=progress, accept_terms=args.accept_terms, cancel=cancel)
    console.talk.clear_bar()
    console.out.line(str(path))
    return ExitCode.OK


def _already_here(bench: Workbench, console: Console) -> bool:
    usable = [entry for entry in bench.models() if entry.engine]
    if usable:
        console.talk.say(f"There is a model already: {usable[0].path}")
    return bool(usable)


def _inspect(bench: Workbench, args: argparse.Namespace, console: Console) -> int:
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


def entry_record(entry: ModelEntry, *, whole: bool = False) -> dict[str, Any]:
    """The JSON form of a model; ``whole`` adds everything the header says. The keys are stable."""
    header = entry.header
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
        "engine": entry.engine or "none",
        "reason": _reason(entry),
        "engines": [asdict(choice) for choice in entry.verdict.choices],
    }
    if whole:
        for item in fields(header):
            value = getattr(header, item.name)
            if item.name not in record and not item.name.endswith("_offset"):
                record[item.name] = dict(value) if isinstance(value, Mapping) else value
    return record
