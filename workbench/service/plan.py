"""From a wish to a request: template, model, engine, parameters and the exact text that the model will see.

Everything here is blocking and bounded, and happens before anything is written or started; each fault is an error that
says what to do. The result is complete: no value is left to an engine's own default.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from workbench import __version__
from workbench.engine import LoadSpec, engine_version
from workbench.error import AccessDenied, LimitExceeded, ModelError, TemplateError, UsageError
from workbench.param import Params, fit_params, params_from
from workbench.record import Message, ModelRef, Prompt, RunRequest, TemplateRef, sha256_text
from workbench.service.memo import PlanMemo
from workbench.session.ids import new_ulid, now_iso
from workbench.template.prepared import FIRST, PromptChoice

if TYPE_CHECKING:
    from workbench.engine.gguf import GgufHeader
    from workbench.engine.shelf import ModelEntry
    from workbench.service import Workbench
    from workbench.service.remote import Remote
    from workbench.session.store import Session
    from workbench.template.document import TemplateDocument

SeedMode = Literal["set", "greedy", "none"]


@dataclass(frozen=True)
class RunSpec:
    """What a person asks for. Empty strings leave the choice to template, settings and the tool, in that order."""

    document: TemplateDocument
    variables: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    engine: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    session: Session | None = None
    save: bool = True
    group: str = ""
    pane: int = 0
    parent: str = ""
    changed: tuple[str, ...] = ()
    script: str = ""
    item: PromptChoice = FIRST
    cell: Mapping[str, Any] = field(default_factory=dict)
    adjust: Callable[[Prompt], Prompt] | None = None
    force_memory: bool = False
    memo: PlanMemo | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class RunPlan:
    """A complete run, not yet started. ``notices`` are sentences that a person should read.

    ``messages`` are for a server that makes the model's text of them itself; ``prompt_text`` is then for people.
    """

    request: RunRequest
    load: LoadSpec
    prompt_text: str
    notices: tuple[str, ...] = ()
    reason: str = ""
    messages: tuple[Mapping[str, str], ...] = ()


def plan_run(bench: Workbench, spec: RunSpec) -> RunPlan:
    """Render, choose, check. Raises TemplateError, ModelError, NetworkError, UsageError."""
    from workbench.service.plan_memory import memory_notices
    from workbench.service.remote import wire_messages

    document, memo = spec.document, spec.memo or PlanMemo()
    prepared = bench.prepare(document, spec.variables, seed=spec.item.seed)
    rendered = prepared.render(spec.item)
    notices = [diagnostic.message for diagnostic in rendered.warnings]
    params = params_from(bench.config.params)
    params = params_from(document.header.params, params)
    params = params_from(spec.params, params)
    asked = spec.engine or str(document.header.model.get("engine", ""))
    prefer = bench.config.engine_prefer
    if (asked or prefer) == "scripted":
        chosen = _Chosen("scripted", ModelRef(file="scripted"), None, "no model is needed", "", 2048)
        script = spec.script or os.environ.get("WORKBENCH_SCRIPT", "")
    else:
        name = spec.model or str(document.header.model.get("name", ""))
        sought = ("model", name, asked, prefer, params.n_ctx, params.cache_type)
        chosen = memo.once(sought, lambda: _choose(bench, name, asked, prefer, params))
        script = chosen.script
    if chosen.notice:
        notices.append(chosen.notice)
    params, lacking = fit_params(params, chosen.engine)
    notices.extend(lacking)
    adjusted = spec.adjust(rendered.prompt) if spec.adjust is not None else rendered.prompt
    # A server whose chat template is not known makes the model's text itself.
    messages = wire_messages(adjusted) if chosen.endpoint and chosen.header is None else ()
    prompt = adjusted if messages else _for_model(bench, adjusted, chosen.header, notices)
    if not prompt.model_text and not messages:
        raise UsageError("the prompt is empty", hint="Write something into the template's body, or fill its slots.")
    params, seed_mode = _seeded(params)
    threads = 0 if chosen.endpoint else params.n_threads or _threads(bench, chosen.engine, chosen.path, memo)
    load = LoadSpec(
        engine=chosen.engine,
        path=chosen.path,
        n_ctx=chosen.n_ctx,
        n_threads=threads,
        script=script,
        cache_type=params.cache_type,
    )
    if (header := chosen.header) is not None and not chosen.endpoint:
        forced = spec.force_memory
        notices += memo.once(("memory", load), lambda: memory_notices(bench, load, header, forced=forced))
    request = RunRequest(
        id=new_ulid(),
        created=now_iso(),
        app=__version__,
        template=TemplateRef(
            path=document.path,
            sha256=document.sha256,
            source=document.source,
            engine=_jinja_version(),
            includes=tuple(rendered.includes),
        ),
        variables=_variables(document, prepared.values, spec.variables),
        prompt=prompt,
        engine=chosen.engine,
        engine_version=memo.once(("version", chosen.engine), lambda: engine_version(chosen.engine) or ""),
        model=chosen.model,
        params=params,
        seed_mode=seed_mode,
        group=spec.group,
        pane=spec.pane,
        pattern=rendered.pattern,
        parent=spec.parent,
        changed=spec.changed,
        threads=threads,
        n_ctx=chosen.n_ctx,
        n_batch=load.n_batch,
        cache="cold" if params.cold_cache else "warm",
        cell=spec.cell,
        device="server" if chosen.endpoint else "cpu",
        endpoint=chosen.endpoint,
    )
    return RunPlan(request, load, prompt.model_text or prompt.plain, tuple(notices), chosen.reason, messages)


@dataclass(frozen=True)
class _Chosen:
    engine: str
    model: ModelRef
    header: GgufHeader | None
    reason: str
    path: str
    n_ctx: int
    notice: str = ""
    script: str = ""
    endpoint: str = ""


def _threads(bench: Workbench, engine: str, path: str, memo: PlanMemo) -> int:
    """All runs of a grid get the same, so that an engine stays loaded whatever else runs beside it."""
    return memo.once(("threads", engine, path), lambda: max(1, bench.pool.threads_for(engine, path) // memo.lanes))


def _choose(bench: Workbench, name: str, asked: str, prefer: str, params: Params) -> _Chosen:
    from workbench.engine.compat import compatible_copy
    from workbench.engine.memory import choose_context
    from workbench.engine.quarantine import quarantined
    from workbench.engine.select import choose_engine
    from workbench.engine.shelf import cached_sha256, fingerprint
    from workbench.service.remote import instead_of_file, remote_model

    if (remote := remote_model(bench, name, asked, prefer)) is not None:
        return _at_server(remote)
    try:
        entry: ModelEntry = bench.find_model(name)
    except ModelError as missing:
        return _at_server(instead_of_file(bench, name, asked, missing))
    header = entry.header
    verdict = choose_engine(header, asked=asked, prefer=prefer, avoid=quarantined(entry.path))
    path, notice = entry.path, ""
    if verdict.needs_copy:
        path = compatible_copy(entry.path, header, bench.workspace.cache_dir.parent / "models")
        notice = (
            f"{verdict.engine} runs a copy of {entry.path.name} whose pre-tokenizer is named "
            f"{verdict.needs_copy!r} (equivalent); the original is untouched"
        )
    cache = params.cache_type if verdict.engine == "llamacpp" else LoadSpec.cache_type
    n_ctx = choose_context(header, verdict.engine, params.n_ctx, cache_type=cache)
    model = ModelRef(
        file=entry.path.name,
        bytes=header.file_bytes,
        sha256=cached_sha256(entry.path) or "",
        fingerprint=fingerprint(entry.path),
        arch=header.arch,
        quant=header.quant,
        name=header.name,
    )
    return _Chosen(verdict.engine, model, header, verdict.reason, str(path), n_ctx, notice)


def _at_server(remote: Remote) -> _Chosen:
    script, endpoint = remote.target.dumps(), remote.target.public_url
    return _Chosen("server", remote.model, remote.header, remote.reason, "", remote.n_ctx, "", script, endpoint)


def _variables(document: TemplateDocument, values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every value that was used, defaults included; of a file slot its path, the text is in the prompt."""
    files = {name for name, spec in document.header.slots.items() if spec.type == "file"}
    return {
        name: given.get(name, document.header.slots[name].default) if name in files else value
        for name, value in values.items()
    }


def _seeded(params: Params) -> tuple[Params, SeedMode]:
    """Greedy runs need no seed; others always get one, drawn here when nobody set it, so that a run can be repeated."""
    if params.greedy:
        return replace(params, seed=params.seed if params.seed is not None else 0), "greedy"
    if params.seed is None:
        return replace(params, seed=secrets.randbelow(2**31)), "set"
    return params, "set"


def _for_model(bench: Workbench, prompt: Prompt, header: GgufHeader | None, notices: list[str]) -> Prompt:
    """The prompt with the exact text that the model sees."""
    if prompt.form == "text":
        return replace(prompt, model_text=prompt.text)
    if not any(message.content.strip() for message in prompt.messages):
        return prompt
    template = header.chat_template if header is not None else ""
    if not template:
        kind: Literal["builtin", "none"] = "none" if len(prompt.messages) == 1 else "builtin"
        if header is not None:
            notices.append(
                "this model has no chat template (a base model): it continues text rather than answers; "
                'consider mode = "raw"'
            )
        return replace(prompt, model_text=_transcript(prompt.messages), chat_template=kind)
    assert header is not None
    text = apply_chat_template(bench, template, prompt.messages, header, notices)
    return replace(prompt, model_text=text, chat_template="gguf", chat_template_sha256=sha256_text(template))


def apply_chat_template(
    bench: Workbench, template: str, messages: tuple[Message, ...], header: GgufHeader, notices: list[str]
) -> str:
    """The exact text that the model's own template makes of the messages. Raises TemplateError when it refuses them."""
    try:
        return bench.renderer.chat(template, messages, bos_token=header.bos_token, eos_token=header.eos_token)
    except (LimitExceeded, AccessDenied):
        raise
    except TemplateError as error:
        # Some models' templates refuse a system role; the usual way is to put it before the first question.
        if messages[0].role != "system" or len(messages) < 2 or messages[1].role != "user":
            raise TemplateError(
                f"the model's own chat template refuses these messages: {error.message}",
                hint='Change the roles, or use mode = "raw".',
                file="chat template of the model",
                line=error.line,
            ) from error
    merged = Message("user", f"{messages[0].content}\n\n{messages[1].content}")
    notices.append("this model's chat template has no system role: the system text goes before the first question")
    return bench.renderer.chat(
        template, (merged, *messages[2:]), bos_token=header.bos_token, eos_token=header.eos_token
    )


def _transcript(messages: tuple[Message, ...]) -> str:
    if len(messages) == 1:
        return messages[0].content
    names = {"system": "", "user": "User: ", "assistant": "Assistant: "}
    lines = [f"{names[message.role]}{message.content}" for message in messages]
    return "\n\n".join([*lines, "Assistant:"])


@cache
def _jinja_version() -> str:
    from importlib.metadata import version

    return f"jinja2 {version('jinja2')}"
