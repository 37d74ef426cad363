"""One pane: what it runs with, the text that streams into it, and a title that says how it differs from the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from workbench.display import cell_width, display_line
from workbench.event import Failed
from workbench.param import params_to_dict
from workbench.record import RunRequest, RunResult, sha256_text
from workbench.service.empty import why_empty
from workbench.service.history import Version
from workbench.session.info import RunRecord, Session
from workbench.tui.status import RunState
from workbench.tui.stream import StreamView

if TYPE_CHECKING:
    from workbench.tui.bridge import RunBridge

SIGNS = {"finished": "=", "stopped": "#", "cancelled": "#", "failed": "!", "error": "!", "interrupted": "?"}
NAME_WIDTHS = (14, 8, 0)


@dataclass(frozen=True)
class PaneSettings:
    """What the next run of a pane is made with. Empty: as the template and the settings say."""

    model: str = ""
    engine: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    version: Version | None = None


class PaneText(StreamView):
    """The text of a pane; tells when it was scrolled, so that others can go along."""

    class Scrolled(Message):
        def __init__(self, view: PaneText) -> None:
            super().__init__()
            self.view = view

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.Scrolled(self))


class Pane(Vertical):
    """Title and text. ``state`` is that of the run that is shown; ``record`` is there once it has ended."""

    DEFAULT_CSS = "Pane { width: 1fr; height: 1fr; }"

    def __init__(self, *, jump: bool, placeholder: str = "", id: str | None = None) -> None:
        super().__init__()
        self.view = PaneText(id=id, placeholder=placeholder, jump=jump)
        self.view.add_class("pane-text")
        self.settings = PaneSettings()
        self.state = RunState()
        self.bridge: RunBridge | None = None
        self.request: RunRequest | None = None
        self.record: RunRecord | None = None
        self.session: Session | None = None
        self._title = Static("Output", classes="title", markup=False)
        self._shown = ""
        self._words: tuple[str, tuple[str, ...], bool] | None = None

    def compose(self) -> ComposeResult:
        yield self._title
        yield self.view

    def set(self, settings: PaneSettings) -> None:
        """Other settings for the next run; the title tells these from now on, the text stays."""
        if settings != self.settings:
            self.settings, self.request = settings, None

    def begin(self, bridge: RunBridge) -> None:
        """Show a new run from its first piece."""
        self.bridge, self.request, self.record = bridge, None, None
        self.view.clear()
        self.view.marked_line = 0

    def end(self) -> None:
        """The run of ``bridge`` is over; what it was stays as the record."""
        bridge, self.bridge = self.bridge, None
        if bridge is not None and bridge.handle.request is not None and bridge.handle.result is not None:
            self.request = bridge.handle.request
            self.record = RunRecord(bridge.handle.request, bridge.handle.result)
            if isinstance(bridge.last, Failed):
                self.view.placeholder = f"{bridge.last.message}\n{bridge.last.hint}".strip()
            else:
                self.view.placeholder = why_empty(bridge.handle.result)

    def show_record(self, session: Session, record: RunRecord, state: RunState) -> None:
        """A recorded run as it was."""
        self.bridge, self.record, self.session = None, record, session
        self.request, self.state = record.request, state
        self.view.marked_line = 0
        self.view.set_text(record.result.text)
        self.view.placeholder = why_empty(record.result)

    def now(self) -> RunRecord | None:
        """What there is of the run at this moment, for a comparison; None before there is a request."""
        if self.bridge is None or self.bridge.handle.request is None:
            return self.record
        text = self.view.text
        partial = RunResult("running", "", text, sha256_text(text), tokens_out=self.state.tokens)
        return RunRecord(self.bridge.handle.request, partial)

    # -- what it is called -------------------------------------------------------------------------------------

    def facts(self) -> dict[str, str]:
        """Everything by which panes can differ, as texts: of the run that is shown, else of the next one."""
        request = self.request or (self.bridge.handle.request if self.bridge is not None else None)
        if request is not None:
            params = {name: str(value) for name, value in params_to_dict(request.params).items()}
            head = {"model": model_name(request.model.file), "engine": request.engine}
            template = request.template.sha256[:8]
        else:
            version, params = self.settings.version, {key: str(value) for key, value in self.settings.params.items()}
            head = {"model": model_name(self.settings.model), "engine": self.settings.engine}
            template = version.sha256[:8] if version else ""
        return {**head, "template": template, **params}

    def on_resize(self) -> None:
        if self._words is not None:
            label, about, masked = self._words
            self.draw(label, about, masked=masked)

    def draw(self, label: str, about: Sequence[str], *, masked: bool = False) -> None:
        """The title: ``label``, ``about`` as far as it fits, and the run's progress at the right. Cheap when equal."""
        self._words = (label, tuple(about), masked)
        room = max(10, self.size.width - 2)
        words = display_line(f"{label} {' · '.join(about)}")
        rights = [_masked_phase(self.state)] if masked else list(progress(self.state))
        # Better a word less about the run than one less about what it is.
        right = next((text for text in rights if cell_width(words) + cell_width(text) < room), rights[-1])
        right = display_line(right, room // 2)
        left = display_line(words, max(1, room - cell_width(right) - 1))
        line = left + " " * max(1, room - cell_width(left) - cell_width(right)) + right
        if line != self._shown:
            self._shown = line
            self._title.update(Content(line), layout=False)

    def draw_alone(self) -> None:
        """The title of a pane without neighbours."""
        self._words = None
        if self._shown:
            self._shown = ""
            self._title.update(Content("Output"), layout=False)


def model_name(file: str) -> str:
    """A model as a title has room for it."""
    return file.rpartition("/")[2].removesuffix(".gguf")


def progress(state: RunState) -> Iterator[str]:
    """Tokens, speed and what is going on, then the same in fewer words; the usual course of a run needs none."""
    if not state.tokens:
        yield state.problem or state.phase
        return
    count, speed = f"{state.tokens} tok", f"{state.per_second:.1f} tok/s"
    said = state.problem or ("" if state.phase == "streaming" else state.phase)
    if said:
        yield f"{count} {speed} · {said}"
    yield f"{count} {speed} {sign(state)}".rstrip()
    yield f"{count} {sign(state)}".rstrip()


def sign(state: RunState) -> str:
    """How a run ended, as the session list says it; nothing while it goes on."""
    return next((mark for word, mark in SIGNS.items() if word in state.phase), "")


def _masked_phase(state: RunState) -> str:
    """How a run ended tells which it was to whoever stopped it."""
    return "ended" if sign(state) else state.phase


def tab_texts(panes: Sequence[tuple[str, Pane]], room: int, *, masked: bool) -> list[str]:
    """Each pane in a few words, as many as all of them have room for: ``1 SmolLM2 43 tok``, ``2 gemma loading``."""
    texts: list[str] = []
    for width in NAME_WIDTHS:
        texts = [_tab_text(number, pane, width, masked=masked) for number, pane in panes]
        if sum(cell_width(text) + 2 for text in texts) < room:
            break
    return texts


def _tab_text(number: str, pane: Pane, width: int, *, masked: bool) -> str:
    state = pane.state
    count = _masked_phase(state) if masked else f"{state.tokens} tok" if state.tokens else state.phase
    facts = pane.facts()
    name = display_line(facts["model"].split("-")[0] or facts["engine"], width) if width and not masked else ""
    return " ".join(part for part in (number, name, count, sign(state) if state.tokens and not masked else "") if part)


def differences(all_facts: Sequence[Mapping[str, str]]) -> Iterator[list[str]]:
    """For each of several panes: whatever is not the same in all of them, and model and engine in any case.

    Drawn seeds always differ; they are told only when nothing else does.
    """
    names = dict.fromkeys(name for facts in all_facts for name in facts if name not in ("model", "engine"))
    differing = [name for name in names if len({facts.get(name, "") for facts in all_facts}) > 1]
    heads = [len({facts[name] for facts in all_facts}) > 1 for name in ("model", "engine")]
    if "seed" in differing and (len(differing) > 1 or any(heads)):
        differing.remove("seed")
    for facts in all_facts:
        # What is the same in all comes last: it is left out first.
        head = sorted(zip(heads, (facts["model"], facts["engine"]), strict=True), key=lambda item: not item[0])
        about = [name for differs, name in head if differs]
        about += [f"{name}={facts[name]}" for name in differing if facts.get(name)]
        about += [name for differs, name in head if not differs]
        yield [part for part in dict.fromkeys(about) if part]


def recorded_settings(requests: Sequence[RunRequest]) -> list[PaneSettings]:
    """What runs that were made side by side can be made with again: model, engine, and the parameters and template
    version in which they differ; seeds that were drawn are none.
    """
    all_params = [params_to_dict(request.params) for request in requests]
    names = dict.fromkeys(name for params in all_params for name in params if name != "seed")
    differing = [name for name in names if len({str(params.get(name)) for params in all_params}) > 1]
    several = len({request.template.sha256 for request in requests}) > 1
    return [
        PaneSettings(
            request.model.file,
            request.engine,
            {name: params[name] for name in differing if name in params},
            _version(request) if several else None,
        )
        for request, params in zip(requests, all_params, strict=True)
    ]


def _version(request: RunRequest) -> Version:
    template = request.template
    return Version(template.sha256, request.created, request.created, 1, template.source, request.id)
