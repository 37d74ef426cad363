"""From a wish to a request: template, model, engine, parameters and the exact text that the model will see.

Everything here is blocking and bounded, and happens before anything is written or started; each fault is an error that
says what to do. The result is complete: no value is left to an engine's own default.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

from workbench import __version__
from workbench.engine import LoadSpec, engine_version
from workbench.error import AccessDenied, LimitExceeded, TemplateError, UsageError
from workbench.param import Params, fit_params, params_from
from workbench.record import Message, ModelRef, Prompt, RunRequest, TemplateRef, sha256_text
from workbench.service.memo import PlanMemo
from workbench.service.plan_model import ChosenModel, choose_model
from workbench.session.ids import new_ulid, now_iso
from workbench.template.prepared import FIRST, PromptChoice

if TYPE_CHECKING:
    from workbench.engine.gguf import GgufHeader
    from workbench.service import Workbench
    from workbench.session.store import Session
    from workbench.template.document import TemplateDocument
    from workbench.template.prepared import Rendered


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

    memo = spec.memo or PlanMemo()
    prepared = bench.prepare(spec.document, spec.variables, seed=spec.item.seed)
    rendered = prepared.render(spec.item)
    notices = [diagnostic.message for diagnostic in rendered.warnings]
    params = params_from(spec.document.header.params, params_from(bench.config.params))
    params = params_from(spec.params, params)
    chosen = _chosen(bench, spec, params, memo)
    if chosen.notice:
        notices.append(chosen.notice)
    params, lacking = fit_params(params, chosen.engine)
    notices.extend(lacking)
    adjusted = spec.adjust(rendered.prompt) if spec.adjust is not None else rendered.prompt
    # A server whose chat template is not known makes the model's text itself.
    messages = wire_messages(adjusted) if chosen.endpoint and chosen.header is None else ()
    prompt = adjusted if messages else for_model(bench, adjusted, chosen.header, notices)
    if not prompt.model_text and not messages:
        raise UsageError("the prompt is empty", hint="Write something into the template's body, or fill its slots.")
    params = _seeded(params)
    load = LoadSpec(
        engine=chosen.engine,
        path=chosen.path,
        n_ctx=chosen.n_ctx,
        n_threads=0 if chosen.endpoint else params.n_threads or _threads(bench, chosen, memo),
        script=chosen.script,
        cache_type=params.cache_type,
    )
    if (header := chosen.header) is not None and not chosen.endpoint:
        check = partial(memory_notices, bench, load, header, forced=spec.force_memory)
        notices += memo.once(("memory", load), check)
    version = memo.once(("version", chosen.engine), lambda: engine_version(chosen.engine) or "")
    used = _variables(spec.document, prepared.values, spec.variables)
    request = _request(spec, used, replace(rendered, prompt=prompt), chosen, version, load, params)
    return RunPlan(request, load, prompt.model_text or prompt.plain, tuple(notices), chosen.reason, messages)


def _chosen(bench: Workbench, spec: RunSpec, params: Params, memo: PlanMemo) -> ChosenModel:
    """What the run names, else the template, else the settings."""
    head = spec.document.header.model
    asked, prefer = spec.engine or str(head.get("engine", "")), bench.config.engine_prefer
    if (asked or prefer) == "scripted":
        script = spec.script or os.environ.get("WORKBENCH_SCRIPT", "")
        return ChosenModel("scripted", ModelRef(file="scripted"), None, "no model is needed", "", 2048, script=script)
    name = spec.model or str(head.get("name", ""))
    sought = ("model", name, asked, prefer, params.n_ctx, params.cache_type)
    return memo.once(sought, lambda: choose_model(bench, name, asked, prefer, params))


def _request(
    spec: RunSpec,
    variables: Mapping[str, Any],
    rendered: Rendered,
    chosen: ChosenModel,
    version: str,
    load: LoadSpec,
    params: Params,
) -> RunRequest:
    document = spec.document
    return RunRequest(
        id=new_ulid(),
        created=now_iso(),
        app=__version__,
        template=TemplateRef(
            document.path, document.sha256, document.source, _jinja_version(), tuple(rendered.includes)
        ),
        variables=variables,
        prompt=rendered.prompt,
        engine=chosen.engine,
        engine_version=version,
        model=chosen.model,
        params=params,
        seed_mode="greedy" if params.greedy else "set",
        group=spec.group,
        pane=spec.pane,
        pattern=rendered.pattern,
        parent=spec.parent,
        changed=spec.changed,
        threads=load.n_threads,
        n_ctx=load.n_ctx,
        n_batch=load.n_batch,
        cache="cold" if params.cold_cache else "warm",
        cell=spec.cell,
        device="server" if chosen.endpoint else "cpu",
        endpoint=chosen.endpoint,
    )


def _threads(bench: Workbench, chosen: ChosenModel, memo: PlanMemo) -> int:
    """All runs of a grid get the same, so that an engine stays loaded whatever else runs beside it."""
    engine, path = chosen.engine, chosen.path
    return memo.once(("threads", engine, path), lambda: max(1, bench.pool.threads_for(engine, path) // memo.lanes))


def _variables(document: TemplateDocument, values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every value that was used, defaults included; of a file slot its path, the text is in the prompt."""
    files = {name for name, spec in document.header.slots.items() if spec.type == "file"}
    return {
        name: given.get(name, document.header.slots[name].default) if name in files else value
        for name, value in values.items()
    }


def _seeded(params: Params) -> Params:
    """Greedy runs need no seed; others always get one, drawn here when nobody set it, so that a run can be repeated."""
    if params.greedy:
        return replace(params, seed=params.seed if params.seed is not None else 0)
    if params.seed is None:
        return replace(params, seed=secrets.randbelow(2**31))
    return params


def for_model(bench: Workbench, prompt: Prompt, header: GgufHeader | None, notices: list[str]) -> Prompt:
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
