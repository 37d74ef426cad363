"""Run again with changes: everything as it was recorded but for what is named, and what came of it side by side.

The new run names its parent and what differs, found by comparing the two requests rather than from the wish: a value
that is set to what it was is no change, and one that follows from another (an engine from a model) is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from workbench.error import UsageError
from workbench.param import params_to_dict
from workbench.record import RunRequest
from workbench.service.again import FILELESS, recorded_model
from workbench.service.plan import RunPlan, RunSpec, plan_run
from workbench.service.run import RunHandle
from workbench.template.prepared import FIRST, PromptChoice

if TYPE_CHECKING:
    from workbench.compare.diff import Part
    from workbench.service import Workbench
    from workbench.session.info import RunRecord, Session
    from workbench.template.document import TemplateDocument

# Sizes that follow from model and engine; they count as changed only when somebody asked for them.
_FOLLOW = ("n_ctx", "n_threads")


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
    """An input of two runs that differs; None where one of them has no such value."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Delta:
    """A measured figure of two runs. ``unit`` is ms, tokens/s or tokens; None: not known."""

    name: Literal["first token", "speed", "tokens"]
    unit: str
    before: float | None
    after: float | None

    @property
    def change(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before


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

    Raises TemplateError when the stored template is no template any more; UsageError when there is none.
    """
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
        )
        handles.append(RunHandle(bench, spec, _planner(bench, record.request, changes, spec)))
    return handles


def stored_document(record: RunRecord) -> TemplateDocument:
    """The template as it was run. Raises TemplateError; UsageError when it was not recorded."""
    from workbench.template.document import parse_document

    template = record.request.template
    if not template.source:
        raise UsageError("the run has no template recorded", hint="Name one: --template NAME")
    return parse_document(template.source, path=template.path)


def _planner(bench: Workbench, before: RunRequest, changes: Changes, spec: RunSpec) -> Callable[[], RunPlan]:
    return partial(_plan, bench, before, changes, spec)


def _plan(bench: Workbench, before: RunRequest, changes: Changes, spec: RunSpec) -> RunPlan:
    model = changes.model
    if not model:
        model = before.model.file
        if before.engine not in FILELESS and changes.engine not in FILELESS:
            model = str(recorded_model(bench, before.model).path)
    plan = plan_run(bench, replace(spec, model=model))
    asked = {f"params.{name}" for name in changes.params}
    own = {f"params.{name}" for name in _FOLLOW} - asked
    differing = inputs_changed(before, plan.request)
    changed = tuple(item.name for item in differing if item.name not in _TOLD_ONLY and item.name not in own)
    return replace(plan, request=replace(plan.request, changed=changed))


def _engine(before: RunRequest, changes: Changes) -> str:
    """The recorded engine, unless another model is asked for: what suits that one is chosen anew."""
    return changes.engine or ("" if changes.model else before.engine)


def _stored_params(before: RunRequest, changes: Changes) -> dict[str, Any]:
    params = params_to_dict(before.params)
    if changes.model or changes.engine:
        for name in _FOLLOW:
            params.pop(name, None)
    return params


def _item(before: RunRequest) -> PromptChoice:
    pattern = before.pattern
    return PromptChoice(pattern.index, pattern.order, pattern.seed or 0) if pattern else FIRST


# -- two runs beside each other --------------------------------------------------------------------------------

# Differences that nobody chose: shown, but not what a rerun is recorded for.
_TOLD_ONLY = ("prompt", "engine version", "workbench", "threads", "n_ctx", "prompt cache")


def inputs_changed(before: RunRequest, after: RunRequest) -> list[ChangedInput]:
    """Every input that differs, in the order of the run file."""
    return [item for item in _inputs(before, after) if item.before != item.after]


def _inputs(before: RunRequest, after: RunRequest) -> Iterator[ChangedInput]:
    old, new = before.template, after.template
    same = old.sha256 == new.sha256
    yield ChangedInput(
        "template", f"{old.path} {old.sha256[:12]}", f"{old.path if same else new.path} {new.sha256[:12]}"
    )
    yield from _tables("variables", before.variables, after.variables)
    yield ChangedInput("pattern", _number(before), _number(after))
    yield ChangedInput("prompt", before.prompt.plain, after.prompt.plain)
    yield ChangedInput("engine", before.engine, after.engine)
    if before.engine == after.engine:
        yield ChangedInput("engine version", before.engine_version, after.engine_version)
    # The same file under another name is no change; two without a fingerprint are told apart by name.
    same = bool(before.model.fingerprint) and before.model.fingerprint == after.model.fingerprint
    yield ChangedInput("model", before.model.file, before.model.file if same else _model(before, after))
    yield from _tables("params", params_to_dict(before.params), params_to_dict(after.params))
    yield ChangedInput("threads", before.threads, after.threads)
    yield ChangedInput("n_ctx", before.n_ctx, after.n_ctx)
    yield ChangedInput("prompt cache", before.cache, after.cache)
    yield ChangedInput("workbench", before.app, after.app)


def _model(before: RunRequest, after: RunRequest) -> str:
    """The name of the other model; with its fingerprint when only that differs."""
    name, mark = after.model.file, after.model.fingerprint
    return f"{name} ({mark})" if name == before.model.file and mark and before.model.fingerprint else name


def _number(request: RunRequest) -> tuple[int, str, int | None] | None:
    pattern = request.pattern
    return (pattern.index, pattern.order, pattern.seed) if pattern else None


def _tables(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[ChangedInput]:
    for key in {**before, **after}:
        yield ChangedInput(f"{name}.{key}", before.get(key), after.get(key))


def compare_runs(before: RunRecord, after: RunRecord) -> Comparison:
    """What differs in the inputs, in the texts (by lines for code, else by words), and in the figures."""
    from workbench.compare.diff import diff

    return Comparison(
        tuple(inputs_changed(before.request, after.request)),
        tuple(diff(before.result.text, after.result.text)),
        tuple(_deltas(before, after)),
    )


def _deltas(before: RunRecord, after: RunRecord) -> Iterator[Delta]:
    old, new = before.result, after.result
    yield Delta("first token", "ms", old.ms_first or None, new.ms_first or None)
    yield Delta("speed", f"{new.unit}s/s", _speed(before), _speed(after))
    yield Delta("tokens", f"{new.unit}s", old.tokens_out, new.tokens_out)


def _speed(record: RunRecord) -> float | None:
    """Tokens a second after the first; None when too few tell."""
    result = record.result
    seconds = (result.ms_total - result.ms_first) / 1000
    return (result.tokens_out - 1) / seconds if result.tokens_out > 1 and seconds > 0 else None
