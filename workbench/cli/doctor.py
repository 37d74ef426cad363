"""``workbench doctor``: looks at everything the workbench stands on, and says what to do next.

Each check is a function that gives one or more findings. A warning leaves the workbench usable; a failure
does not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from workbench import __version__
from workbench.cli.arguments import add_models
from workbench.cli.doctor_terminal import Finding, judge, look
from workbench.cli.out import human_bytes
from workbench.display import counted
from workbench.error import ExitCode, WorkbenchError

if TYPE_CHECKING:
    from workbench.cli.arguments import Parser
    from workbench.cli.out import Console


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
    console.talk.say(f"{counted(len(findings), 'check')}, {counted(warned, 'warning')}, {counted(failed, 'failure')}")
    return ExitCode.DIFFERS if failed else ExitCode.OK


def examine(workspace: str | None, model_dirs: Sequence[str] = ()) -> list[Finding]:
    """All findings; a check that itself goes wrong is a failed finding."""
    checks: list[tuple[str, Callable[[], list[Finding]]]] = [
        ("python", _python),
        ("terminal", _terminal),
        ("engines", _engines),
        ("models", lambda: _models(workspace, model_dirs)),
        ("memory", _memory),
        ("workspace", lambda: _workspace(workspace)),
        ("settings", lambda: _settings(workspace)),
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
    from workbench.config import load_config

    try:
        mouse = load_config().mouse
    except WorkbenchError:
        mouse = True  # told where the workspace is looked at
    return judge(look(mouse=mouse))


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
    findings = [Finding("workspace", "ok", f"{root}, {counted(len(bench.templates()), 'template')}")]
    findings += [Finding("template", "warn", info.problem, f"workbench check {info.name}") for info in faulty]
    return findings


def _settings(name: str | None) -> list[Finding]:
    """What the app would refuse to start with, or start without."""
    from workbench.service import open_workbench
    from workbench.tui.settings_check import look as look_at

    bench = open_workbench(name)
    return [Finding("settings", grade, text, step) for grade, text, step in look_at(bench.config, bench.workspace)]
