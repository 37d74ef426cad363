"""What stands at the side of the browser: a session, or a run with its inputs and text, as plain text."""

from __future__ import annotations

from workbench.display import counted
from workbench.param import Params, params_to_dict
from workbench.service.empty import why_empty
from workbench.session.index import Hit
from workbench.session.info import RunRecord, Session
from workbench.tui.numbers import day_time


def session_text(session: Session, runs: int) -> str:
    """Title, tags and note of a session."""
    lines = [session.title, f"{day_time(session.created)}, {counted(runs, 'run')}"]
    lines += [" ".join(f"#{tag}" for tag in session.tags)] if session.tags else []
    lines += ["not in the workspace: it could not be written"] if session.unsaved else []
    lines += [session.problem] if session.problem else []
    return "\n".join([*lines, "", session.note]).rstrip()


def run_text(session: Session, record: RunRecord, hit: Hit) -> str:
    """Inputs, figures, prompt, output and reasoning of a run."""
    request, result = record.request, record.result
    note = session.runs.get(request.id, {}).get("note", "")
    lines = [
        f"{request.template.path} on {request.model.file}, {request.engine} {request.engine_version}".rstrip(),
        f"{day_time(request.created)}, {result.status} ({result.finish_reason or 'no reason'}), "
        f"repeatable: {result.repro}",
        f"{result.tokens_in} in, {result.tokens_out} out, first {result.ms_first / 1000:.2f} s, "
        f"{hit.tokens_per_second:.1f} tok/s",
    ]
    usual = params_to_dict(Params())
    values = request.used_params
    differing = [f"{key}={value}" for key, value in values.items() if value is not None and usual.get(key) != value]
    lines += [" ".join(differing)] if differing else []
    lines += [f"not sent, as the server does not take it: {', '.join(request.not_sent)}"] if request.not_sent else []
    lines += [f"{name} = {value}" for name, value in request.variables.items()]
    lines += [f"from {request.parent}, changed: {', '.join(request.changed) or 'nothing'}"] if request.parent else []
    lines += [f"rated {hit.rating} of 5{', starred' if hit.star else ''}"] if hit.rating or hit.star else []
    lines += [f"note: {note}"] if note else []
    lines += [text for text in (record.problem, result.error) if text]
    lines += ["the text is not the one that was recorded"] if record.edited else []
    # An error stands above.
    output = result.text or ("" if result.error else why_empty(result))
    lines += ["", "-- prompt --", request.prompt.plain, "", "-- output --", output]
    lines += ["", "-- reasoning --", result.reasoning] if result.reasoning else []
    return "\n".join(lines)
