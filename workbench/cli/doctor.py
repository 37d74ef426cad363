"""``workbench doctor``: looks at everything the workbench stands on, and says what to do next.

Each check is a function that gives one or more findings. A warning leaves the workbench usable; a failure
does not.
"""

from __future__ import annotations

import argparse
import locale
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workbench import __version__
from workbench.cli.arguments import add_models
from workbench.cli.out import human_bytes
from workbench.error import ExitCode, WorkbenchError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console

Grade = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One line of the report. ``next`` says what to do; empty when all is well."""

    topic: str
    grade: Grade
    text: str
    next: str = ""


def configure(parser: Parser) -> None:
    add_models(parser)
    parser.option("--format", choices=("text", "json"), default="text", help="default: text")


def run(args: argparse.Namespace, console: Console) -> int:
    """Exit code DIFFERS when something failed."""
    findings = examine(args.workspace, args.model_dirs)
    if args.format == "json":
        console.out.json({"version": __version__, "findings": [asdict(item) for item in findings]}, indent=2)
    else:
        for item in findings:
            console.out.line(f"{item.grade:4}  {item.topic:10}  {item.text}")
            if item.next:
                console.out.line(f"{'':18}-> {item.next}")
    failed = sum(item.grade == "fail" for item in findings)
    warned = sum(item.grade == "warn" for item in findings)
    console.talk.say(f"{len(findings)} checks, {warned} warnings, {failed} failures")
    return ExitCode.DIFFERS if failed else ExitCode.OK


def examine(workspace: str | None, model_dirs: Sequence[str] = ()) -> list[Finding]:
    """All findings; a check that itself goes wrong is a failed finding."""
    checks: list[tuple[str, Callable[[], list[Finding]]]] = [
        ("python", _python),
        ("terminal", _terminal),
        ("colours", _colours),
        ("locale", _locale),
        ("clipboard", _clipboard),
        ("engines", _engines),
        ("models", lambda: _models(workspace, model_dirs)),
        ("memory", _memory),
        ("workspace", lambda: _workspace(workspace)),
    ]
    findings: list[Finding] = []
    for topic, check in checks:
        try:
            findings += check()
        except WorkbenchError as error:
            findings.append(Finding(topic, "fail", error.message, error.hint))
        except OSError as error:
            findings.append(Finding(topic, "fail", f"{error.strerror}: {error.filename or ''}".rstrip(": ")))
    return findings


def _python() -> list[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return [Finding("python", "ok", f"{version}, workbench {__version__}")]


def _terminal() -> list[Finding]:
    term = os.environ.get("TERM", "")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return [Finding("terminal", "warn", "none here", "The app needs one; 'workbench run' does not.")]
    if term in ("", "dumb"):
        return [Finding("terminal", "warn", f"TERM={term!r} cannot draw the app", "Set TERM, e.g. xterm-256color.")]
    size = os.get_terminal_size()
    text = f"{term}, {size.columns} x {size.lines}"
    if size.columns < 80 or size.lines < 24:
        return [Finding("terminal", "warn", text, "The app is made for 80 x 24 and more.")]
    return [Finding("terminal", "ok", text)]


def _colours() -> list[Finding]:
    if os.environ.get("NO_COLOR"):
        return [Finding("colours", "ok", "off, as NO_COLOR asks")]
    if os.environ.get("COLORTERM", "") in ("truecolor", "24bit"):
        return [Finding("colours", "ok", "16 million")]
    term = os.environ.get("TERM", "")
    if "256" in term:
        hint = "If your terminal can do more: COLORTERM=truecolor."
        return [Finding("colours", "ok", "256", hint)]
    return [Finding("colours", "warn", f"perhaps 16 (TERM={term!r})", "Try TERM=xterm-256color.")]


def _locale() -> list[Finding]:
    encoding = locale.getpreferredencoding(False)
    if encoding.lower().replace("-", "") in ("utf8", "utf_8"):
        return [Finding("locale", "ok", encoding)]
    hint = "Set LANG=C.UTF-8, or Japanese and emoji will not show."
    return [Finding("locale", "warn", f"{encoding} is not UTF-8", hint)]


def _clipboard() -> list[Finding]:
    where = "over SSH, " if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY") else ""
    if os.environ.get("TMUX"):
        hint = "tmux passes it on with: set -g set-clipboard on"
        return [Finding("clipboard", "warn", f"{where}OSC 52 through tmux", hint)]
    if os.environ.get("STY"):
        return [Finding("clipboard", "warn", f"{where}GNU screen drops OSC 52", "Use tmux, or copy by mouse.")]
    return [Finding("clipboard", "ok", f"{where}OSC 52: the terminal itself, if it allows it")]


def _engines() -> list[Finding]:
    from workbench.engine import ENGINES, engine_version

    findings = []
    for name in ENGINES:
        version = engine_version(name)
        if version is None:
            hint = "Reinstall prompt-workbench; gpt4all has no package for Linux on Arm."
            findings.append(Finding("engine", "warn", f"{name} is not installed", hint))
        else:
            findings.append(Finding("engine", "ok", f"{name} {version}".strip()))
    if not any(item.grade == "ok" and not item.text.startswith("scripted") for item in findings):
        findings.append(Finding("engine", "fail", "nothing here can run a model", "Install xllamacpp or gpt4all."))
    return findings


def _models(workspace: str | None, model_dirs: Sequence[str]) -> list[Finding]:
    from workbench.service import open_workbench

    bench = open_workbench(workspace, model_dirs=model_dirs)
    entries = bench.models()
    broken = [entry for entry in entries if entry.problem]
    findings = [
        Finding(
            "model",
            "warn",
            f"{entry.path.name}: {entry.problem}",
            "Fetch it again, or remove the file.",
        )
        for entry in broken
    ]
    usable = len(entries) - len(broken)
    if usable:
        findings.insert(0, Finding("models", "ok", f"{usable} usable"))
    else:
        folders = ", ".join(str(folder) for folder in bench.model_folders)
        hint = "workbench models get smollm2-135m"
        findings.insert(0, Finding("models", "fail", f"none in {folders}", hint))
    return findings


def _memory() -> list[Finding]:
    from workbench.engine.memory import free_memory

    free = free_memory()
    if free < 500_000_000:
        return [Finding("memory", "warn", f"{human_bytes(free)} free", "Close something, or choose a small model.")]
    return [Finding("memory", "ok", f"{human_bytes(free)} free")]


def _workspace(name: str | None) -> list[Finding]:
    from workbench.service import open_workbench

    bench = open_workbench(name)
    root: Path = bench.workspace.root
    if not bench.workspace.writable:
        hint = "Runs go to the state folder; 'workbench init DIR' makes a workspace of your own."
        return [Finding("workspace", "warn", f"{root} is read-only", hint)]
    faulty = [info for info in bench.templates() if info.problem]
    findings = [Finding("workspace", "ok", f"{root}, {len(bench.templates())} templates")]
    findings += [Finding("template", "warn", info.problem, f"workbench check {info.name}") for info in faulty]
    return findings
