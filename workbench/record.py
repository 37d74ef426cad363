"""The frozen records that pass between the parts: prompt, model, request and result of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

from workbench.event import FinishReason, Repro, Status
from workbench.param import Params, params_to_dict


def sha256_text(text: str) -> str:
    """SHA-256 of the text's UTF-8 bytes, as 64 hex digits. Lone surrogates are encoded as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class MissingText(str):
    """Stands for a text that was kept apart, under its hash, and is gone or damaged. As text it is a sentence that
    says so; it is recorded as what it stands for, and never given to a model.
    """

    blob: str
    size: int

    def __new__(cls, blob: str, size: int) -> MissingText:
        made = super().__new__(cls, f"[{size} bytes are missing here: {blob}]")
        made.blob, made.size = blob, size
        return made

    def __getnewargs__(self) -> tuple[str, int]:  # type: ignore[override]
        return self.blob, self.size

    def __str__(self) -> str:
        # Not a plain copy, which would pass for a text.
        return self


def missing_texts(value: Any, place: str = "") -> Iterator[tuple[str, MissingText]]:
    """Every text that is missing in a value or a record, with its place: ``variables.topic``."""
    if isinstance(value, MissingText):
        yield place, value
    elif is_dataclass(value):
        for item in fields(value):
            yield from missing_texts(getattr(value, item.name), f"{place}.{item.name}".lstrip("."))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from missing_texts(item, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from missing_texts(item, f"{place}[{number}]")


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a template renders to. ``form`` tells which of ``text`` and ``messages`` counts.

    ``model_text`` is the exact string that the model saw; empty until the chat template has been applied.
    """

    form: Literal["text", "messages"]
    text: str = ""
    messages: tuple[Message, ...] = ()
    model_text: str = ""
    chat_template: Literal["gguf", "builtin", "none"] = "none"
    chat_template_sha256: str = ""

    @property
    def plain(self) -> str:
        """The prompt for people: the text, or the messages with their roles as headings when there are several."""
        if self.form == "text":
            return self.text
        if len(self.messages) == 1 and self.messages[0].role == "user":
            return self.messages[0].content
        return "\n\n".join(f"[{message.role}]\n{message.content}" for message in self.messages)

    @property
    def sha256(self) -> str:
        """Of the model's exact text if known, else of ``plain``."""
        text = self.model_text or self.plain
        return text.blob if isinstance(text, MissingText) else sha256_text(text)


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model of a run: file name only, never a path of this machine, so that records can be shared."""

    file: str
    bytes: int = 0
    sha256: str = ""
    fingerprint: str = ""
    arch: str = ""
    quant: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class IncludeRef:
    path: str
    sha256: str
    source: str


@dataclass(frozen=True, slots=True)
class TemplateRef:
    """The template a run was made of; ``path`` relative to the workspace, or ``-`` for standard input."""

    path: str
    sha256: str
    source: str
    engine: str = ""
    includes: tuple[IncludeRef, ...] = ()


@dataclass(frozen=True, slots=True)
class PickRef:
    """The option that one pattern group got."""

    key: str
    option: int
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class PatternRef:
    """Which of a template's prompts this is. ``count`` is a decimal string, it may exceed 64 bits."""

    index: int
    order: Literal["combinatorial", "sample", "shuffled"]
    count: str
    seed: int | None = None
    picks: tuple[PickRef, ...] = ()


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Everything that will be used, defaults included; written durably before the engine starts."""

    id: str
    created: str
    app: str
    template: TemplateRef
    variables: Mapping[str, Any]
    prompt: Prompt
    engine: str
    engine_version: str
    model: ModelRef
    params: Params
    seed_mode: Literal["set", "greedy", "none"] = "none"
    group: str = ""
    pane: int = 0
    parent: str = ""
    changed: tuple[str, ...] = ()
    pattern: PatternRef | None = None
    device: str = "cpu"
    threads: int = 0
    n_ctx: int = 0
    n_batch: int = 0
    cache: Literal["cold", "warm"] = "cold"
    endpoint: str = ""
    cell: Mapping[str, Any] = field(default_factory=dict)
    not_sent: tuple[str, ...] = ()

    @property
    def used_params(self) -> dict[str, Any]:
        """The sampling values that were sent, as plain data; None for each that the engine was not told."""
        return params_to_dict(self.params) | dict.fromkeys(self.not_sent)


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended. ``sha256`` is of the exact output bytes; times in ms, tokens in ``unit``. ``reasoning`` is what
    a server kept apart from the text.
    """

    status: Status
    finish_reason: FinishReason
    text: str
    sha256: str
    tokens_in: int = 0
    tokens_out: int = 0
    unit: Literal["token", "chunk"] = "token"
    ms_load: int = 0
    ms_first: int = 0
    ms_total: int = 0
    repro: Repro = "none"
    error: str = ""
    stderr: str = ""
    exit: int | None = None
    tokens_cached: int = 0
    reasoning: str = ""
