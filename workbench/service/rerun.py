"""Run again with changes: everything as it was recorded but for what is named, and what came of it side by side.

The new run names its parent and what differs, found by comparing the two requests rather than from the wish: a value
that is set to what it was is no change, and one that follows from another (an engine from a model) is told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench.compare.changed import changed_inputs, deltas
from workbench.compare.diff import Part, diff
from workbench.error import ModelError, UsageError
from workbench.param import params_to_dict
from workbench.record import Prompt, RunRequest
from workbench.service.again import FILELESS, recorded_model
from workbench.service.plan import RunPlan, RunSpec, plan_run
from workbench.service.remote import same_server
from workbench.service.run import RunHandle
from workbench.session.ingest.incoming import ENGINE as IMPORTED
from workbench.session.missing import refuse_missing
from workbench.template.prepared import FIRST, PromptChoice

if TYPE_CHECKING:
    from workbench.service import Workbench
    from workbench.session.info import RunRecord, Session
    from workbench.template.document import TemplateDocument

# Sizes that follow from model and engine; they count as changed only when somebody asked for them.
_FOLLOW = ("params.n_ctx", "params.n_threads")
_CHOICES = {"template.source": "template", "model.fingerprint": "model"}


@dataclass(frozen=True)
class Changes:
    """What is to be different; what is empty stays as recorded. ``seeds``: one run for each."""

    template: TemplateDocument | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    engine: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangedInput:
    """An input of two runs that differs, as text; ``-`` where one of them has no such value."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Delta:
    """A measured figure of two runs. ``unit`` is ms, tokens/s or tokens."""

    name: str
    unit: str
    before: float
    after: float

    @property
    def change(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class Comparison:
    """Two runs beside each other: inputs, texts, figures."""

    inputs: tuple[ChangedInput, ...]
    parts: tuple[Part, ...]
    deltas: tuple[Delta, ...]


def seed_list(record: RunRecord, count: int, first: int | None = None) -> tuple[int, ...]:
    """Seeds of ``count`` runs: ``first``, else the recorded one, and those that follow it. Raises UsageError.

    Empty for a single run without ``first``: it keeps the recorded seed.
    """
    if count < 1:
        raise UsageError(f"it cannot run {count} times", hint="1 or more.")
    if count == 1 and first is None:
        return ()
    start = first if first is not None else record.request.params.seed or 0
    return tuple((start + number) % (2**32 - 1) for number in range(count))


def rerun(
    bench: Workbench, session: Session, record: RunRecord, changes: Changes, *, save: bool = True
) -> list[RunHandle]:
    """The runs, one for each seed, ready to be iterated one after another. Nothing has happened yet.

    Raises TemplateError when the stored template is no template any more; UsageError when there is none; StorageError
    when a text that it needs is missing.
    """
    _refuse_lost(record, changes)
    document = changes.template or stored_document(record)
    handles = []
    for seed in changes.seeds or (None,):
        params = {**changes.params, **({} if seed is None else {"seed": seed})}
        spec = RunSpec(
            document,
            {**record.request.variables, **changes.variables},
            engine=_engine(record.request, changes),
            params={**_stored_params(record.request, changes), **params},
            session=session,
            save=save,
            parent=record.request.id,
            item=_item(record.request),
            adjust=_adjust(record.request, changes),
        )
        handles.append(RunHandle(bench, spec, partial(_plan, bench, record.request, changes, spec)))
    return handles


def _refuse_lost(record: RunRecord, changes: Changes) -> None:
    """The prompt is made anew; what it is made of must be there, or be given."""
    given = {*(f"variables.{name}" for name in changes.variables), *(f"params.{name}" for name in changes.params)}
    made_of = "prompt.messages" if _adjust(record.request, changes) else "template.source"
    lost = {
        place: text
        for place, text in record.missing.items()
        if (place.startswith(made_of) and changes.template is None)
        or (place.startswith(("variables.", "params.")) and not any(_within(place, name) for name in given))
    }
    slots = [place.partition(".")[2] for place in lost if not place.startswith(made_of)]
    ways = [f"--set-file {name}=FILE" for name in slots] + ["--template NAME"] * (len(slots) < len(lost))
    refuse_missing(lost, instead=f"Or give it anew: {' '.join(ways)}")


def _within(place: str, name: str) -> bool:
    return place == name or place.startswith((f"{name}.", f"{name}["))


def stored_document(record: RunRecord) -> TemplateDocument:
    """The template as it was run; of a run that came without one, an empty one beside its messages. Raises
    TemplateError; UsageError when neither was recorded.
    """
    from workbench.template.document import parse_document

    template = record.request.template
    if not template.source:
        if not record.request.prompt.messages:
            raise UsageError("the run has no template recorded", hint="Name one: --template NAME")
        # Its messages are given as they are: see ``_adjust``.
        return parse_document("", path=template.path)
    return parse_document(template.source, path=template.path)


def _adjust(before: RunRequest, changes: Changes) -> Callable[[Prompt], Prompt] | None:
    """Messages of another tool, which no template made, instead of what is rendered."""
    if changes.template or before.template.source or not before.prompt.messages:
        return None
    return lambda prompt: replace(prompt, form="messages", text="", messages=before.prompt.messages)


def _plan(bench: Workbench, before: RunRequest, changes: Changes, spec: RunSpec) -> RunPlan:
    model = changes.model
    if not model:
        stays = before.engine == "server" and changes.engine in ("", "server")
        model = same_server(bench, before) if stays else before.model.file
        if before.engine not in FILELESS and changes.engine not in FILELESS:
            try:
                model = str(recorded_model(bench, before.model).path)
            except ModelError as error:
                if before.engine != IMPORTED:
                    raise
                raise ModelError(error.message, hint="It ran elsewhere. Name a model for it: --model NAME") from error
    plan = plan_run(bench, replace(spec, model=model))
    changed = changed_names(before, plan.request, {f"params.{name}" for name in changes.params})
    return replace(plan, request=replace(plan.request, changed=changed))


def _engine(before: RunRequest, changes: Changes) -> str:
    """The recorded engine, unless another model is asked for: what suits that one is chosen anew."""
    return changes.engine or ("" if changes.model or before.engine == IMPORTED else before.engine)


def _stored_params(before: RunRequest, changes: Changes) -> dict[str, Any]:
    params = params_to_dict(before.params)
    if changes.model or changes.engine or before.engine == IMPORTED:
        for name in _FOLLOW:
            params.pop(name.removeprefix("params."), None)
    return params


def _item(before: RunRequest) -> PromptChoice:
    pattern = before.pattern
    return PromptChoice(pattern.index, pattern.order, pattern.seed or 0) if pattern else FIRST


def changed_names(before: RunRequest, after: RunRequest, asked: Collection[str] = ()) -> tuple[str, ...]:
    """What a run is recorded to differ in from its parent: the choices, not what followed from them.

    Sizes count when they are among the ``asked``; a model that only has another name does not.
    """
    same_file = bool(before.model.fingerprint) and before.model.fingerprint == after.model.fingerprint
    names = []
    for change in changed_inputs(before, after):
        name = _CHOICES.get(change.name, change.name)
        followed = name.startswith(("prompt", "engine.")) or (name in _FOLLOW and name not in asked)
        if not followed and not (name == "model" and same_file):
            names.append(name)
    if _number(before) != _number(after):
        names.append("pattern")
    return tuple(dict.fromkeys(names))


def _number(request: RunRequest) -> tuple[int, str, int | None] | None:
    pattern = request.pattern
    return (pattern.index, pattern.order, pattern.seed) if pattern else None


def compare_runs(before: RunRecord, after: RunRecord) -> Comparison:
    """What differs in the inputs, in the texts (by lines for code, else by words), and in the figures."""
    return Comparison(
        tuple(ChangedInput(item.name, item.left, item.right) for item in changed_inputs(before.request, after.request)),
        tuple(diff(before.result.text, after.result.text)),
        tuple(
            Delta(*_figure(item.name, after.result.unit), item.left, item.right)
            for item in deltas(before.result, after.result)
        ),
    )


def _figure(name: str, unit: str) -> tuple[str, str]:
    """What people call a figure, and its unit."""
    words = {
        "tokens_out": ("tokens", f"{unit}s"),
        "tokens_per_s": ("speed", f"{unit}s/s"),
        "ms_first": ("first token", "ms"),
        "ms_total": ("total", "ms"),
    }
    return words.get(name, (name, ""))
