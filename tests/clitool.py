"""Runs the real command line in a process of its own, and compares its bytes with the goldens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

GOLDENS = Path(__file__).parent / "goldens"
CODE = "from workbench.cli.main import entry; entry()"


def command(*words: str) -> list[str]:
    return [sys.executable, "-W", "error", "-c", CODE, *words]


def environment(script: dict[str, Any] | None = None) -> dict[str, str]:
    """The (isolated) environment, with a script for the scripted engine."""
    env = dict(os.environ, COLUMNS="100")
    if script is not None:
        env["WORKBENCH_SCRIPT"] = json.dumps(script)
    return env


def cli(
    *words: str, cwd: Path, stdin: bytes = b"", script: dict[str, Any] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """One command to its end."""
    return subprocess.run(
        command(*words),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env=environment(script),
        timeout=60,
        check=False,
    )


def golden(name: str, data: bytes) -> None:
    """``data`` equals the stored bytes; ``GOLDENS=write`` stores them."""
    path = GOLDENS / name
    if os.environ.get("GOLDENS") == "write":
        path.write_bytes(data)
    assert data == path.read_bytes(), f"{name}: {data.decode('utf-8', 'replace')}"
