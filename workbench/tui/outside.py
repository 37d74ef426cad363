"""The template in an editor of one's own and back: ``$VISUAL``, else ``$EDITOR``, else one that is there.

The text that comes back is the one that was written, to the character. What editors add by themselves (a line end at
the end, a byte order mark, CRLF) is left out and told. An editor that fails changes nothing; what it wrote is kept in a
file that is named. While it runs, the app leaves the terminal to it, and its own work goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from workbench.error import StorageError, UsageError, WorkbenchError
from workbench.textio import storage_error

USUAL = ("sensible-editor", "editor", "nvim", "vim", "nano", "vi", "micro", "emacs")
HINT = "Set VISUAL or EDITOR, for example: export VISUAL='vim'"
END_ADDED = "The editor put a line end at the end of the text; it was left out."
MARK_ADDED = "The editor put a byte order mark before the text; it was left out."
CRLF_ADDED = "The editor wrote CRLF line ends; they were turned back."


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back, and what has to be said about it."""

    text: str
    notes: tuple[str, ...] = ()


def editor_command(env: Mapping[str, str] = os.environ) -> list[str]:
    """Program and arguments. Raises UsageError with a hint when there is none that can be run."""
    for name in ("VISUAL", "EDITOR"):
        wanted = env.get(name, "").strip()
        if not wanted:
            continue
        try:
            words = shlex.split(wanted)
        except ValueError as error:
            raise UsageError(f"${name} cannot be taken apart: {error}", hint=HINT) from error
        if words and shutil.which(os.path.expanduser(words[0]), path=env.get("PATH")) is None:
            raise UsageError(f"the editor of ${name} is not there: {words[0]}", hint=HINT)
        if words:
            return [os.path.expanduser(words[0]), *words[1:]]
    found = next((name for name in USUAL if shutil.which(name, path=env.get("PATH"))), None)
    if found is None:
        raise UsageError("there is no editor", hint=HINT)
    return [found]


def came_back(before: str, data: bytes) -> Returned:
    """The text in ``data``, with what the editor added by itself left out. Raises UnicodeDecodeError."""
    text, notes = data.decode("utf-8"), []
    if text.startswith("\ufeff") and not before.startswith("\ufeff"):
        text, notes = text[1:], [MARK_ADDED]
    if "\r\n" in text and "\r" not in before and text.count("\r\n") == text.count("\n"):
        text = text.replace("\r\n", "\n")
        notes.append(CRLF_ADDED)
    if before and not before.endswith("\n") and text.endswith("\n"):
        text = text[:-1]
        notes.append(END_ADDED)
    return Returned(text, tuple(notes))


async def edit_outside(app: App[Any], text: str, name: str, *, env: Mapping[str, str] = os.environ) -> Returned:
    """``text`` through the editor, in a file called ``name``. Raises WorkbenchError; the text is then as it was."""
    command = editor_command(env)
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="workbench-"))
    file = folder / (Path(name).name or "template.j2")
    data = text.encode("utf-8", "surrogatepass")
    keep = False
    try:
        await asyncio.to_thread(file.write_bytes, data)
        # When the app ends while the editor runs, what was written there must not go with it.
        keep = True
        status = await _run_in_front(app, [*command, str(file)])
        try:
            written = await asyncio.to_thread(file.read_bytes)
        except FileNotFoundError as error:
            keep = False
            raise UsageError("the editor removed the file; the text stays as it was") from error
        keep = written != data
        if status:
            place = f" What it wrote is in {file}." if keep else ""
            program = Path(command[0]).name
            hint = "Leave it without an error, in vim :wq and not :cq, and its text is taken."
            raise UsageError(f"{program} ended with {status}; the text stays as it was.{place}", hint=hint)
        try:
            returned = came_back(text, written) if keep else Returned(text)
        except UnicodeDecodeError as error:
            raise UsageError(f"what the editor wrote is no UTF-8; it is in {file}") from error
        keep = False
        return returned
    except OSError as error:
        raise storage_error("edit", file, error) from error
    finally:
        if not keep:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@contextlib.contextmanager
def _interrupts_are_the_editors() -> Iterator[None]:
    """Ctrl-C in a program that leaves the terminal as it is reaches this process too: here it means nothing."""
    # A function, not SIG_IGN: that would be inherited.
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def _run_in_front(app: App[Any], command: list[str]) -> int:
    """The exit status. Raises WorkbenchError when the terminal cannot be given away or the program not started."""
    failure: WorkbenchError | None = None
    status = 0
    try:
        # Nothing may be drawn meanwhile; and nothing may be raised in there, the app would not come back.
        with app.batch_update(), app.suspend(), _interrupts_are_the_editors():
            try:
                status = await _finished(command)
            except OSError as error:
                failure = UsageError(f"{command[0]} could not be started: {error.strerror}", hint=HINT)
    except SuspendNotSupported as error:
        raise UsageError("the terminal cannot be given to another program here") from error
    # Whatever the other program left on the screen is painted over.
    app.refresh(layout=True)
    if failure is not None:
        raise failure
    return status


async def _finished(command: list[str]) -> int:
    process = await asyncio.create_subprocess_exec(*command)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()


async def edit_in_place(app: App[Any], screen: Any) -> None:
    """The main screen's editor through the outer one; what comes back is one undo step."""
    editor, editing = screen.editor, screen.editing
    before, buffer = editor.text, editing.buffer
    if not editing.drafting.keep_now():
        return
    try:
        returned = await edit_outside(app, before, Path(buffer.path or "new.j2").name)
    except (WorkbenchError, StorageError) as error:
        screen.say(str(error), error=True)
        return
    if editing.buffer.path != buffer.path:
        await editing.open(buffer.path.removeprefix("templates/"))
    if returned.text != before:
        editor.follow(returned.text)
    notes = list(returned.notes)
    if returned.text == before and not notes:
        notes = ["Nothing was changed."]
    elif returned.text != before:
        notes.append("Back from the editor. Undo takes it back, ^S saves it.")
    screen.say("\n".join(notes))
