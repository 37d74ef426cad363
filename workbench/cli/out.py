"""The one writer for stdout and the one for stderr.

stdout is data only. Text goes through ``display`` when stdout is a terminal, because it may hold escape
sequences of a stranger; into a pipe or a file it goes as exact UTF-8 bytes. stderr is talk: always
displayed, silent with ``--quiet`` but for errors, with a progress bar only on a terminal.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from io import FileIO
from typing import Any, BinaryIO

from workbench.display import DisplayStream, cell_width, display, display_line
from workbench.error import StorageError

# Columns of a table's cell up to which the other rows are padded.
WIDEST = 60
_BAR_CELLS = 24
_BAR_SECONDS = 0.1


class OutputClosed(Exception):
    """The reader of stdout has gone away; there is nobody left to write for."""


class Talk:
    """stderr. One line per call; the progress bar owns the last line until something else is said."""

    def __init__(self, stream: BinaryIO, *, tty: bool, quiet: bool = False) -> None:
        self._stream = stream
        self.tty = tty
        self.quiet = quiet
        self._bar_shown = False
        self._bar_due = 0.0

    def say(self, text: str) -> None:
        """Something worth knowing; not said with ``--quiet``."""
        if not self.quiet:
            self._line(text)

    def error(self, text: str) -> None:
        """Something that must be read."""
        self._line(text)

    def _line(self, text: str) -> None:
        self.clear_bar()
        self._write(display(text) + "\n")

    def bar(self, label: str, done: int, total: int) -> None:
        """Draw the progress of ``label``; ``total`` 0 shows the number alone. Nothing without a terminal."""
        now = time.monotonic()
        if not self.tty or self.quiet or (now < self._bar_due and done < total):
            return
        self._bar_due = now + _BAR_SECONDS
        if total > 0:
            share = min(1.0, done / total)
            filled = round(share * _BAR_CELLS)
            text = f"{label}  [{'#' * filled}{'.' * (_BAR_CELLS - filled)}] {share:4.0%}"
        else:
            text = f"{label}  {done}"
        from shutil import get_terminal_size

        columns = get_terminal_size().columns
        self._write("\r\x1b[K" + display_line(text, max(1, columns - 1)))
        self._bar_shown = True

    def clear_bar(self) -> None:
        """Give the line back."""
        if self._bar_shown:
            self._bar_shown = False
            self._bar_due = 0.0
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text.encode("utf-8", "replace"))
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody reads stderr; there is no third place to say so.
            self.quiet = True


class Output:
    """stdout. Raises OutputClosed when the reader is gone."""

    def __init__(self, stream: BinaryIO, *, tty: bool, talk: Talk) -> None:
        self._stream = stream
        self._talk = talk
        self.tty = tty
        self._display = DisplayStream()
        self._last = "\n"

    def text(self, text: str) -> None:
        """Write at once, exactly; made safe first on a terminal. No newline is added."""
        if not text:
            return
        self._last = text[-1]
        shown = self._display.feed(text) if self.tty else text
        self._bytes(shown.encode("utf-8", "surrogatepass"))

    def line(self, text: str) -> None:
        """``text`` and a newline."""
        self.text(text + "\n")

    def end_line(self) -> None:
        """On a terminal, leave the cursor at the start of a line; a pipe gets no byte that is not data."""
        if self.tty:
            self._bytes((self._display.end() + ("\n" if self._last != "\n" else "")).encode())
            self._last = "\n"

    def heading(self, text: str, *, colour: int = 0) -> None:
        """A line of its own, on a terminal in one of its colours (an SGR number) unless NO_COLOR forbids it."""
        line = display_line(text)
        if self._last != "\n":
            self.text("\n")
        if self.tty and colour and not os.environ.get("NO_COLOR"):
            self._bytes((self._display.end() + f"\x1b[1;{colour}m{line}\x1b[m\n").encode())
        else:
            self.line(line)

    def json(self, value: Any, *, indent: int | None = None) -> None:
        """One JSON value and a newline."""
        self.line(json_text(value, indent=indent))

    def table(self, rows: list[list[str]]) -> None:
        """Left-aligned columns, two blanks apart; the last one is free. Cells become single lines first.

        A cell of more than ``WIDEST`` columns stays whole, but moves no other row.
        """
        safe = [[display_line(cell) for cell in row] for row in rows]
        widths = [max(min(WIDEST, cell_width(cell)) for cell in column) for column in zip(*safe, strict=True)]
        for row in safe:
            padded = [cell + " " * (width - cell_width(cell)) for cell, width in zip(row, widths, strict=True)]
            self.line("  ".join(padded).rstrip())

    def _bytes(self, data: bytes) -> None:
        self._talk.clear_bar()
        try:
            self._stream.write(data)
            self._stream.flush()
        except BrokenPipeError:
            _abandon_stdout()
            raise OutputClosed from None
        except OSError as error:
            _abandon_stdout()
            hint = "Make room, or send the output elsewhere."
            raise StorageError(f"the output cannot be written: {error.strerror}", hint=hint) from error


def _abandon_stdout() -> None:
    """Send what is still buffered to nowhere, so that the interpreter does not complain at exit."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


@dataclass(frozen=True)
class Console:
    """Both writers. ``out`` for data, ``talk`` for people."""

    out: Output
    talk: Talk


def open_console(*, quiet: bool = False) -> Console:
    """The console of this process."""
    stdout, stderr = (_nowhere() if stream is None else stream.buffer for stream in (sys.stdout, sys.stderr))
    talk = Talk(stderr, tty=stderr.isatty(), quiet=quiet)
    return Console(Output(stdout, tty=stdout.isatty(), talk=talk), talk)


def _nowhere() -> BinaryIO:
    """Stands in for a stream that the caller closed. It takes the free low descriptor, lest a record gets it."""
    return FileIO(os.open(os.devnull, os.O_RDWR), "w", closefd=False)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """``value`` as JSON. ASCII only if it holds lone surrogates, which UTF-8 cannot."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    if any("\ud800" <= char <= "\udfff" for char in text):
        return json.dumps(value, indent=indent, default=str)
    return text


def human_bytes(count: int) -> str:
    """``93.8 MB``: decimal units, one digit."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
