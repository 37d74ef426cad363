"""``workbench sessions export``: runs in a form for other programs and other people."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.cli.sessions import opened
from workbench.cli.sessions_select import find_any
from workbench.error import ExitCode, UsageError
from workbench.textio import DISK, storage_error, write_all

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.service import Workbench
    from workbench.session.export import ExportOptions
    from workbench.session.info import Session

FORMATS = ("markdown", "json", "jsonl", "csv", "html", "cast", "chat", "pairs")


def configure(parser: Parser) -> None:
    parser.add_argument(
        "name", metavar="NAME", nargs="*", help="a session by title, folder or id, or a run or group by its id"
    )
    parser.option("--format", choices=FORMATS, default="markdown", help="default: markdown")
    parser.option("--output", metavar="FILE", default="", help="write to FILE instead of stdout")
    parser.option("--force", action="store_true", help="replace FILE if it exists")
    parser.option("--all", action="store_true", help="all sessions")
    parser.option("--rated", metavar="N", type=int, default=0, help="only runs rated N or better")
    parser.option("--query", metavar="TEXT", default="", help="only runs that a search finds")
    parser.option("--events", action="store_true", help="json, jsonl: with every piece and its time")
    parser.option("--raw", action="store_true", help="csv: no guard against formulas")
    parser.option(
        "--idle", metavar="SECONDS", type=float, default=0.0, help="cast: cut waits to this; default: true timing"
    )
    parser.option("--min-rating", metavar="N", type=int, default=4, help="chat: runs rated N or better; default: 4")


def run(args: argparse.Namespace, console: Console) -> int:
    """Raises UsageError, StorageError."""
    from workbench.session.export import export
    from workbench.session.export.select import select

    if not (args.name or args.all or args.rated or args.query):
        raise UsageError(
            "which session or run?", hint="workbench sessions export NAME, or --all, --rated N, --query TEXT"
        )
    target = Path(args.output) if args.output else None
    if target is not None and target.exists() and not args.force:
        raise UsageError(f"{args.output} exists and is not replaced", hint="Say --force, or choose another name.")
    bench = opened(args, console)
    sources = [source for name in args.name for source in _sources(bench, name)]
    runs = select(bench.store, sources or None, rated=args.rated, query=args.query)
    parts = export(runs, args.format, _options(args, bench, console))
    if target is None:
        for part in parts:
            console.out.text(part)
        console.out.end_line()
    else:
        write_file(target, parts, replace=args.force)
        console.talk.say(f"written: {args.output}")
    return ExitCode.OK


def _sources(bench: Workbench, name: str) -> list[tuple[Session, str]]:
    """A session, a run, or the runs of a group. Raises UsageError."""
    session, run_ids, _ = find_any(bench.store, name)
    return [(session, run_id) for run_id in run_ids or [""]]


def _options(args: argparse.Namespace, bench: Workbench, console: Console) -> ExportOptions:
    from workbench.session.export import ExportOptions

    servers = bench.config.servers
    names = {name for server in servers for name in (server.key_env, *(variable for _, variable in server.headers))}
    return ExportOptions(
        events=args.events,
        raw=args.raw,
        min_rating=args.min_rating,
        idle=args.idle,
        secrets=tuple(os.environ[name] for name in names if name in os.environ),
        note=console.talk.say,
    )


def write_file(target: Path, parts: Iterator[str], *, replace: bool) -> None:
    """All of it under the name, or nothing. Raises UsageError when the name is taken meanwhile, StorageError."""
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        fd = DISK.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            for part in parts:
                write_all(fd, part.encode("utf-8", "replace"))
            DISK.fsync(fd)
        finally:
            DISK.close(fd)
        _put(temporary, target, replace=replace)
    except FileExistsError:
        raise UsageError(f"{target} exists and is not replaced", hint="Say --force, or choose another name.") from None
    except OSError as error:
        raise storage_error("write", target, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _put(temporary: Path, target: Path, *, replace: bool) -> None:
    if not replace:
        try:
            # Unlike a renaming, a link never replaces what came meanwhile.
            os.link(temporary, target)
        except FileExistsError:
            raise
        except OSError:
            # A file system without links: looked at before, that must do.
            if target.exists():
                raise FileExistsError(target) from None
        else:
            return
    DISK.replace(temporary, target)
