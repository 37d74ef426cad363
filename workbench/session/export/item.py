"""A run on its way out, and the choices that every format may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.display import display, display_line
from workbench.param import Params, params_to_dict
from workbench.record import Message, Prompt
from workbench.session.info import RunRecord, Session, token_rate
from workbench.session.reader import RecordingView

# Shown even where they have their usual value; of the others only what differs.
_SHOWN = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "max_tokens", "seed")


def _nothing() -> RecordingView | None:
    return None


def _silent(_line: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ExportRun:
    """A run with its session's title and marks. ``recording`` reads its events when a format asks; None: there are
    none.
    """

    id: str
    session: Session
    record: RunRecord
    rating: int = 0
    star: bool = False
    note: str = ""
    recording: Callable[[], RecordingView | None] = _nothing

    @property
    def prompt_lost(self) -> bool:
        """Whether a sentence stands in place of some of its prompt."""
        return any(place.startswith("prompt.") for place in self.record.missing)


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """``idle`` is in seconds, 0 keeps true timing. ``secrets`` are masked wherever they stand, ``environment`` is
    searched for more of them. ``note`` gets a line for everything that is left out.
    """

    events: bool = False
    raw: bool = False
    min_rating: int = 4
    idle: float = 0.0
    columns: int = 80
    rows: int = 24
    secrets: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None
    note: Callable[[str], None] = _silent


def facts(run: ExportRun) -> dict[str, Any]:
    """What is known of a run but its texts, for people: single lines, in the order of showing, nothing empty."""
    request, result, model = run.record.request, run.record.result, run.record.request.model
    rate = token_rate(result.tokens_out, result.ms_first, result.ms_total)
    usual = params_to_dict(Params())
    params = {key: value for key, value in request.used_params.items() if key in _SHOWN or value != usual.get(key)}
    known: dict[str, Any] = {
        "id": run.id,
        "created": request.created,
        "session": run.session.title,
        "template": request.template.path,
        "model": model.file,
        "quant": model.quant,
        "engine": f"{request.engine} {request.engine_version}".strip(),
        "status": run.record.result.status,
        "finish_reason": result.finish_reason,
        "error": result.error,
        "rating": run.rating,
        "star": run.star,
        "tokens_in": result.tokens_in,
        "tokens_out": result.tokens_out,
        "ms_load": result.ms_load,
        "ms_first": result.ms_first,
        "ms_total": result.ms_total,
        "tokens_per_second": round(rate, 1),
        "repro": result.repro,
        "sha256": result.sha256,
        "edited": run.record.edited,
        "parent": request.parent,
        "params": {key: _single(value) for key, value in params.items() if value is not None},
    }
    return {key: _single(value) for key, value in known.items() if value or key in ("tokens_out",)}


def _single(value: Any) -> Any:
    if isinstance(value, str):
        return display_line(value)
    return [_single(item) for item in value] if isinstance(value, list | tuple) else value


def heading(run: ExportRun) -> str:
    """One line that says what a run is."""
    request = run.record.request
    template = request.template.path.removeprefix("templates/")
    return display_line(
        " · ".join(filter(None, (template, request.model.file, request.created[:16].replace("T", " "))))
    )


def shown(text: str) -> str:
    """A text for a page: as on a screen, lines ended by LF."""
    return display(text.replace("\r\n", "\n"))


def messages_of(prompt: Prompt) -> tuple[Message, ...]:
    """The prompt as a chat; a raw prompt is one message of the user."""
    return prompt.messages if prompt.form == "messages" else (Message("user", prompt.text),)
