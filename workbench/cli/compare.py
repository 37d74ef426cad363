"""``workbench compare``: what differs between runs: the inputs first, then the texts, then the numbers.

Colour only repeats what signs say: ``-`` and ``+`` before lines, ``[-…-]`` and ``{+…+}`` around words.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.cli.compare_text import markdown, page, text_lines
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.compare.changed import Change, Delta
    from workbench.compare.diff import Part
    from workbench.compare.nway import NWay
    from workbench.session.info import RunRecord


@dataclass(frozen=True)
class Comparison:
    """One run against the first one."""

    left: str
    right: str
    changes: list[Change]
    parts: list[Part]
    unit: str
    similarity: float
    deltas: list[Delta]


def configure(parser: Parser) -> None:
    parser.add_argument(
        "runs",
        metavar="RUN",
        nargs="+",
        help="two or more runs, each by its id or a unique beginning of it; the first is the baseline",
    )
    parser.option(
        "--by", choices=("word", "line"), default=None, help="unit of the diff (else: line for code, word else)"
    )
    parser.option("--format", choices=("text", "json", "md", "html"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.cli.sessions import opened
    from workbench.cli.sessions_select import find_run

    if len(args.runs) < 2:
        raise UsageError("comparing takes two runs", hint="workbench compare RUN RUN; see 'workbench sessions list'.")
    store = opened(args, console).store
    found = [find_run(store, name) for name in args.runs]
    records = [store.open_run(session, run_id) for session, run_id in found]
    # In the output each run has its whole id, however little of it was typed.
    args.runs = [run_id for _, run_id in found]
    for name, record in zip(args.runs, records, strict=True):
        if record.result.status != "finished":
            console.talk.say(f"{name} is {record.result.status}: compared is the text that there is")
    compared = [
        _compared(args.runs[0], records[0], name, record, args.by)
        for name, record in zip(args.runs[1:], records[1:], strict=True)
    ]
    row = _row(records) if len(records) > 2 else None
    match args.format:
        case "json":
            console.out.json(_data(compared, row), indent=2)
        case "md":
            console.out.text(markdown(compared, row, args.runs))
        case "html":
            console.out.text(page(compared, row, args.runs))
        case _:
            for line, colour in text_lines(compared, row, args.runs):
                if colour and console.out.tty:
                    console.out.heading(line, colour=colour)
                else:
                    console.out.line(line)
    same = all(record.result.text == records[0].result.text for record in records)
    return ExitCode.OK if same else ExitCode.DIFFERS


def _compared(left: str, one: RunRecord, right: str, other: RunRecord, unit: str | None) -> Comparison:
    from workbench.compare.changed import changed_inputs, deltas
    from workbench.compare.diff import choose_unit, line_diff, word_diff
    from workbench.compare.similarity import similarity_of

    a, b = one.result.text, other.result.text
    by_word = word_diff(a, b)
    chosen = unit or choose_unit(a, b)
    return Comparison(
        left=left,
        right=right,
        changes=changed_inputs(one.request, other.request),
        parts=line_diff(a, b) if chosen == "line" else by_word,
        unit=chosen,
        similarity=similarity_of(by_word),
        deltas=deltas(one.result, other.result),
    )


def _row(records: list[RunRecord]) -> NWay:
    from workbench.compare.nway import nway

    return nway([record.result.text for record in records], baseline=0)


def _data(compared: list[Comparison], row: NWay | None) -> dict[str, Any]:
    data: dict[str, Any] = {"comparisons": [asdict(item) for item in compared]}
    for item in data["comparisons"]:
        item["same"] = all(part["kind"] == "same" for part in item["parts"])
    if row is not None:
        data["row"] = asdict(row)
    return data
