"""``workbench sessions rerun``: a saved run again, with what is named changed.

stdout has, for each new run, what differs in the inputs, both texts as one word diff, and the figures. The new runs are
saved in the same session with their parent.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli.arguments import add_models, params_of, variables_of
from workbench.cli.compare_text import inline
from workbench.cli.interrupt import Interrupts
from workbench.cli.run import _stream
from workbench.cli.sessions_select import find_run
from workbench.cli.stream import Face
from workbench.config import ENGINE_NAMES
from workbench.error import ExitCode, UsageError
from workbench.event import Event
from workbench.session.info import RunRecord

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.service import RunHandle, Workbench
    from workbench.service.rerun import Comparison
    from workbench.template.document import TemplateDocument

_WIDE = 40
_VERSION = re.compile(r"[0-9a-f]{4,64}")


def configure(parser: Parser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run by its id")
    parser.option("--model", metavar="M", default="", help="another model, by name or path")
    parser.option("--engine", choices=ENGINE_NAMES, default="", help="another engine")
    parser.option("--template", metavar="T", default="", help="another template, or the hash of a version of this one")
    parser.option(
        "--set", metavar="K=V", action="append", default=[], dest="values", help="value of a slot (repeatable)"
    )
    parser.option(
        "--set-file", metavar="K=PATH", action="append", default=[], dest="files", help="a file's text as the value"
    )
    parser.option(
        "--param", metavar="K=V", action="append", default=[], dest="params", help="sampling parameter (repeatable)"
    )
    parser.option("--seed", metavar="N", help="the same as --param seed=N; with --n the first of the seeds")
    parser.option("--n", metavar="N", default="1", help="how many runs, with seeds one after another; default: 1")
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")
    parser.option("--no-save", action="store_false", dest="save", help="leave nothing on disk")
    add_models(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    params, variables = params_of(args), variables_of(args)
    if not args.n.isdecimal() or not 1 <= int(args.n) <= 1000:
        raise UsageError(f"--n takes a number from 1 to 1000, not {args.n!r}")
    from workbench.service import open_workbench
    from workbench.service.rerun import Changes, rerun, seed_list

    bench = open_workbench(args.workspace, model_dirs=args.model_dirs)
    session, run_id = find_run(bench.store, args.run)
    record = bench.store.open_run(session, run_id)
    seed = params.pop("seed", None)
    seeds = seed_list(record, int(args.n), seed)
    template = _template(bench, record, args.template) if args.template else None
    changes = Changes(template, variables, args.model, args.engine, params, seeds)
    handles = rerun(bench, session, record, changes, save=args.save)
    with Interrupts() as interrupts:
        code, results = asyncio.run(_all(bench, handles, record, args.format, console, interrupts))
    if args.format == "json":
        console.out.json(results, indent=2)
    return code


def _template(bench: Workbench, record: RunRecord, name: str) -> TemplateDocument:
    """A version that was run, by its hash, else a template by name. Raises UsageError, TemplateError."""
    from workbench.service.history import find_version
    from workbench.template.document import parse_document

    path = record.request.template.path
    if _VERSION.fullmatch(name):
        return parse_document(find_version(bench.store, path, name).source, path=path)
    return bench.load_template(name)


async def _all(
    bench: Workbench,
    handles: list[RunHandle],
    record: RunRecord,
    form: str,
    console: Console,
    interrupts: Interrupts,
) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of the first run that did not end well, and the JSON form of each."""
    results: list[dict[str, Any]] = []
    try:
        for number, handle in enumerate(handles, 1):
            if len(handles) > 1:
                console.talk.say(f"run {number} of {len(handles)}")
            face = _Beside(console, bench, record, form)
            code = await _stream(handle, face, interrupts)
            results.append(face.json)
            if code != ExitCode.OK:
                return code, results
    finally:
        await bench.close()
    return ExitCode.OK, results


class _Beside(Face):
    """Shows a run beside the one it repeats, at its end."""

    def __init__(self, console: Console, bench: Workbench, before: RunRecord, form: str) -> None:
        super().__init__(console, bench)
        self._before, self._form = before, form
        self.json: dict[str, Any] = {}

    def data(self, event: Event, handle: RunHandle) -> None:
        """Nothing before the end."""

    def close_data(self, handle: RunHandle) -> None:
        from workbench.service.rerun import compare_runs

        if handle.request is None or handle.result is None:
            return
        after = RunRecord(handle.request, handle.result)
        if self.saved(handle) and handle.session is not None:
            # With what the engine really used.
            after = self._bench.store.open_run(handle.session, handle.run_id)
        found = compare_runs(self._before, after)
        self.json = comparison_record(after, found)
        if self._form == "text":
            _show(found, after, self._console)


def _show(found: Comparison, after: RunRecord, console: Console) -> None:
    out = console.out
    out.heading(f"run {after.request.id}", colour=36)
    if found.inputs:
        rows = [[item.name, _short(item.before), _short(item.after)] for item in found.inputs]
        out.table([["CHANGED", "BEFORE", "AFTER"], *rows])
    else:
        out.line("nothing changed in the inputs")
    out.line("")
    out.text(inline(found.parts))
    out.line("\n" if after.result.text and not after.result.text.endswith("\n") else "")
    figures = [
        [f"{item.name} ({item.unit})", f"{item.before:g}", f"{item.after:g}", f"{item.change:+g}"]
        for item in found.deltas
    ]
    out.table([["FIGURE", "BEFORE", "AFTER", "CHANGE"], *figures])


def _short(text: str) -> str:
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"


def comparison_record(after: RunRecord, found: Comparison) -> dict[str, Any]:
    """The JSON form; the keys are stable."""
    return {
        "run": after.request.id,
        "parent": after.request.parent,
        "changed": list(after.request.changed),
        "inputs": [asdict(item) for item in found.inputs],
        "diff": [asdict(part) for part in found.parts],
        "deltas": [asdict(delta) | {"change": delta.change} for delta in found.deltas],
        "status": after.result.status,
        "text": after.result.text,
    }
