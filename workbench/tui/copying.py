"""What can be copied: texts as they are, a run as Markdown, and the command line that repeats a run.

What is copied is exact. Where it holds control characters, that is said: pasted into a shell they may act.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.display import display
from workbench.error import WorkbenchError
from workbench.param import Params, params_from, params_to_dict
from workbench.record import RunRequest, missing_texts
from workbench.session.info import RunRecord
from workbench.template.document import parse_document
from workbench.textio import read_text
from workbench.tui.clipboard import Clipboard
from workbench.tui.listview import Row
from workbench.tui.screens.modal import Choose

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.tui.app import WorkbenchApp

MENU = {
    "copy": "Output",
    "copy_prompt": "Prompt",
    "copy_both": "Prompt and output",
    "copy_markdown": "The run as Markdown",
    "copy_command": "The command line that repeats the run",
}


def markdown_of(bench: Workbench, record: RunRecord) -> str:
    """The run as the export writes it. Blocking."""
    from workbench.session.export import ExportRun, export

    session = bench.store.find_run(record.request.id)
    return "".join(export([ExportRun(record.request.id, session, record)], "markdown"))


def repeat_command(bench: Workbench, request: RunRequest) -> str:
    """A shell command that makes the same run again.

    ``workbench run`` with everything that was used, where that says it all: a template whose file still has the same
    text, or its text on standard input. Else, for one prompt of a pattern or values that are no texts, the recorded run
    is run again by its id.
    """
    plain = all(isinstance(value, str | int | float) for value in request.variables.values())
    # That command says what is missing; here a sentence would pass for a value.
    if not plain or any(missing_texts(request)) or (request.pattern is not None and request.pattern.count != "1"):
        return shlex.join(["workbench", "sessions", "rerun", request.id])
    words = ["workbench", "run"]
    before = ""
    path = request.template.path
    if _file_text(bench, path) == request.template.source:
        words.append(path.removeprefix("templates/"))
    else:
        before = f"printf %s {shlex.quote(request.template.source)} | "
        words.append("-")
    for name, value in request.variables.items():
        words += ["--set", f"{name}={_text(value)}"]
    if request.engine != "scripted":
        words += ["--model", request.model.file]
    words += ["--engine", request.engine, *_params(request, _base(bench, request))]
    return before + shlex.join(words)


def _file_text(bench: Workbench, path: str) -> str | None:
    file = bench.workspace.root / path
    try:
        return read_text(file) if path.startswith("templates/") and file.is_file() else None
    except WorkbenchError:
        return None


def _base(bench: Workbench, request: RunRequest) -> Params:
    try:
        header = parse_document(request.template.source, path=request.template.path).header
        return params_from(header.params, params_from(bench.config.params))
    except WorkbenchError:
        return Params()


def _params(request: RunRequest, base: Params) -> list[str]:
    """Options for every parameter that differs from its default or from what the template and settings say."""
    used, here, plain = (_whole(item) for item in (request.params, base, Params()))
    words: list[str] = []
    for name, value in used.items():
        if name == "seed":
            words += ["--seed", _text(value)] if value is not None else []
        elif value != here[name] or value != plain[name]:
            many = value if name == "stop" and value else [value]
            for item in many:
                words += ["--param", f"{name}={_text(item)}"]
    return words


def _whole(params: Params) -> Mapping[str, Any]:
    return {**dict.fromkeys(Params.__dataclass_fields__), **params_to_dict(params)}


def _text(value: Any) -> str:
    """As the command line reads it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return value if isinstance(value, str) else repr(value)


def _command(bench: Workbench, record: RunRecord) -> str:
    """With what the engine really used, context length and threads among it, as far as that was saved."""
    run_id = record.request.id
    try:
        return repeat_command(bench, bench.store.open_run(bench.store.find_run(run_id), run_id).request)
    except WorkbenchError:
        return repeat_command(bench, record.request)


class Copying:
    """The copy commands of the app."""

    def __init__(self, app: WorkbenchApp) -> None:
        self._app = app

    async def menu(self) -> None:
        """Ask what to copy."""
        rows = [Row(name, (title,)) for name, title in MENU.items()]
        chosen: str | None = await self._app.push_screen_wait(Choose("Copy", rows))
        if chosen:
            self._app.do(chosen)

    async def output(self) -> None:
        await self.copy(self._app.main.output.text, "output")

    async def prompt(self) -> None:
        await self.copy(self._prompt, "prompt")

    @property
    def _prompt(self) -> str:
        rendered = self._app.main.editing.rendered
        return rendered.prompt.plain if rendered else ""

    async def both(self) -> None:
        """The prompt and the output of the run that is shown, or of what stands there."""
        found = self._app.main.running.shown
        output = self._app.main.output.text
        prompt = found.request.prompt.plain if found else self._prompt
        await self.copy(f"{prompt.rstrip()}\n\n{output}" if output else "", "prompt and output")

    async def markdown(self) -> None:
        await self._of_run(markdown_of, "run as Markdown")

    async def command(self) -> None:
        await self._of_run(_command, "command line")

    async def _of_run(self, make: Callable[[Workbench, RunRecord], str], what: str) -> None:
        found = self._app.main.running.shown
        try:
            text = await asyncio.to_thread(make, self._app.bench, found) if found else ""
        except WorkbenchError as error:
            self._app.main.tell(error)
            return
        await self.copy(text, what)

    async def copy(self, text: str, what: str) -> None:
        """Exact ``text``, and a word about where it went."""
        app = self._app
        if not text:
            app.notify(f"There is no {what} yet.", markup=False)
            return
        # A browser's terminal takes no OSC 52.
        driver = None if app.is_web else app._driver
        fallback = app.bench.workspace.state_dir / "clipboard.txt"
        done = await asyncio.to_thread(Clipboard(driver.write if driver else None, fallback=fallback).copy, text)
        app.notify(display(f"The {what}: {done.message}"), markup=False)
        if display(text) != text:
            warning = f"The {what} holds control characters, copied as they are: look before you paste it into a shell."
            app.notify(warning, severity="warning", markup=False)
