"""A run file or a recording's first line, read back into the records.

Never fails on content: what is missing or of the wrong kind takes the record's default, so that a damaged or
newer file still shows what it has. What is of the right kind and out of all range does as well, and is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args

from workbench.event import FinishReason, Repro, Status
from workbench.param import SPECS, Params, params_from_record
from workbench.record import (
    IncludeRef,
    Message,
    MissingText,
    ModelRef,
    PatternRef,
    PickRef,
    Prompt,
    RunRequest,
    RunResult,
    TemplateRef,
)
from workbench.session.blob import unpack
from workbench.session.ids import stored_iso

# No time, count or size is larger, and nothing larger fits into the index.
_MOST = (1 << 63) - 1


class _Table:
    """Typed access to a table that may hold anything. ``faults`` gets a few words for what is out of range."""

    def __init__(self, data: object, read_blob: Callable[[str], str | None], faults: list[str] | None = None) -> None:
        self.data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        self.faults: list[str] = [] if faults is None else faults
        self._read_blob = read_blob

    def value(self, key: str) -> Any:
        return unpack(self.data.get(key), self._read_blob)

    def text(self, key: str) -> str:
        value = self.value(key)
        if isinstance(value, datetime):
            moment = stored_iso(value if value.tzinfo else value.replace(tzinfo=UTC))
            if not moment:
                self.faults.append(f"{key!r} is no possible time")
            return moment
        return value if isinstance(value, str) else ""

    def number(self, key: str, default: int = 0, *, most: int = _MOST) -> int:
        value = self.data.get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            return default
        if not 0 <= value <= most:
            self.faults.append(f"{key!r} is out of range")
            return default
        return value

    def one_of(self, key: str, kind: Any, default: str) -> Any:
        value = self.data.get(key)
        return value if value in get_args(kind) else default

    def table(self, key: str) -> _Table:
        return _Table(self.data.get(key), self._read_blob, self.faults)

    def tables(self, key: str) -> list[_Table]:
        rows = self.data.get(key)
        return [_Table(row, self._read_blob, self.faults) for row in rows] if isinstance(rows, list) else []

    def values(self, key: str) -> dict[str, Any]:
        rows = self.data.get(key)
        if not isinstance(rows, Mapping):
            return {}
        return {str(name): unpack(item, self._read_blob) for name, item in rows.items()}


def request_from_dict(
    data: Mapping[str, Any], read_blob: Callable[[str], str | None], faults: list[str] | None = None
) -> RunRequest:
    """The request of a run file or of a recording's first line. ``faults`` is told of what had to be left out. Never
    raises.
    """
    top = _Table(data, read_blob, faults)
    engine, params = top.table("engine"), top.table("params")
    changed = top.value("changed")
    return RunRequest(
        id=top.text("id"),
        created=top.text("created"),
        app=top.text("app"),
        template=_read_template(top.table("template")),
        variables=top.values("variables"),
        prompt=_read_prompt(top.table("prompt")),
        engine=engine.text("name"),
        engine_version=engine.text("version"),
        model=_read_model(top.table("model")),
        params=_read_params(params),
        seed_mode=_choice(params, "seed_mode", ("set", "greedy", "none"), "none"),
        group=top.text("group"),
        pane=top.number("pane"),
        parent=top.text("parent"),
        changed=tuple(str(item) for item in changed) if isinstance(changed, list) else (),
        pattern=_read_pattern(top.table("pattern")) if "pattern" in data else None,
        device=engine.text("device") or "cpu",
        threads=engine.number("threads"),
        n_ctx=engine.number("n_ctx"),
        n_batch=engine.number("n_batch"),
        cache=_choice(engine, "cache", ("cold", "warm"), "cold"),
        endpoint=engine.text("endpoint"),
        cell=top.values("cell"),
        not_sent=_names(params.data.get("not_sent")),
    )


def apply_started(request: RunRequest, started: Mapping[str, Any]) -> RunRequest:
    """The request with what the engine said it really used: a recording's line of kind ``s``. Never raises."""
    line = _Table(started, lambda _sha256: None)
    engine = line.table("engine")
    params = _read_params(line.table("params")) if "params" in started else request.params
    not_sent = _names(started.get("not_sent"))
    return replace(
        request,
        params=params,
        not_sent=not_sent,
        seed_mode=_seed_mode(request, params, not_sent),
        cache=_choice(line, "cache", ("cold", "warm"), request.cache),
        device=engine.text("device") or request.device,
        threads=engine.number("threads") or request.threads,
        n_ctx=engine.number("n_ctx") or request.n_ctx,
        n_batch=engine.number("n_batch") or request.n_batch,
        engine_version=engine.text("version") or request.engine_version,
    )


def _names(value: object) -> tuple[str, ...]:
    """Of our parameters; others are a newer version's."""
    return tuple(name for name in value if isinstance(name, str) and name in SPECS) if isinstance(value, list) else ()


def _seed_mode(request: RunRequest, params: Params, not_sent: tuple[str, ...]) -> Literal["set", "greedy", "none"]:
    """What was not sent makes no run greedy, and gives it no seed."""
    off = {name: SPECS[name].off for name in not_sent}
    if not off or (request.seed_mode == "greedy" and replace(params, **off).greedy):
        return request.seed_mode
    return "none" if "seed" in off or request.params.seed is None else "set"


def _choice(table: _Table, key: str, known: tuple[str, ...], default: str) -> Any:
    value = table.data.get(key)
    return value if value in known else default


def _read_template(table: _Table) -> TemplateRef:
    includes = [IncludeRef(row.text("path"), row.text("sha256"), row.text("source")) for row in table.tables("include")]
    return TemplateRef(
        path=table.text("path"),
        sha256=table.text("sha256"),
        source=table.text("source"),
        engine=table.text("engine"),
        includes=tuple(includes),
    )


def _read_prompt(table: _Table) -> Prompt:
    chat = table.table("chat_template")
    text = table.text("text")
    form = _choice(table, "form", ("text", "messages"), "text")
    return Prompt(
        form=form,
        text=text,
        messages=tuple(
            Message(_choice(row, "role", ("system", "user", "assistant"), "user"), row.text("content"))
            for row in table.tables("messages")
        ),
        # Raw prompts reach the model as they are, so that the text stands in the file once.
        model_text=table.text("model_text") if form == "messages" or "model_text" in table.data else text,
        chat_template=_choice(chat, "source", ("gguf", "builtin", "none"), "none"),
        chat_template_sha256=chat.text("sha256"),
    )


def _read_model(table: _Table) -> ModelRef:
    return ModelRef(
        file=table.text("file"),
        bytes=table.number("bytes"),
        sha256=table.text("sha256"),
        fingerprint=table.text("fingerprint"),
        arch=table.text("arch"),
        quant=table.text("quant"),
        name=table.text("name"),
    )


def _read_params(table: _Table) -> Params:
    values = {name: table.value(name) for name in SPECS}
    # A schema that is gone is none; that it is gone must not be lost as well.
    missing: dict[str, Any] = {
        name: value for name, value in values.items() if isinstance(value, MissingText) and SPECS[name].kind is str
    }
    return replace(params_from_record(values), **missing)


def _read_pattern(table: _Table) -> PatternRef:
    seed = table.data.get("seed")
    return PatternRef(
        # Of as many prompts as there are: they may be more than any other number here counts.
        index=table.number("index", most=_MOST**64),
        order=_choice(table, "order", ("combinatorial", "sample", "shuffled"), "combinatorial"),
        count=table.text("count"),
        seed=seed if isinstance(seed, int) else None,
        picks=tuple(
            PickRef(row.text("key"), row.number("option"), row.text("text"), row.text("name"))
            for row in table.tables("pick")
        ),
    )


def result_from_dict(data: object, faults: list[str] | None = None) -> RunResult:
    """The ``[result]`` table, as ``request_from_dict``; a status that is not known is an error."""
    table = _Table(data, lambda _sha256: None, faults)
    exit_code = table.data.get("exit")
    return RunResult(
        status=cast(Status, table.one_of("status", Status, "error")),
        finish_reason=cast(FinishReason, table.one_of("finish_reason", FinishReason, "")),
        text=table.text("text"),
        sha256=table.text("sha256"),
        tokens_in=table.number("tokens_in"),
        tokens_out=table.number("tokens_out"),
        unit=_choice(table, "unit", ("token", "chunk"), "token"),
        ms_load=table.number("ms_load"),
        ms_first=table.number("ms_first"),
        ms_total=table.number("ms_total"),
        repro=cast(Repro, table.one_of("repro", Repro, "none")),
        error=table.text("error"),
        stderr=table.text("stderr"),
        tokens_cached=table.number("tokens_cached"),
        reasoning=table.text("reasoning"),
        exit=exit_code if isinstance(exit_code, int) and not isinstance(exit_code, bool) else None,
    )
