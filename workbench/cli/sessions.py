"""``workbench sessions``: what was saved, newest first, and one run as it is on disk."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.arguments import near
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.service import Workbench
    from workbench.session.info import RunInfo, RunRecord, Session


def configure(parser: Parser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "show"), default="list", help="default: list")
    parser.add_argument("name", nargs="?", default="", help="show: a session by title or folder, or a run by its id")
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    """Runs whose process died are closed first, so that what is shown is how things are."""
    from workbench.service import open_workbench

    bench = open_workbench(args.workspace)
    recovered = bench.store.recover() if bench.workspace.writable else []
    if recovered:
        console.talk.say(f"interrupted runs found and closed: {', '.join(recovered)}")
    if args.action == "list":
        if args.name:
            raise UsageError(f"'sessions list' takes no name, {args.name!r} was given", hint="Try 'sessions show'.")
        return _list(bench, args.format, console)
    if not args.name:
        raise UsageError("which session or run?", hint="workbench sessions show NAME")
    for session in bench.store.list_sessions():
        if args.name in (session.title, session.dir.name, session.id):
            return _show_session(bench, session, args.format, console)
    return _show_run(bench, args.name, args.format, console)


def _list(bench: Workbench, form: str, console: Console) -> int:
    sessions = bench.store.list_sessions()
    if form == "json":
        console.out.json([session_record(item, bench.store.runs(item)) for item in sessions], indent=2)
    elif sessions:
        rows = [
            [item.created[:16].replace("T", " "), _count(item), item.dir.name, item.problem or item.title]
            for item in sessions
        ]
        console.out.table([["CREATED", "RUNS", "FOLDER", "TITLE"], *rows])
    else:
        console.talk.say("Nothing is saved yet. 'workbench run TEMPLATE' saves what it does.")
    return ExitCode.OK


def _count(session: Session) -> str:
    """How many runs, by their files' names: a long list must not read every run."""
    return str(len({path.stem for path in (session.dir / "runs").glob("[!.]*.*l")}))


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


def session_record(session: Session, runs: list[RunInfo]) -> dict[str, Any]:
    """The JSON form of a session; the keys are stable."""
    return {
        "id": session.id,
        "folder": session.dir.name,
        "title": session.title,
        "created": session.created,
        "tags": list(session.tags),
        "note": session.note,
        "problem": session.problem,
        "runs": [{**asdict(item), "path": str(item.path)} for item in runs],
    }


def record_of(record: RunRecord) -> dict[str, Any]:
    """The JSON form of a run: all of its request and result."""
    return {
        "request": asdict(record.request),
        "result": asdict(record.result),
        "edited": record.edited,
        "problem": record.problem,
    }
