"""Argument parsing shared by the sub-commands: near matches for wrong names, and ``key=value`` pairs."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from workbench.error import StorageError, UsageError

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.template.document import TemplateDocument


class Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are UsageError, with the nearest right name as the hint."""

    def __init__(self, **options: Any) -> None:
        # argparse formats something for each argument; with a width it need not ask for the terminal's.
        fixed = partial(argparse.RawDescriptionHelpFormatter, width=80)
        super().__init__(allow_abbrev=False, formatter_class=fixed, **options)
        self.described: list[tuple[str, str]] = []
        self.option_names: list[str] = ["-h", "--help"]

    def format_help(self) -> str:
        """As wide as the terminal."""
        self.formatter_class = argparse.RawDescriptionHelpFormatter
        return super().format_help()

    def option(self, *names: str, **settings: Any) -> None:
        """``add_argument`` that remembers names and help, for near matches and the documentation."""
        self.option_names += names
        value = settings.get("metavar") or "|".join(settings.get("choices", ()))
        self.described.append((f"{', '.join(names)} {value}".strip(), settings.get("help", "")))
        self.add_argument(*names, **settings)

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parsed arguments. Raises UsageError; ``--help`` raises SystemExit as usual."""
        args, extra = self.parse_known_args(argv)
        if extra:
            name = extra[0].partition("=")[0]
            hint = near(name, self.option_names) if name.startswith("-") else ""
            what = "option" if name.startswith("-") else "argument"
            raise UsageError(f"unknown {what} {name!r}", hint=hint or f"See '{self.prog} --help'.")
        return args

    def error(self, message: str) -> NoReturn:
        # argparse words this differently from version to version; people get our own words.
        wrong = re.match(r"argument (.*?): invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if wrong is None:
            message = re.sub(r"the following arguments are required: (.*)", r"\1 is missing", message)
            raise UsageError(message, hint=f"See '{self.prog} --help'.")
        choices = [item.strip(" '") for item in wrong[3].split(",")]
        hint = near(wrong[2], choices) or "Choose one of: " + ", ".join(choices)
        raise UsageError(f"{wrong[1]} cannot be {wrong[2]!r}", hint=hint)


def near(name: str, known: Iterable[str]) -> str:
    """``Did you mean 'x'?``, or nothing when nothing is near."""
    from difflib import get_close_matches

    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean {found[0]!r}?" if found else ""


def add_common(parser: Parser) -> None:
    """What every sub-command takes. Given before the sub-command, it counts as well."""
    parser.option("--workspace", metavar="DIR", default=argparse.SUPPRESS, help="workspace folder")
    parser.option(
        "--quiet",
        "-q",
        action="store_true",
        default=argparse.SUPPRESS,
        help="say nothing on stderr but errors",
    )


def add_template(parser: Parser, *, many: bool = False) -> None:
    """The template argument and its variables."""
    help_text = "template by name or path; - reads standard input"
    parser.add_argument("template", metavar="TEMPLATE", nargs="+" if many else None, help=help_text)
    if many:
        return
    parser.option(
        "--set",
        metavar="K=V",
        action="append",
        default=[],
        dest="values",
        help="value of a slot (repeatable)",
    )
    parser.option(
        "--set-file",
        metavar="K=PATH",
        action="append",
        default=[],
        dest="files",
        help="a file's text as the value",
    )


def add_models(parser: Parser) -> None:
    parser.option(
        "--models",
        metavar="DIR",
        action="append",
        default=[],
        dest="model_dirs",
        help="model folder (repeatable)",
    )


def pair(text: str, option: str) -> tuple[str, str]:
    """``key=value`` split at the first sign. Raises UsageError."""
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise UsageError(f"{option} takes key=value, not {text!r}", hint=f"For example: {option} city=London")
    return key.strip(), value


def variables_of(args: argparse.Namespace) -> dict[str, Any]:
    """The values of ``--set`` and ``--set-file``. Raises UsageError and StorageError."""
    from workbench.textio import read_text

    values: dict[str, Any] = {}
    for item in args.values:
        key, value = pair(item, "--set")
        values[key] = value
    for item in args.files:
        key, name = pair(item, "--set-file")
        path = Path(name)
        if not path.exists() or path.is_dir():
            raise StorageError(f"there is no file {name!r}", hint=f"--set-file {key}=PATH reads the value from PATH.")
        # A shell's <(command) is a pipe, and meant.
        values[key] = read_text(path) if path.is_file() else path.read_text(encoding="utf-8-sig", errors="replace")
    return values


def params_of(args: argparse.Namespace) -> dict[str, Any]:
    """The checked values of ``--param`` and ``--seed``; ``stop`` may be repeated. Raises UsageError."""
    from workbench.param import parse_param

    values: dict[str, Any] = {}
    for item in args.params:
        key, value = pair(item, "--param")
        key = key.replace("-", "_")
        parsed = parse_param(key, value)
        values[key] = (*values.get(key, ()), *parsed) if key == "stop" else parsed
    if args.seed is not None:
        seed = parse_param("seed", args.seed)
        if values.get("seed", seed) != seed:
            raise UsageError(f"--seed {args.seed} and --param seed={values['seed']} differ", hint="Use one of them.")
        values["seed"] = seed
    return values


def document_of(bench: Workbench, name: str) -> TemplateDocument:
    """The template named on the command line. Raises UsageError and TemplateError."""
    if name != "-":
        return bench.load_template(name)
    from workbench.template.document import parse_document

    return parse_document(sys.stdin.buffer.read().decode("utf-8-sig", "replace"), path="-")
