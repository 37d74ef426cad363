"""Checks by a function of the user's own: only trusted bytes, in a process of its own, within a time limit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workbench.compare.check import CheckResult, CheckSpec, Subject, judged, unmade
from workbench.error import UsageError
from workbench.service.trust import file_in, is_trusted, read_code, trust
from workbench.workspace import Workspace

CHILD = Path(__file__).with_name("check_child.py")
# For starting, and for each output.
START_SECONDS, EACH_SECONDS = 10.0, 1.0


def check_python(
    workspace: Workspace, spec: CheckSpec, subjects: Sequence[Subject], *, allow: bool = False
) -> list[CheckResult]:
    """One result a subject. ``allow`` trusts the file from now on. Blocking; raises UsageError for a file that is
    missing, outside the workspace or not trusted.
    """
    path, source = trusted_code(workspace, spec, allow=allow)
    function = str(spec.value).rpartition(":")[2]
    job = {
        "source": source,
        "file": str(path),
        "function": function,
        "subjects": [asdict(subject) for subject in subjects],
    }
    lines, why = _run(json.dumps(job, default=str).encode(), START_SECONDS + EACH_SECONDS * len(subjects))
    answers = [_result(spec, line) for line in lines[: len(subjects)]]
    return [*answers, *(unmade(spec, why) for _ in subjects[len(answers) :])]


def trusted_code(workspace: Workspace, spec: CheckSpec, *, allow: bool = False) -> tuple[Path, str]:
    """The file of a check and its source, of the same bytes that are trusted. Raises UsageError, StorageError."""
    name = str(spec.value).rpartition(":")[0]
    path = file_in(workspace, name)
    source, sha256 = read_code(path)
    if allow:
        trust(workspace, name, sha256)
    elif not is_trusted(workspace, name, sha256):
        hint = "Read it, then say --trust once (workbench grid, workbench score), or take the check away."
        raise UsageError(f"{name} is code that you have not trusted", hint=hint)
    return path, source


def _run(job: bytes, seconds: float) -> tuple[list[bytes], str]:
    """Whole lines of answers, and why there are no more."""
    with subprocess.Popen(
        [sys.executable, "-I", str(CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            out, errors = process.communicate(job, timeout=seconds)
            told = errors.decode("utf-8", "replace").strip().splitlines()
            why = told[-1] if told else f"its process ended with {process.returncode}"
        except subprocess.TimeoutExpired:
            # With everything that it started.
            os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate()
            why = f"it took longer than {seconds:g} s"
    return [line for line in out.splitlines(keepends=True) if line.endswith(b"\n")], why


def _result(spec: CheckSpec, line: bytes) -> CheckResult:
    try:
        answer: Any = json.loads(line)
        if "error" in answer:
            return unmade(spec, str(answer["error"]))
        return judged(spec, float(answer["score"]), str(answer["detail"]))
    except (ValueError, KeyError, TypeError):
        return unmade(spec, "its answer is not understood")
