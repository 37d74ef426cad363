"""Why a run that ended gave no text, in a sentence that says what to do."""

from __future__ import annotations

from workbench.record import RunResult

_RAISE = "Raise it: --param max_tokens=..., or F7 in the app."


def why_empty(result: RunResult) -> str:
    """Empty for a run that gave text, or that is still going on."""
    if result.text or result.status == "running":
        return ""
    if result.status in ("error", "interrupted"):
        return f"This run gave no text.\n\n{result.error}".rstrip()
    if result.status == "cancelled":
        return "Stopped before the answer began."
    return f"The answer was empty: {_reason(result)}"


def _reason(result: RunResult) -> str:
    match result.finish_reason:
        case "tool-calls":
            return "the model called a tool, and the workbench has none. Let the prompt ask for an answer in words."
        case "content-filter":
            return "the server's content filter held it back. Change the prompt, or use another model."
        case "stop-string":
            return "it began with a stop string. Change stop, or leave it out."
        case "length" if result.reasoning:
            return f"the reasoning took all of max_tokens. {_RAISE}"
        case "length":
            return f"max_tokens was reached before any text came. {_RAISE}"
    if result.reasoning:
        return "the model ended after its reasoning. Run again, or change the prompt."
    return "the model ended at once. Change the prompt; a chat model wants messages, not a raw prompt."
