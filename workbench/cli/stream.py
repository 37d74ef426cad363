"""What a run looks like on stdout and stderr: as text, as one JSON object, or as one JSON line per event.

stderr says the same for all three: which model, which engine and why, how far loading is, and how it ended.
"""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.display import counted
from workbench.error import ExitCode, StorageError
from workbench.event import Chatter, Event, Failed, Finished, Piece, Progress, Started, Thought
from workbench.service.empty import why_empty

if TYPE_CHECKING:
    from workbench.cli.out import Console
    from workbench.service import RunHandle, Workbench

_PHASES = {"load": "loading the model", "prompt": "reading the prompt"}


class Face:
    """Shows the events of one run; this one prints the text as it comes."""

    def __init__(self, console: Console, bench: Workbench) -> None:
        self._console = console
        self._bench = bench
        self._introduced = False
        self._streaming = False
        self._notes: list[str] = []
        self._thought = 0
        self.started: Started | None = None
        self.last: Finished | Failed | None = None

    def show(self, event: Event, handle: RunHandle) -> None:
        """Print what the event brings. Raises OutputClosed when nobody reads stdout any more."""
        if not self._introduced and handle.request is not None:
            self._introduced = True
            self._introduce(handle)
        if isinstance(event, Progress):
            self._console.talk.bar(_PHASES[event.phase], event.done, event.total)
        elif isinstance(event, Started):
            self.started = event
        elif isinstance(event, Thought):
            self._thought += len(event.text)
            self._console.talk.bar("thinking, characters", self._thought, 0)
        elif isinstance(event, Chatter):
            self._notes.append(event.text)
        elif isinstance(event, Finished | Failed):
            self._console.talk.clear_bar()
            self.last = event
        if not self._streaming:
            self._say_notes()
        self._streaming = self._streaming or isinstance(event, Piece)
        self.data(event, handle)

    def _say_notes(self) -> None:
        """What was said of the run; never in the middle of the answer's line."""
        for note in self._notes:
            self._console.talk.say(f"note: {note}")
        self._notes.clear()

    def data(self, event: Event, handle: RunHandle) -> None:
        """What goes to stdout for one event."""
        if isinstance(event, Piece):
            self._console.out.text(event.text)

    def close_data(self, handle: RunHandle) -> None:
        """What goes to stdout after the last event."""
        self._console.out.end_line()

    def end(self, handle: RunHandle) -> int:
        """The closing words on stderr, and the exit code."""
        self.close_data(handle)
        self._notes += self._remarks(handle)
        self._say_notes()
        talk, last = self._console.talk, self.last
        unsaved = bool(handle.save_problem)
        if unsaved:
            talk.error(f"workbench: {handle.save_problem}")
            self._rescue(handle)
        if isinstance(last, Failed):
            talk.error(f"workbench: the engine failed: {last.message}")
            if last.hint:
                talk.error(last.hint)
            if self.saved(handle):
                talk.error(f"What came is kept in {self.saved(handle)}")
            return ExitCode.ENGINE
        if isinstance(last, Finished):
            talk.say(", ".join([*statistics(last), self._where(handle)]))
            if last.status == "cancelled":
                return ExitCode.CANCELLED
        return ExitCode.STORAGE if unsaved else ExitCode.OK

    def _remarks(self, handle: RunHandle) -> list[str]:
        """Where the reasoning is to be read, and why there is nothing else."""
        result, remarks = handle.result, []
        if result is not None and result.reasoning:
            way = f"workbench sessions show {handle.run_id}" if self.saved(handle) else "--format json"
            remarks.append(f"the model reasoned in {counted(len(result.reasoning), 'character')}: {way} shows it")
        if isinstance(self.last, Finished) and result is not None and (why := why_empty(result)):
            remarks.append(why)
        return remarks

    def _rescue(self, handle: RunHandle) -> None:
        """Keep what the workspace did not take in the user's own state folder, and say so."""
        try:
            path = handle.rescue()
        except StorageError as error:
            self._console.talk.error(f"The text above is complete. {error.message}; make room and run again.")
        else:
            self._console.talk.error(f"The run is kept in {path}")

    def saved(self, handle: RunHandle) -> str:
        """Path of the run's readable record as seen from here, or nothing."""
        if handle.session is None or not handle.saves or handle.save_problem:
            return ""
        path = handle.session.dir / "runs" / f"{handle.run_id}.toml"
        try:
            return path.relative_to(Path.cwd()).as_posix()
        except (ValueError, OSError):
            return os.fspath(path)

    def _where(self, handle: RunHandle) -> str:
        saved = self.saved(handle)
        return f"saved as {saved}" if saved else "not saved"

    def _introduce(self, handle: RunHandle) -> None:
        request, talk = handle.request, self._console.talk
        if request is None:
            return
        engine = f"{request.engine} {request.engine_version}".strip()
        why = f" ({handle.reason})" if handle.reason else ""
        talk.say(f"{request.model.file} on {engine}{why}")
        for notice in handle.notices:
            talk.say(f"note: {notice}")


class JsonLines(Face):
    """One event a line: ``event`` names it, the other keys are its fields; the last says where it is."""

    def data(self, event: Event, handle: RunHandle) -> None:
        record: dict[str, Any] = {"event": type(event).__name__.lower(), **asdict(event)}
        if isinstance(event, Piece) and not event.scores:
            del record["scores"]
        if isinstance(event, Started):
            record["params"] |= dict.fromkeys(event.not_sent)
        if isinstance(event, Started | Finished | Failed):
            record["run"] = handle.run_id
        if isinstance(event, Finished | Failed):
            record["saved"] = self.saved(handle) or None
        self._console.out.json(record)

    def close_data(self, handle: RunHandle) -> None:
        pass


class JsonObject(Face):
    """Everything in one object at the end."""

    def data(self, event: Event, handle: RunHandle) -> None:
        pass

    def close_data(self, handle: RunHandle) -> None:
        if handle.request is not None and handle.result is not None:
            self._console.out.json(run_record(handle, self.saved(handle), self.started), indent=2)


def run_record(handle: RunHandle, saved: str, started: Started | None) -> dict[str, Any]:
    """The JSON form of a finished run; the keys are stable. A parameter that the engine was not told is null."""
    request, result = handle.request, handle.result
    assert request is not None
    assert result is not None
    if started is not None:
        request = replace(request, params=started.params, not_sent=started.not_sent)
    return {
        "run": request.id,
        "created": request.created,
        "template": {"path": request.template.path, "sha256": request.template.sha256},
        "variables": dict(request.variables),
        "prompt": request.prompt.plain,
        "engine": {"name": request.engine, "version": request.engine_version, "reason": handle.reason},
        "model": asdict(request.model),
        "params": request.used_params,
        "seed_mode": request.seed_mode,
        "notices": list(handle.notices),
        "result": asdict(result),
        "saved": saved or None,
    }


def statistics(last: Finished) -> list[str]:
    """``60 tokens``, ``31.2 tokens/s``, ``first after 0.41 s``: what is known of them."""
    unit = last.unit if last.tokens_out == 1 else f"{last.unit}s"
    parts = [f"{last.tokens_out} {unit}"]
    if last.ms_decode > 0 and last.tokens_out > 1:
        parts.append(f"{last.tokens_out * 1000 / last.ms_decode:.1f} {last.unit}s/s")
    if last.ms_first > 0:
        parts.append(f"first after {last.ms_first / 1000:.2f} s")
    parts.append({"finished": last.reason, "cancelled": "stopped"}[last.status])
    return parts


def make_face(form: str, console: Console, bench: Workbench) -> Face:
    kinds = {"text": Face, "json": JsonObject, "jsonl": JsonLines}
    return kinds[form](console, bench)
