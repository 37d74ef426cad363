"""The command line: finds the sub-command, runs it, and turns every end into an exit code.

Only the chosen sub-command is imported. No traceback ever reaches a person: known errors print their
message and hint, unknown ones one line and the place of the crash report.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from workbench import __version__
from workbench.error import ExitCode, TemplateError, UsageError, WorkbenchError

if TYPE_CHECKING:
    import argparse

    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console, Talk

# Name, and what it is for; the documentation is held equal to this by a test.
COMMANDS: dict[str, str] = {
    "run": "render a template, run it on a model, stream the answer",
    "grid": "run a template over axes of values, models and parameters, with checks",
    "render": "print the prompt that a template gives",
    "check": "say what is wrong in templates, as file:line:col",
    "fmt": "write templates the usual way, without a change of meaning",
    "import": "turn templates of other tools into templates here",
    "models": "list, fetch and inspect model files",
    "engines": "say which engines are here, what each can do, and test it",
    "bench": "measure how fast a model is here, and remember the best thread count",
    "sessions": "find, show and repeat what was saved",
    "compare": "show what differs between runs: inputs, texts, numbers",
    "score": "check saved runs again, without generating",
    "init": "make a workspace with the starter set",
    "serve": "the app in a browser, on this machine",
    "doctor": "look at terminal, engines, models and folders, and say what to do",
}
APP = "app"


class Command(Protocol):
    """What a sub-command's module offers."""

    def configure(self, parser: Parser) -> None: ...
    def run(self, args: argparse.Namespace, console: Console) -> int: ...


def entry() -> None:
    """The console script."""
    sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code is one of ``ExitCode``."""
    words = list(sys.argv[1:] if argv is None else argv)
    from workbench.cli.out import OutputClosed, open_console

    console = open_console()
    try:
        return int(_dispatch(words, console))
    except OutputClosed:
        return int(ExitCode.OK)
    except WorkbenchError as error:
        report(error, console.talk)
        return int(error.exit_code)
    except KeyboardInterrupt:
        console.talk.error("workbench: stopped")
        return int(ExitCode.CANCELLED)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001 - the last line of defence: reported, never swallowed
        from workbench.cli.crash import crash_line

        console.talk.error(crash_line(error, words))
        return int(ExitCode.INTERNAL)


def report(error: WorkbenchError, talk: Talk) -> None:
    """Message and hint on stderr."""
    place = f"{error.place}: " if isinstance(error, TemplateError) else ""
    talk.error(f"workbench: {place}{error.message}")
    if error.hint:
        talk.error(error.hint)


def _dispatch(words: list[str], console: Console) -> int:
    if words == ["--version"]:
        console.out.line(f"workbench {__version__}")
        return ExitCode.OK
    from workbench.cli.arguments import near

    top = _top_parser()
    before, name, rest = _split(words)
    args = top.parse(before)
    args.model_dirs = getattr(args, "model_dirs", [])
    if args.help:
        console.out.text(top.format_help())
        return ExitCode.OK
    if args.version:
        console.out.line(f"workbench {__version__}")
        return ExitCode.OK
    name = name or APP
    if name not in COMMANDS and name != APP:
        hint = near(name, COMMANDS) or "Commands: " + ", ".join(COMMANDS)
        raise UsageError(f"unknown command {name!r}", hint=hint)
    action, rest = split_action(name, rest)
    command, parser = load_command(name, action)
    if {"-h", "--help"} & set(rest):
        console.out.text(parser.format_help())
        return ExitCode.OK
    for key, value in vars(parser.parse(rest)).items():
        setattr(args, key, [*args.model_dirs, *value] if key == "model_dirs" else value)
    console.talk.quiet = args.quiet
    for folder in args.model_dirs:
        # `models get` makes it.
        if action != "get" and not os.path.isdir(os.path.expanduser(folder)):
            console.talk.error(f"workbench: --models {folder}: there is no such folder")
    return command.run(args, console)


def actions_of(name: str) -> dict[str, tuple[str, str]]:
    """The actions of a sub-command that has some, the default one first; else nothing."""
    return cast("dict[str, tuple[str, str]]", getattr(_module(name), "ACTIONS", {}))


def _module(name: str) -> Any:
    return importlib.import_module(f"workbench.cli.{'importing' if name == 'import' else name}")


def split_action(name: str, rest: Sequence[str]) -> tuple[str, list[str]]:
    """The action among the words after a sub-command, and the other words. Raises UsageError.

    It stands first, or after options; a word that follows an option is taken as that option's value.
    """
    from workbench.cli.arguments import near

    actions, words = actions_of(name), list(rest)
    if not actions:
        return "", words
    for position, word in enumerate(words):
        if word in actions and (position == 0 or not words[position - 1].startswith("-")):
            return word, [*words[:position], *words[position + 1 :]]
    if words and not words[0].startswith("-"):
        hint = near(words[0], actions) or "There are: " + ", ".join(actions)
        raise UsageError(f"'{name}' has no action {words[0]!r}", hint=hint)
    return next(iter(actions)), words


def load_command(name: str, action: str = "") -> tuple[Command, Parser]:
    """The module of a sub-command or of one of its actions, and its parser; the test of the documentation reads it."""
    from workbench.cli.arguments import Parser, add_common

    module, summary = _module(name), COMMANDS.get(name, "")
    actions = actions_of(name)
    epilog = None
    if action:
        module = importlib.import_module(f"workbench.cli.{actions[action][0]}")
        summary = actions[action][1]
        width = max(len(item) for item in actions)
        epilog = "actions:\n" + "\n".join(f"  {item:{width}}  {text}" for item, (_, text) in actions.items())
    parser = Parser(
        prog=" ".join(filter(None, ("workbench", name, action))), description=summary, epilog=epilog, add_help=False
    )
    command = cast(Command, module)
    command.configure(parser)
    add_common(parser)
    parser.option("-h", "--help", action="store_true", dest="show_help", help="this text")
    return command, parser


def _top_parser() -> Parser:
    """The options that stand before the sub-command."""
    from workbench.cli.arguments import Parser, add_models

    width = max(len(name) for name in COMMANDS)
    listing = "\n".join(f"  {name:{width}}  {summary}" for name, summary in COMMANDS.items())
    top = Parser(
        prog="workbench",
        usage="workbench [--workspace DIR] [--models DIR] [COMMAND ...]",
        description="A prompt workbench for the terminal. Without a command it opens the app.",
        epilog=f"commands:\n{listing}\n\n'workbench COMMAND --help' tells more.",
        add_help=False,
    )
    top.option("--workspace", metavar="DIR", default=None, help="workspace folder (else: found from here upwards)")
    add_models(top)
    top.option("--quiet", "-q", action="store_true", help="say nothing on stderr but errors")
    top.option("--version", action="store_true", help="print the version")
    top.option("-h", "--help", action="store_true", help="this text")
    return top


def _split(words: list[str]) -> tuple[list[str], str, list[str]]:
    """Options before the sub-command, its name (empty: the app), and what follows."""
    position = 0
    while position < len(words):
        word = words[position]
        if not word.startswith("-") or word == "-":
            return words[:position], word, words[position + 1 :]
        position += 2 if word in ("--workspace", "--models") else 1
    return words, "", []
