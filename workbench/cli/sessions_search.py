"""``workbench sessions search``: runs by their words and by field words, newest first."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.sessions import opened
from workbench.error import ExitCode, StorageError, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.session.index import Hit


def configure(parser: Parser) -> None:
    parser.add_argument("query", metavar="QUERY", nargs="*", help="words and field words")
    parser.option("--limit", metavar="N", type=int, default=50, help="at most so many runs (default: 50)")
    parser.option("--order", choices=("newest", "best"), default="newest", help="default: newest")
    parser.option("--format", choices=("text", "json", "jsonl"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.session.index import SessionIndex

    if args.limit < 1:
        raise UsageError(f"--limit takes a number from 1, not {args.limit}")
    bench = opened(args, console)
    index = SessionIndex(bench.workspace, store=bench.store)
    try:
        try:
            index.refresh(progress=lambda done, total: console.talk.bar("indexing", done, total))
        except StorageError as error:
            console.talk.say(str(error))
        console.talk.clear_bar()
        hits = index.search(" ".join(args.query), limit=min(args.limit, sys.maxsize), order=args.order)
    finally:
        index.close()
    if args.format == "json":
        console.out.json([hit_record(hit) for hit in hits], indent=2)
    elif args.format == "jsonl":
        for hit in hits:
            console.out.json(hit_record(hit))
    elif hits:
        console.out.table([["CREATED (UTC)", "RUN", "MODEL", "TOKENS", "RATED", "TITLE", "TEXT"], *map(_row, hits)])
    else:
        console.talk.say("Nothing is found.")
    return ExitCode.OK


def _row(hit: Hit) -> list[str]:
    rated = ("*" if hit.star else "") + (str(hit.rating) if hit.rating else "")
    text = hit.problem or hit.snippet.text or hit.first_words
    when = hit.created[:16].replace("T", " ")
    return [when, hit.run_id or "-", hit.model or "-", str(hit.tokens_out), rated or "-", hit.title, text]


def hit_record(hit: Hit) -> dict[str, Any]:
    """The JSON form of a hit; the keys are stable. ``spans`` are matches in the snippet's text, start and end."""
    record = asdict(hit)
    folder = record.pop("dir")
    return {"session": folder.name, **record, "tokens_per_second": round(hit.tokens_per_second, 2)}
