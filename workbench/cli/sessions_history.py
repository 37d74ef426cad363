"""``workbench sessions history``: the versions of a template that were ever run, what changed, and any of them back.

With a run's id instead of a template it prints what came of that run: its reruns and verifications, as a tree.
"""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.error import ExitCode, TemplateError, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.service.lineage import LineageNode
    from workbench.session.store import SessionStore


def configure(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="a template by name or path, or a run by its id")
    parser.option("--diff", metavar="A..B", default="", help="what changed between two versions, by their hashes")
    parser.option("--restore", metavar="SHA", default="", help="print the source of a version")
    parser.option("--to", metavar="FILE", default="", help="with --restore: write it to a new file instead")
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    from workbench.service import open_workbench
    from workbench.service.history import versions
    from workbench.session.ids import is_ulid

    if args.to and not args.restore:
        raise UsageError("--to needs --restore", hint="workbench sessions history NAME --restore SHA --to FILE")
    bench = open_workbench(args.workspace)
    store = bench.store
    if is_ulid(args.name.upper()):
        return _tree(store, args.name.upper(), args.format, console)
    if args.diff or args.restore:
        return _source(store, args, console)
    found = versions(store, args.name)
    if not found:
        # A name that is neither a file nor in any run is a slip, and its hint says what there is.
        with contextlib.suppress(TemplateError):
            bench.load_template(args.name)
    if args.format == "json":
        console.out.json([asdict(item) for item in found], indent=2)
    elif found:
        rows = [[item.sha256[:12], item.first_seen[:19], item.last_seen[:19], str(item.runs)] for item in found]
        console.out.table([["VERSION", "FIRST RUN", "LAST RUN", "RUNS"], *rows])
    else:
        console.talk.say(f"The template {args.name!r} was never run.")
    return ExitCode.OK


def _source(store: SessionStore, args: argparse.Namespace, console: Console) -> int:
    from workbench.service.history import find_version, restore_to, version_diff

    if args.restore:
        version = find_version(store, args.name, args.restore)
        if args.to:
            restore_to(version, Path(args.to))
            console.talk.say(f"written to {args.to}")
        else:
            console.out.text(version.source)
            console.out.end_line()
        return ExitCode.OK
    first, dots, second = args.diff.partition("..")
    if not dots:
        raise UsageError(f"--diff takes two hashes as A..B, not {args.diff!r}")
    before, after = (find_version(store, args.name, wanted) for wanted in (first, second))
    signs = {"same": "  ", "left": "- ", "right": "+ "}
    for part in version_diff(before, after):
        for line in part.text.splitlines():
            console.out.line(signs[part.kind] + line)
    return ExitCode.OK


def _tree(store: SessionStore, run_id: str, form: str, console: Console) -> int:
    from workbench.service.lineage import lineage

    root = lineage(store, run_id)
    if root.head is None and not root.children:
        raise UsageError(f"there is no run {run_id!r}", hint="workbench sessions list")
    if form == "json":
        console.out.json(_node(root), indent=2)
        return ExitCode.OK
    for depth, node in root.walk():
        mark = "*" if node.run_id == run_id else " "
        console.out.line(f"{mark} {'  ' * depth}{node.run_id}  {_words(node)}".rstrip())
    return ExitCode.OK


def _words(node: LineageNode) -> str:
    if node.head is None:
        return "(gone)"
    if node.changed:
        return ", ".join(node.changed)
    return "verified" if node.verifies else node.head.template


def _node(node: LineageNode) -> dict[str, object]:
    return {
        "run": node.run_id,
        "changed": list(node.changed),
        "gone": node.head is None,
        "verifies": node.verifies,
        "children": [_node(child) for child in node.children],
    }
