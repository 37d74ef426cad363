"""``workbench sessions show``: a session's runs, or one run as it is on disk."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.sessions import opened
from workbench.cli.sessions_list import session_record
from workbench.cli.sessions_select import find_any
from workbench.error import ExitCode, StorageError, UsageError
from workbench.service.empty import why_empty
from workbench.session.missing import lost_prompt, refuse_missing

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.service import Workbench
    from workbench.session.info import RunRecord, Session


def configure(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", default="", help="a session by title or folder, or a run or group by its id")
    parser.option("--exact", action="store_true", help="of a run the very text that the model saw, not its answer")
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    bench = opened(args, console)
    if not args.name:
        raise UsageError("which session or run?", hint="workbench sessions show NAME")
    session, run_ids, group = find_any(bench.store, args.name)
    if run_ids and not group:
        return _show_run(bench, session, run_ids[0], args, console)
    return _show_session(bench, session, run_ids, args.format, console)


def _show_session(bench: Workbench, session: Session, members: list[str], form: str, console: Console) -> int:
    """Its runs, or those of them that are ``members`` of a group."""
    runs = bench.store.runs(session)
    if members:
        runs = [item for item in runs if item.id in set(members)]
    if form == "json":
        console.out.json(session_record(session, runs), indent=2)
    elif runs:
        head = ["RUN", "STATUS", "MODEL", "ENGINE", "TOKENS", "BEGINS"]
        rows = [
            [item.id, item.status, item.model, item.engine, str(item.tokens_out), item.problem or item.first_words]
            for item in runs
        ]
        console.out.table([head, *rows])
    else:
        console.talk.say("This session has no runs.")
    return ExitCode.OK


def _show_run(bench: Workbench, session: Session, name: str, args: argparse.Namespace, console: Console) -> int:
    """The run's text on stdout, exactly; what made it, and its reasoning, on stderr."""
    record = bench.store.open_run(session, name)
    if args.exact:
        prompt = record.request.prompt
        refuse_missing(lost_prompt(record.request))
        if not prompt.model_text:
            console.talk.say("The server applied its own chat template; this is what it was sent.")
        console.out.text(prompt.model_text or prompt.plain)
        console.out.end_line()
        return ExitCode.OK
    for warning in (record.problem, "the text is not the one that was recorded" if record.edited else ""):
        if warning:
            console.talk.error(f"workbench: {name}: {warning}")
    if record.problem and not (record.request.created or record.request.prompt.plain or record.result.text):
        raise StorageError(f"nothing of run {name} can be read", hint=f"Look at {session.dir / 'runs'}.")
    if args.format == "json":
        console.out.json(record_of(record), indent=2)
        return ExitCode.OK
    request, result = record.request, record.result
    engine = f"{request.engine} {request.engine_version}".rstrip()
    console.talk.say(f"{request.template.path} on {request.model.file}, {engine}")
    if result.reasoning:
        console.talk.say(f"-- reasoning --\n{result.reasoning.rstrip()}\n-- answer --")
    console.out.text(result.text)
    console.out.end_line()
    if why := why_empty(result):
        console.talk.say(f"note: {why}")
    console.talk.say(f"{result.status} ({result.finish_reason or 'no reason'}), {result.tokens_out} {result.unit}s")
    return ExitCode.OK


def record_of(record: RunRecord) -> dict[str, Any]:
    """The JSON form of a run: all of its request and result."""
    return {
        "request": {**asdict(record.request), "params": record.request.used_params},
        "result": asdict(record.result),
        "edited": record.edited,
        "problem": record.problem,
        "missing": {place: {"blob": text.blob, "bytes": text.size} for place, text in record.missing.items()},
    }
