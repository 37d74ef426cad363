"""Whether a run can be repeated to the byte: what was recorded beside what there is now, line by line.

A line is ``equal``, ``differs`` or ``unknown``; none of them is a verdict. A run whose engine is newer may well give
the same text, and that is worth knowing: the lines say why, if it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from workbench.error import StorageError, WorkbenchError
from workbench.event import Repro, Started
from workbench.param import params_to_dict
from workbench.record import IncludeRef, Prompt, RunRequest, missing_texts, sha256_text
from workbench.service.again import FILELESS, plan_again, recorded_model, render_again
from workbench.service.plan import RunPlan
from workbench.session.ingest.incoming import ENGINE as IMPORTED
from workbench.session.missing import lost_prompt, missing_in, missing_words
from workbench.session.runread import apply_started, request_from_dict

if TYPE_CHECKING:
    from workbench.engine.shelf import ModelEntry
    from workbench.service import Workbench
    from workbench.session.info import RunRecord, Session
    from workbench.session.reader import RecordingView

State = Literal["equal", "differs", "unknown"]
# Whatever the file's size: verifying insists on it.
_ANY_SIZE = 1 << 62
# Chosen by what a run needs, or switched on for the repetition: told on lines of their own.
_OWN_LINES = ("cold_cache", "n_ctx", "n_threads")


@dataclass(frozen=True, slots=True)
class Check:
    """A line of the pre-flight list. ``recorded`` and ``now`` are for people, foreign text."""

    name: str
    recorded: str
    now: str
    state: State
    note: str = ""


@dataclass(frozen=True)
class Drift:
    """The stored template rendered today, against the prompt that was sent. The prompt that was sent is what is run.

    ``notes`` say what else changed: included files, the template engine, the model's chat template.
    """

    state: State = "unknown"
    before: str = ""
    after: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preflight:
    """``plan`` is None when it cannot run, and ``problem`` says why. ``repro`` is the class that was recorded.

    ``expected`` is the recorded text; when the run was cut short (``partial``) only its beginning is compared.
    """

    record: RunRecord
    checks: tuple[Check, ...]
    drift: Drift
    repro: Repro
    expected: str
    partial: bool
    plan: RunPlan | None = None
    problem: str = ""
    hint: str = ""


def repro_of(record: RunRecord) -> Repro:
    """The class that was decided when it ran. A run that was killed could not decide: it follows from its request."""
    request, result = record.request, record.result
    if result.status == "finished" or result.repro != "none":
        return result.repro
    if not request.params.greedy and request.params.seed is None:
        return "none"
    local = request.engine != "server" and request.device == "cpu"
    return "exact" if local and request.cache == "cold" else "likely"


def preflight(bench: Workbench, session: Session, run_id: str) -> Preflight:
    """Everything that can be told before it runs. Blocking, up to the hashing of the model file.

    Raises StorageError when there is no such run.
    """
    record = bench.store.open_run(session, run_id)
    try:
        view: RecordingView | None = bench.store.recording(session, run_id)
    except StorageError:
        view = None
    expected, checks = _expected(record, view)
    partial = record.result.status != "finished"
    plain = Preflight(record, (), Drift(), repro_of(record), expected, partial)
    if refusal := _refusal(record, plain):
        return replace(plain, checks=tuple(checks), problem=refusal[0], hint=refusal[1])
    entry: ModelEntry | None = None
    try:
        if record.request.engine not in FILELESS:
            entry = recorded_model(bench, record.request.model)
        plan = plan_again(bench, record.request, model=str(entry.path) if entry else "")
    except WorkbenchError as error:
        at_server = record.request.engine == "server"
        lost = "endpoint" if at_server else "model file" if entry is None else "engine"
        missing = Check(lost, _named(record.request, lost), "missing", "differs")
        return replace(plain, checks=(missing, *checks), problem=error.message, hint=error.hint)
    plan = _with_sha256(plan, entry)
    found = (*_checks(record.request, plan.request), *checks, *_witness(record.request, view))
    return replace(plain, checks=found, drift=_drift(bench, record.request, entry), plan=plan)


def _again(record: RunRecord) -> str:
    elsewhere = record.request.engine == IMPORTED
    return f"workbench sessions rerun {record.request.id}{' --model NAME' if elsewhere else ''}"


def _refusal(record: RunRecord, plain: Preflight) -> tuple[str, str] | None:
    """Why it cannot be run again at all, and what to do."""
    if record.live:
        return "it is still running", "Wait until it has ended."
    if record.newer:
        return "it was written by a newer version", "Verify it with that version."
    prompt = record.request.prompt
    if not prompt.model_text and not (record.request.engine == "server" and prompt.messages):
        return "the prompt that the model saw is not recorded", f"Run it again instead: {_again(record)}"
    if lost := lost_prompt(record.request) | dict(missing_texts(record.request.params, "params")):
        return missing_words(lost), "Bring the file back, from a copy or with git."
    if plain.repro == "none":
        why = "it was sampled without a seed, or its engine takes none"
        return f"not reproducible by nature: {why}", "Run it again and compare: workbench sessions rerun."
    if plain.partial and not plain.expected:
        return f"it ended as {record.result.status} before the first token: there is nothing to compare", ""
    return None


def _expected(record: RunRecord, view: RecordingView | None) -> tuple[str, list[Check]]:
    """The text that was recorded, also when the run file was edited since and the recording still has it."""
    result = record.result
    if not record.edited:
        return result.text, []
    if view is not None and sha256_text(view.text) == result.sha256:
        note = "the run file was edited; compared with the recording"
        return view.text, [Check("text", "as it came", "edited", "differs", note)]
    return result.text, [Check("text", "as it came", "edited", "differs", "the recording does not have it either")]


def _with_sha256(plan: RunPlan, entry: ModelEntry | None) -> RunPlan:
    from workbench.engine.shelf import cached_sha256

    if entry is None or plan.request.model.sha256:
        return plan
    model = replace(plan.request.model, sha256=cached_sha256(entry.path, at_most=_ANY_SIZE) or "")
    return replace(plan, request=replace(plan.request, model=model))


def _named(request: RunRequest, what: str) -> str:
    """What was recorded of a thing that is missing now."""
    names = {"endpoint": request.endpoint, "model file": request.model.file}
    return names.get(what, f"{request.engine} {request.engine_version}".strip())


def compared(name: str, recorded: object, now: object, note: str = "") -> Check:
    """A line; a value that one side does not have is unknown."""
    before, after = _words(recorded), _words(now)
    state: State = "equal" if before == after else "differs"
    return Check(name, before, after, state if before and after else "unknown", note)


def _words(value: object) -> str:
    return "" if value is None else str(value)


def _checks(before: RunRequest, after: RunRequest) -> Iterator[Check]:
    yield compared("engine", f"{before.engine} {before.engine_version}", f"{after.engine} {after.engine_version}")
    yield compared("workbench", before.app, after.app)
    if before.endpoint or after.endpoint:
        yield compared("endpoint", before.endpoint or None, after.endpoint or None)
    elif before.engine != "scripted":
        yield compared("model file", before.model.file, after.model.file)
        yield compared("model fingerprint", before.model.fingerprint, after.model.fingerprint)
        yield compared("model sha256", before.model.sha256, after.model.sha256)
    yield from _params(before, after)
    yield compared("seed mode", before.seed_mode, after.seed_mode)
    yield compared("threads", before.threads or None, after.threads or None)
    yield compared("n_batch", before.n_batch or None, after.n_batch or None)
    yield compared("n_ctx", before.n_ctx or None, after.n_ctx or None)
    yield compared("device", before.device, after.device)
    note = "" if before.cache == after.cache else "read anew now; what a warm cache held can change the text"
    yield compared("prompt cache", before.cache, after.cache, note)


def _params(before: RunRequest, after: RunRequest) -> list[Check]:
    """One line when all are equal, else one for each that differs."""
    old, new = (_sent(request) for request in (before, after))
    differing = [
        Check(f"params.{name}", _value(old.get(name)), _value(new.get(name)), "differs")
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    ]
    return differing or [Check("params", f"{len(old)} values", f"{len(new)} values", "equal")]


def _value(value: object) -> str:
    """A parameter for people; an empty text is a value."""
    return "unset" if value is None else str(value) if value != "" else "empty"


def _sent(request: RunRequest) -> Mapping[str, Any]:
    return {name: value for name, value in params_to_dict(request.params).items() if name not in _OWN_LINES}


def observed(plan: RunPlan, before: RunRequest, started: Started, known: tuple[Check, ...]) -> tuple[Check, ...]:
    """The lines once the engine has said what it really used; what it does not say stays as it was foreseen."""
    engine = started.engine
    after = apply_started(
        plan.request,
        {
            "engine": {
                "device": engine.device,
                "threads": engine.threads,
                "n_ctx": engine.n_ctx,
                "n_batch": engine.n_batch,
                "version": engine.version,
            },
            "params": params_to_dict(started.params),
            "cache": started.cache,
        },
    )
    if engine.capabilities.seed == "none" and not after.params.greedy:
        after = replace(after, seed_mode="none")
    fresh = {check.name: check for check in _checks(before, after)}
    gone = {check.name for check in _checks(before, plan.request)} - set(fresh)
    kept = [fresh.pop(check.name, check) for check in known if check.name not in gone]
    return (*kept, *fresh.values())


def _witness(request: RunRequest, view: RecordingView | None) -> Iterator[Check]:
    """Where the run file does not say what the recording of the run says: it was edited."""
    if view is None or view.head is None:
        return
    recorded = request_from_dict(view.head["req"], lambda _sha256: None)
    if view.started is not None:
        recorded = apply_started(recorded, view.started)
    note = "the run file was edited; the recording says otherwise"
    for check in _params(recorded, request):
        if check.state != "equal":
            yield replace(check, name=f"recorded {check.name}", note=note)
    prompt = view.head["req"].get("prompt")
    sha256 = prompt.get("sha256") if isinstance(prompt, dict) else None
    if isinstance(sha256, str) and sha256 != request.prompt.sha256:
        yield Check("recorded prompt", sha256, request.prompt.sha256, "differs", note)


def _drift(bench: Workbench, request: RunRequest, entry: ModelEntry | None) -> Drift:
    if not request.template.source:
        return Drift(notes=("the template's source is not recorded",))
    if lost := missing_in(request):
        return Drift("unknown", request.prompt.model_text, notes=(missing_words(lost),))
    try:
        prompt, includes = render_again(bench, request, entry.header if entry else None)
    except WorkbenchError as error:
        return Drift("unknown", request.prompt.model_text, notes=(f"it does not render any more: {error.message}",))
    before, after = request.prompt.model_text, prompt.model_text
    if request.engine == "server":
        # Its chat template may be the server's own, so that only what was made of our template can be compared.
        before, after = request.prompt.plain, prompt.plain
        prompt = replace(prompt, chat_template_sha256=request.prompt.chat_template_sha256)
    state: State = "equal" if before == after else "differs"
    return Drift(state, before, after, tuple(_drift_notes(request, prompt, includes)))


def _drift_notes(request: RunRequest, prompt: Prompt, includes: tuple[IncludeRef, ...]) -> Iterator[str]:
    from importlib.metadata import version

    now = f"jinja2 {version('jinja2')}"
    if request.template.engine and request.template.engine != now:
        yield f"template engine: {request.template.engine}, now {now}"
    old, new = ({item.path: item.sha256 for item in items} for items in (request.template.includes, includes))
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            yield f"included file {path}: changed"
    if request.prompt.chat_template_sha256 != prompt.chat_template_sha256:
        yield "the model's chat template is another one"
