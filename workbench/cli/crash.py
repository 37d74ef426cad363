"""Crash reports: the traceback goes into a file of the state folder, one line goes to the person.

The report holds no environment, and of the command line only the command and the names of options: values
may be secrets or private text.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from workbench import __version__


def crash_line(error: BaseException, words: Sequence[str]) -> str:
    """Write the report; the sentence for stderr that names it."""
    name = type(error).__name__
    try:
        path = write_report(error, words)
    except OSError as problem:
        return f"workbench: internal error ({name}); no report could be written: {problem.strerror}"
    return f"workbench: internal error ({name}); the report is in {path}"


def write_report(error: BaseException, words: Sequence[str]) -> Path:
    """Write a new report file, readable by its owner alone. Raises OSError."""
    shown = [word.partition("=")[0] if word.startswith("-") else "…" for word in words[1:]]
    lines = [
        f"prompt-workbench {__version__}",
        f"python {sys.version.split()[0]} on {sys.platform}",
        f"command {' '.join([*words[:1], *shown])}",
        "",
        "".join(traceback.format_exception(error)),
    ]
    folder = _state_folder()
    path = folder / f"crash-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write("\n".join(lines))
    return path


def _state_folder() -> Path:
    from platformdirs import user_state_dir

    folder = Path(user_state_dir("prompt-workbench", appauthor=False))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir())
    return folder if os.access(folder, os.W_OK) else Path(tempfile.gettempdir())
