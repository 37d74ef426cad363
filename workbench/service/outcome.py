"""A run's result, from its last event and what came before."""

from __future__ import annotations

from workbench.event import Failed, Finished
from workbench.record import RunResult, sha256_text


def result_of(last: Finished | Failed, text: str, pieces: int, *, reasoning: str = "") -> RunResult:
    """``pieces`` are their number, which stands for the tokens where nobody counted them."""
    if isinstance(last, Failed):
        return RunResult(
            status="error",
            finish_reason=last.reason,
            text=text,
            sha256=sha256_text(text),
            tokens_out=pieces,
            unit="chunk",
            ms_total=last.t_ms,
            error=f"{last.message}\n{last.hint}".strip(),
            stderr=last.stderr,
            exit=last.exit,
            reasoning=reasoning,
        )
    return RunResult(
        status=last.status,
        finish_reason=last.reason,
        text=text,
        sha256=sha256_text(text),
        tokens_in=last.tokens_in,
        tokens_out=last.tokens_out,
        unit=last.unit,
        ms_load=last.ms_load,
        ms_first=last.ms_first,
        ms_total=last.t_ms,
        repro=last.repro,
        tokens_cached=last.tokens_cached,
        reasoning=reasoning,
    )
