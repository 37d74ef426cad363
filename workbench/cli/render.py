"""``workbench render``: the prompt that a template gives, without a model."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from workbench.cli.arguments import add_template, document_of, variables_of
from workbench.cli.out import json_text
from workbench.error import ExitCode, UsageError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console
    from workbench.template.document import TemplateDocument
    from workbench.template.prepared import Prepared, PromptChoice, Rendered


def configure(parser: Parser) -> None:
    add_template(parser)
    parser.option("--count", action="store_true", help="print how many prompts there are, exactly")
    parser.option("--index", type=int, metavar="N", help="print prompt number N, from 0")
    parser.option("--all", action="store_true", help="print every prompt, in order")
    parser.option("--seed", type=int, metavar="S", help="draw prompts at random; the same seed gives the same")
    parser.option("--n", type=int, metavar="N", help="how many prompts (default: 1; with --shuffle: all)")
    parser.option("--shuffle", action="store_true", help="every prompt once, in a random order")
    parser.option("--format", choices=("text", "json", "jsonl"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    """Prints lazily: the first prompt comes at once, however many there are."""
    variables = variables_of(args)
    _check(args)
    from workbench.sandbox import Renderer

    # The worker starts up while this process still imports; that hides about a third of the wait.
    renderer = Renderer()
    renderer.start()
    try:
        from workbench.service import open_workbench
        from workbench.template.prepared import decimal

        bench = open_workbench(args.workspace, renderer=renderer)
        document = document_of(bench, args.template)
        prepared = bench.prepare(document, variables, seed=args.seed or 0, complete=not args.count)
        if args.count:
            console.out.line(decimal(prepared.count))
            return ExitCode.OK
        _print_all(args, prepared, console)
    finally:
        renderer.close()
    return ExitCode.OK


def _print_all(args: argparse.Namespace, prepared: Prepared, console: Console) -> None:
    """One after the other as they are made; several as JSON make one list."""
    several = args.all or args.shuffle or (args.n or 1) > 1
    in_list, number = args.format == "json" and several, -1
    for number, item in enumerate(_items(args, prepared.count)):
        rendered = prepared.render(item)
        for warning in rendered.warnings if not number else ():
            console.talk.say(diagnostic_line(prepared.doc.path, warning))
        if in_list:
            from textwrap import indent

            console.out.text(",\n" if number else "[\n")
            console.out.text(indent(json_text(as_record(prepared.doc, rendered), indent=2), "  "))
        else:
            _print(args.format, prepared.doc, rendered, console)
            if several and args.format == "text" and not rendered.prompt.plain.endswith("\n"):
                console.out.text("\n")
    if in_list and number >= 0:
        console.out.text("\n]\n")


def _check(args: argparse.Namespace) -> None:
    """Raises UsageError for options that contradict each other."""
    chosen = [name for name in ("count", "all") if getattr(args, name)]
    chosen += ["index"] if args.index is not None else []
    chosen += ["seed"] if args.seed is not None and not args.all else []
    if len(chosen) > 1:
        raise UsageError(f"--{chosen[0]} and --{chosen[1]} cannot go together", hint="Use one of them.")
    if args.shuffle and args.seed is None:
        raise UsageError("--shuffle needs --seed", hint="For example: --shuffle --seed 1 --n 10")
    if args.n is not None and args.n < 1:
        raise UsageError("--n must be at least 1")
    if args.n is not None and args.seed is None and not args.all:
        raise UsageError("--n needs --seed or --all", hint="For example: --seed 1 --n 10")


def _items(args: argparse.Namespace, count: int) -> Iterator[PromptChoice]:
    """Which prompts, one by one. Raises UsageError when there is none of the number asked for."""
    from workbench.template.prepared import PromptChoice, decimal

    if args.index is not None:
        if not 0 <= args.index < count:
            raise UsageError(
                f"there is no prompt {args.index}", hint=f"The template stands for {decimal(count)}, from 0 on."
            )
        yield PromptChoice(args.index)
    elif args.seed is not None:
        order: Literal["sample", "shuffled"] = "shuffled" if args.shuffle else "sample"
        wanted = args.n or (count if args.shuffle else 1)
        for number in range(min(wanted, count) if args.shuffle else wanted):
            yield PromptChoice(number, order, args.seed)
    else:
        for number in range(min(count, args.n or count) if args.all else 1):
            yield PromptChoice(number)


def _print(form: str, document: TemplateDocument, rendered: Rendered, console: Console) -> None:
    if form == "text":
        console.out.text(rendered.prompt.plain)
        console.out.end_line()
    else:
        console.out.json(as_record(document, rendered), indent=2 if form == "json" else None)


def as_record(document: TemplateDocument, rendered: Rendered) -> dict[str, Any]:
    """The JSON form of a rendered prompt; the keys are stable."""
    prompt = rendered.prompt
    record: dict[str, Any] = {"template": document.path, "form": prompt.form}
    if prompt.form == "text":
        record["text"] = prompt.text
    else:
        record["messages"] = [asdict(message) for message in prompt.messages]
    record["sha256"] = prompt.sha256
    if rendered.pattern is not None:
        pattern = rendered.pattern
        record["pattern"] = {"index": pattern.index, "order": pattern.order, "count": pattern.count}
        record["picks"] = [
            {"name": pick.name, "option": pick.option, "text": pick.text}
            if pick.name
            else {"option": pick.option, "text": pick.text}
            for pick in pattern.picks
        ]
    return record


def diagnostic_line(path: str, diagnostic: Any) -> str:
    """``file:line:col: severity: message (hint)``."""
    severity = getattr(diagnostic, "severity", "warning").replace("info", "note")
    text = f"{path}:{diagnostic.line}:{diagnostic.column}: {severity}: {diagnostic.message}"
    return f"{text} ({diagnostic.hint})" if getattr(diagnostic, "hint", "") else text
