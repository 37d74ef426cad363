"""The errors that people see, and the exit code of each.

    WorkbenchError
      UsageError            the call was wrong: an unknown option, slot or name
      ConfigError           a settings file is wrong (file and key are named)
      TemplateError         a template is wrong (file, line and column are named)
        LimitExceeded       it ran out of its time, memory or output allowance
        AccessDenied        it reached for what a template may not touch
      ModelError            a model file is missing, broken or of a foreign kind
        ModelMissing        it is not here, but can be fetched
        NoEngine            no engine can load the file; the reasons are named
        MemoryShort         it would need more memory than is free; it can be forced
      EngineError           an engine failed: crash, abort, refusal, time-out
      StorageError          the disk said no: full, read-only, gone
      NetworkError          no network, a wrong answer, a broken download

Each carries a message (what happened), a hint (what to do next) and an exit code. Both are plain text and may hold
foreign text: pass them through ``workbench.display.display`` before they reach a terminal.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means; ``docs/exit-codes.md`` is held equal to this by a test."""

    OK = 0
    DIFFERS = 1
    USAGE = 2
    TEMPLATE = 3
    MODEL = 4
    ENGINE = 5
    STORAGE = 6
    NETWORK = 7
    CONFIG = 8
    INTERNAL = 70
    CANCELLED = 130

    @property
    def meaning(self) -> str:
        """One line for the documentation and ``--help``."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.DIFFERS: "done, and the answer is no: a check failed or a verification differs",
    ExitCode.USAGE: "the call was wrong, or it could not be done as asked",
    ExitCode.TEMPLATE: "a template is wrong, or it exceeded its limits",
    ExitCode.MODEL: "a model is missing, broken, or no engine can load it",
    ExitCode.ENGINE: "an engine failed or crashed; the text so far is kept",
    ExitCode.STORAGE: "the disk is full, read-only or gone",
    ExitCode.NETWORK: "no network, or a download failed",
    ExitCode.CONFIG: "a settings file is wrong",
    ExitCode.INTERNAL: "a bug of ours",
    ExitCode.CANCELLED: "stopped by Ctrl-C; the text so far is kept",
}


class WorkbenchError(Exception):
    """Base of all errors that are meant to be read. ``str()`` gives message and hint."""

    exit_code: ExitCode = ExitCode.INTERNAL

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(WorkbenchError):
    exit_code = ExitCode.USAGE


class ConfigError(WorkbenchError):
    exit_code = ExitCode.CONFIG


class TemplateError(WorkbenchError):
    """A fault in a template. ``line`` and ``column`` count from 1; 0 means unknown."""

    exit_code = ExitCode.TEMPLATE

    def __init__(self, message: str, *, hint: str = "", file: str = "", line: int = 0, column: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.line = line
        self.column = column

    @property
    def place(self) -> str:
        """``file:line:column``, as far as known."""
        parts = [self.file or "template"]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}"
        return f"{text}\n{self.hint}" if self.hint else text


class LimitExceeded(TemplateError):
    pass


class AccessDenied(TemplateError):
    pass


class ModelError(WorkbenchError):
    exit_code = ExitCode.MODEL


class ModelMissing(ModelError):
    """A model that is not here, and can be fetched by its id in the catalog, ``wanted``."""

    def __init__(self, message: str, *, hint: str = "", wanted: str = "", nothing_there: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.wanted = wanted
        self.nothing_there = nothing_there


class NoEngine(ModelError):
    pass


class MemoryShort(ModelError):
    pass


class EngineError(WorkbenchError):
    """An engine's fault. ``kind`` is one of ``crash timeout load context refused protocol killed``."""

    exit_code = ExitCode.ENGINE

    def __init__(self, message: str, *, hint: str = "", kind: str = "crash", stderr: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.stderr = stderr


class StorageError(WorkbenchError):
    exit_code = ExitCode.STORAGE


class NetworkError(WorkbenchError):
    exit_code = ExitCode.NETWORK
