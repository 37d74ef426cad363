"""A stored run as a plan: the same prompt to the byte, the same parameters and sizes, and a cold prompt cache."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench import __version__
from workbench.engine import LoadSpec, engine_version
from workbench.error import ModelError
from workbench.record import IncludeRef, ModelRef, Prompt, RunRequest
from workbench.service.plan import RunPlan, for_model
from workbench.service.plan_model import ChosenModel, choose_model
from workbench.service.remote import same_server, wire_messages
from workbench.session.ids import new_ulid, now_iso
from workbench.template.prepared import FIRST, PromptChoice

if TYPE_CHECKING:
    from workbench.engine.gguf import GgufHeader
    from workbench.engine.shelf import ModelEntry
    from workbench.service import Workbench

# Engines that need no model file of this machine.
FILELESS = ("scripted", "server")


def recorded_model(bench: Workbench, model: ModelRef) -> ModelEntry:
    """The file that a run used: by name, or by fingerprint under any name. Else the one that has its name now.

    Blocking. Raises ModelError when there is neither.
    """
    from workbench.engine.shelf import fingerprint

    entry: ModelEntry | None = None
    problem = ModelError(f"there is no model {model.file!r}")
    try:
        entry = bench.find_model(model.file)
        if not model.fingerprint or fingerprint(entry.path) == model.fingerprint:
            return entry
    except ModelError as error:
        problem = error
    for other in bench.models() if model.fingerprint else []:
        if other.header.file_bytes == model.bytes and fingerprint(other.path) == model.fingerprint:
            return other
    if entry is None:
        raise problem
    return entry


def plan_again(bench: Workbench, request: RunRequest, *, model: str) -> RunPlan:
    """The plan; nothing is rendered. ``model`` is the path of the file to use; a server is found by its address.

    Raises ModelError, NetworkError, UsageError.
    """
    # Never with a cache: tokens that an earlier prompt left there change the last digits of the sums.
    params = replace(request.params, cold_cache=True)
    chosen = _chosen_again(bench, request, model)
    load = LoadSpec(
        engine=chosen.engine,
        path=chosen.path,
        n_ctx=chosen.n_ctx,
        n_threads=request.threads,
        # What gpt4all tells is its own; only what was asked for finds a loaded engine again.
        n_batch=request.n_batch if request.n_batch and chosen.engine != "gpt4all" else LoadSpec.n_batch,
        script=chosen.script,
        cache_type=params.cache_type,
    )
    again = replace(
        request,
        id=new_ulid(),
        created=now_iso(),
        app=__version__,
        engine_version=engine_version(request.engine) or "",
        model=chosen.model,
        params=params,
        group="",
        pane=0,
        cell={},
        parent=request.id,
        changed=(),
        cache="cold",
        endpoint=chosen.endpoint,
    )
    prompt = request.prompt
    # A server that makes the model's text itself was given the messages.
    messages = () if prompt.model_text else wire_messages(prompt)
    return RunPlan(again, load, prompt.model_text or prompt.plain, (), chosen.reason, messages)


def _chosen_again(bench: Workbench, request: RunRequest, model: str) -> ChosenModel:
    if request.engine == "scripted":
        script = os.environ.get("WORKBENCH_SCRIPT", "")
        return ChosenModel("scripted", request.model, None, "", "", request.n_ctx, script=script)
    if request.engine == "server":
        model = same_server(bench, request)
    params = replace(request.params, n_ctx=request.n_ctx or request.params.n_ctx)
    return choose_model(bench, model, request.engine, "", params)


def render_again(
    bench: Workbench, request: RunRequest, header: GgufHeader | None
) -> tuple[Prompt, tuple[IncludeRef, ...]]:
    """What the stored template renders to today, and the files it includes today. Raises TemplateError, UsageError."""
    from workbench.template.document import parse_document

    pattern = request.pattern
    item = PromptChoice(pattern.index, pattern.order, pattern.seed or 0) if pattern else FIRST
    document = parse_document(request.template.source, path=request.template.path)
    rendered = bench.prepare(document, request.variables, seed=item.seed).render(item)
    return for_model(bench, rendered.prompt, header, []), rendered.includes
