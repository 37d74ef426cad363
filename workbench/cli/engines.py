"""``workbench engines``: which engines are here, what each can do, and whether it does it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.arguments import add_models
from workbench.cli.interrupt import Interrupts
from workbench.error import EngineError, ExitCode, WorkbenchError

if TYPE_CHECKING:
    from asyncio import Task

    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.engine import LoadSpec
    from workbench.engine.shelf import ModelEntry
    from workbench.service import Workbench

# Loading a model to ask an engine about itself should not fill the machine.
LARGEST_PROBE = 1_000_000_000
PREFIX = "server:"
_MARK = {True: "ok ", False: "BAD", None: "-  "}


def configure(parser: Parser) -> None:
    parser.option("--self-test", action="store_true", help="short runs that show whether each engine keeps its word")
    parser.option("--model", metavar="NAME", default="", help="model to load (else: the smallest that runs)")
    parser.option("--engine", metavar="NAME", default="", help="only this engine; server: all servers")
    add_models(parser)
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    import asyncio

    with Interrupts() as interrupts:
        return asyncio.run(_main(args, console, interrupts))


async def _main(args: argparse.Namespace, console: Console, interrupts: Interrupts) -> int:
    import asyncio

    from workbench.service import open_workbench

    work = asyncio.current_task()
    assert work is not None
    interrupts.listen_in_loop(partial(cancel_task, work))
    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    records: list[dict[str, Any]] = []
    try:
        for name in _names(args.engine, [server.name for server in bench.config.servers]):
            if args.self_test:
                console.talk.say(f"asking {name} ...")
            records.append(await _record(bench, name, args.model, self_test=args.self_test, asked=bool(args.engine)))
    except asyncio.CancelledError:
        return ExitCode.CANCELLED
    finally:
        await bench.close()
    if args.format == "json":
        console.out.json({"engines": records}, indent=2)
    else:
        _show(records, console)
    checks = [check for record in records for check in record["checks"]]
    return ExitCode.DIFFERS if any(check["passed"] is False for check in checks) else ExitCode.OK


def cancel_task(work: Task[Any]) -> None:
    work.cancel()


def _names(asked: str, servers: Sequence[str]) -> Sequence[str]:
    """Which engines to speak of; a server is asked only when it is named. Raises UsageError."""
    from workbench.cli.arguments import near
    from workbench.engine import ENGINES
    from workbench.error import UsageError

    named = [PREFIX + name for name in servers]
    known = (*ENGINES, *named)
    if asked == "server":
        if not named:
            raise UsageError(
                "no server is configured", hint="Name one in config.toml: [[server]]; see docs/servers.md."
            )
        return named
    if asked and asked not in known:
        raise UsageError(f"there is no engine {asked!r}", hint=near(asked, known) or f"Engines: {', '.join(known)}.")
    return (asked,) if asked else known


async def _record(bench: Workbench, name: str, model: str, *, self_test: bool, asked: bool) -> dict[str, Any]:
    """All that is known of one engine, as plain values."""
    import asyncio

    from workbench.engine import EngineProcess, engine_version
    from workbench.engine.selftest import self_test as checks_of

    record: dict[str, Any] = {"name": name, "version": engine_version(name.partition(":")[0]), "model": "", "note": ""}
    record |= {"device": "", "threads": 0, "capabilities": {}, "checks": []}
    if record["version"] is None:
        return {**record, "note": "not installed"}
    if name.startswith(PREFIX) and not asked:
        return {**record, "note": f"a server; 'workbench engines --engine {name}' asks it"}
    try:
        spec, record["model"] = await asyncio.to_thread(_spec, bench, name, model)
    except WorkbenchError as error:
        return {**record, "note": error.message}

    def note(info: Any) -> None:
        record.update(device=info.device, threads=info.threads, capabilities=asdict(info.capabilities))
        record["version"] = record["version"] or info.build

    if self_test:
        record["checks"] = [asdict(check) async for check in checks_of(spec, on_info=note)]
        return record
    try:
        engine = await EngineProcess.launch(spec)
    except EngineError as error:
        return {**record, "note": error.message}
    note(engine.info)
    await engine.close()
    return record


def _spec(bench: Workbench, name: str, model: str) -> tuple[LoadSpec, str]:
    """What to load to ask the engine. Raises ModelError, NoEngine."""
    from workbench.engine import LoadSpec
    from workbench.engine.loadable import load_spec
    from workbench.error import ModelError

    if name == "scripted":
        return LoadSpec("scripted", "", script='{"pieces": ["one ", "two ", "three ", "four "], "repeat": 50}'), ""
    if name.startswith(PREFIX):
        from workbench.engine.server_models import identity_of, require_model

        target, _ = identity_of(require_model(bench.config, f"{name}/{model}" if model else name))
        return LoadSpec("server", "", script=target.dumps()), target.model
    if model:
        entry = bench.find_model(model)
    else:
        able = [item for item in bench.models() if _runs(item, name) and item.header.file_bytes < LARGEST_PROBE]
        if not able:
            raise ModelError("no small model here runs on it: workbench models get smollm2-135m")
        entry = min(able, key=lambda item: item.header.file_bytes)
    spec = load_spec(entry, Path(bench.workspace.cache_dir.parent / "models"), engine=name, n_ctx=1024)
    return spec, entry.id


def _runs(entry: ModelEntry, engine: str) -> bool:
    return not entry.header.problem and entry.verdict.of(engine).can


def _show(records: list[dict[str, Any]], console: Console) -> None:
    from dataclasses import fields

    from workbench.event import Capabilities

    rows = [["", *(record["name"] for record in records)]]
    for key in ("version", "device", "threads", "model"):
        rows.append([key, *(_cell(record[key]) for record in records)])
    for item in fields(Capabilities):
        if item.name == "ignored_params":
            continue
        name = item.name.replace("_", " ")
        rows.append([name, *(_cell(record["capabilities"].get(item.name)) for record in records)])
    console.out.table(rows)
    for record in records:
        ignored = record["capabilities"].get("ignored_params")
        if ignored:
            # Too long for a column.
            console.out.line(f"{record['name']} has no {', '.join(ignored)}")
        if record["note"]:
            console.talk.say(f"{record['name']}: {record['note']}")
        for check in record["checks"]:
            line = f"{_MARK[check['passed']]}  {record['name']}: {check['name']}: {check['detail']} ({check['ms']} ms)"
            console.out.line(line)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return str(value) if value else "-"
