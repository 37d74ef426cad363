"""``workbench sessions show``: a session's runs, or one run as it is on disk."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.arguments import near
from workbench.cli.sessions import opened
from workbench.cli.sessions_list import session_record
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.service import Workbench
    from workbench.session.info import RunRecord, Session


def configure(parser: Parser) -> None:
    parser.add_argument("name", nargs="?", default="", help="a session by title or folder, or a run by its id")
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    bench = opened(args, console)
    if not args.name:
        raise UsageError("which session or run?", hint="workbench sessions show NAME")
    for session in bench.store.list_sessions():
        if args.name in (session.title, session.dir.name, session.id):
            return _show_session(bench, session, args.format, console)
    return _show_run(bench, args.name, args.format, console)


def _show_session(bench: Workbench, session: Session, form: str, console: Console) -> int:
    runs = bench.store.runs(session)
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


def _show_run(bench: Workbench, name: str, form: str, console: Console) -> int:
    """The run's text on stdout, exactly; what made it on stderr. Raises UsageError with a near match."""
    try:
        record = bench.store.open_run(bench.store.find_run(name), name)
    except UsageError:
        titles = [session.title for session in bench.store.list_sessions()]
        hint = near(name, titles) or "'workbench sessions list' shows what there is."
        raise UsageError(f"there is no session or run {name!r}", hint=hint) from None
    for warning in (record.problem, "the text is not the one that was recorded" if record.edited else ""):
        if warning:
            console.talk.error(f"workbench: {name}: {warning}")
    if form == "json":
        console.out.json(record_of(record), indent=2)
        return ExitCode.OK
    request, result = record.request, record.result
    console.talk.say(f"{request.template.path} on {request.model.file}, {request.engine} {request.engine_version}")
    console.out.text(result.text)
    console.out.end_line()
    console.talk.say(f"{result.status} ({result.finish_reason or 'no reason'}), {result.tokens_out} {result.unit}s")
    return ExitCode.OK


def record_of(record: RunRecord) -> dict[str, Any]:
    """The JSON form of a run: all of its request and result."""
    return {
        "request": asdict(record.request),
        "result": asdict(record.result),
        "edited": record.edited,
        "problem": record.problem,
    }
