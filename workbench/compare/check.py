"""Checks of an output: what may be asked, how it is written, and what an answer looks like.

A check gives a score from 0 to 1 and passes at its threshold. One that could not be made is neither passed nor failed:
it says why in ``error``. Checks that need more than the text (a function from a file, a judge) are made in
``workbench.service.scoring``; whatever they say has the same form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.compare.check_parse import parse_check_text, parse_checks
from workbench.compare.check_spec import KINDS, OUTSIDE, CheckSpec, Subject, bound, verdict
from workbench.error import WorkbenchError

__all__ = [
    "KINDS",
    "OUTSIDE",
    "CheckResult",
    "CheckSpec",
    "Score",
    "Subject",
    "bound",
    "judged",
    "parse_check_text",
    "parse_checks",
    "run_check",
    "score",
    "unmade",
    "verdict",
]


# Kinds whose score is the share that was found of a list.
_ANY = ("contains", "icontains", "regex")
# Kinds whose score tells how near a miss is: turned round it would tell nothing.
_NEAR = ("words", "chars", "tokens")


@dataclass(frozen=True)
class CheckResult:
    """``passed`` None: not made, and ``error`` says why; ``score`` is 0 then. ``detail`` is a few words for people."""

    name: str
    kind: str
    passed: bool | None
    score: float = 0.0
    detail: str = ""
    error: str = ""


@dataclass(frozen=True)
class Score:
    """All checks of one output, ``passed`` as ``verdict`` has it.

    ``value`` is the weighted mean of the scores that there are, 0 without any.
    """

    passed: bool | None
    value: float


def score(results: Sequence[CheckResult], specs: Sequence[CheckSpec]) -> Score:
    """Results in the order of their checks. Raises ValueError when the lengths differ."""
    total = value = 0.0
    for result, spec in zip(results, specs, strict=True):
        if result.passed is not None:
            total += spec.weight
            value += spec.weight * result.score
    return Score(verdict(result.passed for result in results), value / total if total else 0.0)


def run_check(spec: CheckSpec, subject: Subject) -> CheckResult:
    """Make one check of the text. Never raises on content, and is bounded in time; safe in any thread.

    A check of ``OUTSIDE`` comes back unmade.
    """
    if spec.kind in OUTSIDE:
        return unmade(spec, f"a {spec.kind} check is made by the scorer")
    from workbench.compare.check_kinds import FAMILIES

    try:
        found, detail = FAMILIES[spec.kind](spec, subject)
    except WorkbenchError as error:
        return unmade(spec, error.message)
    return judged(spec, found, detail)


def judged(spec: CheckSpec, found: float, detail: str) -> CheckResult:
    """The result of a check that found ``found`` (0 to 1)."""
    value = min(1.0, max(0.0, found))
    threshold = KINDS[spec.kind] if spec.threshold is None else spec.threshold
    if spec.negate:
        if spec.kind in _ANY and spec.threshold is None:
            # "Not all of them" is never meant: a list of forbidden words forbids each.
            return CheckResult(spec.label, spec.kind, value == 0.0, 1.0 - value, detail)
        passed = value < threshold
        turned = float(passed) if spec.kind in _NEAR else 1.0 - value
        return CheckResult(spec.label, spec.kind, passed, turned, detail)
    return CheckResult(spec.label, spec.kind, value >= threshold, value, detail)


def unmade(spec: CheckSpec, why: str) -> CheckResult:
    return CheckResult(spec.label, spec.kind, None, error=why)
