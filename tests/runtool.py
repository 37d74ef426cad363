"""Runs for the tests of sessions, with every field set. Imported by short-lived writers, so nothing slow in here."""

from __future__ import annotations

from typing import Any

from workbench.event import EngineInfo, Piece, Started
from workbench.param import Params
from workbench.record import (
    IncludeRef,
    Message,
    ModelRef,
    PatternRef,
    PickRef,
    Prompt,
    RunRequest,
    RunResult,
    TemplateRef,
    sha256_text,
)
from workbench.session.ids import new_ulid
from workbench.session.reader import RecordingView


def request(**more: Any) -> RunRequest:
    """A request with all fields filled."""
    values: dict[str, Any] = {
        "id": new_ulid(),
        "created": "2026-11-25T19:56:12.345Z",
        "app": "0.1.0",
        "template": TemplateRef(
            "templates/say.j2", "ab" * 32, "Say {{ what }}.\n", "jinja2 3.1.6", (IncludeRef("a", "c" * 64, "x"),)
        ),
        "variables": {"what": "雨 or 傘", "k": {"k": "end"}},
        "prompt": Prompt("messages", "", (Message("user", "Say 雨."),), "<user>Say 雨.", "gguf", "d" * 64),
        "engine": "scripted",
        "engine_version": "1",
        "model": ModelRef("tiny.gguf", 5, "e" * 64, "f1", "llama", "Q4_0", "Tiny"),
        "params": Params(temperature=0.1, seed=7, stop=("\n\n",)),
        "seed_mode": "set",
        "group": "01KB",
        "pane": 2,
        "parent": "01KA",
        "changed": ("model", "params.temperature"),
        "pattern": PatternRef(3, "sample", "9" * 30, 5, (PickRef("a", 1, "red", "colour"), PickRef("b", 0, ""))),
        "threads": 2,
        "n_ctx": 2048,
        "n_batch": 64,
        "cache": "warm",
        "endpoint": "http://localhost:1",
        "cell": {"axes": {"model": "x"}, "repeat": 1},
    }
    return RunRequest(**(values | more))


def result(text: str = "In 東京 it rains.\n", **more: Any) -> RunResult:
    values: dict[str, Any] = {
        "status": "finished",
        "finish_reason": "stop",
        "text": text,
        "sha256": sha256_text(text),
        "tokens_in": 3,
        "tokens_out": 4,
        "ms_load": 1,
        "ms_first": 20,
        "ms_total": 300,
        "repro": "exact",
    }
    return RunResult(**(values | more))


def started(params: Params | None = None) -> Started:
    info = EngineInfo("scripted", "2", threads=3, n_ctx=1024, n_batch=32)
    return Started(t_ms=5, engine=info, params=params or Params(seed=9))


def intact(view: RecordingView) -> bool:
    """Whether a recording is complete, and its text is what the run gave, by the hash of its end."""
    whole = view.head is not None and not view.missing and not view.bad_lines
    return whole and view.end is not None and view.end.get("sha256") == sha256_text(view.text)


def pieces(texts: list[str]) -> list[Piece]:
    return [Piece(10 + 7 * index, index, text) for index, text in enumerate(texts)]
