"""Judged by a local model: one stated rubric, greedy, and only a verdict in the asked form counts.

Two outputs are judged in both orders; a verdict that changes with the order is a tie, because it tells the place and
not the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from workbench.error import UsageError
from workbench.event import Failed

if TYPE_CHECKING:
    from workbench.compare.check import CheckSpec, Subject
    from workbench.service import Workbench

_HEAD = '+++\ntitle = "judge"\npatterns = "off"\n+++\n'
SINGLE = (
    _HEAD
    + """\
You judge an answer by one rubric and by nothing else.

Rubric: {{ rubric }}

The task was:
<task>
{{ task }}
</task>

The answer is:
<answer>
{{ first }}
</answer>

Does the answer meet the rubric? Reply with one word, YES or NO.
"""
)
PAIR = (
    _HEAD
    + """\
You compare two answers by one rubric and by nothing else.

Rubric: {{ rubric }}

The task was:
<task>
{{ task }}
</task>

<answer-1>
{{ first }}
</answer-1>

<answer-2>
{{ second }}
</answer-2>

Which answer meets the rubric better? Reply with one word: 1, 2 or TIE.
"""
)
_YES_NO = re.compile(r"(?:verdict\s*:)?\s*\**(yes|no)\**[.!]?", re.IGNORECASE)
_ONE_TWO = re.compile(r"(?:verdict\s*:)?\s*\**(?:answer[ -]?)?(1|2|tie)\**[.!]?", re.IGNORECASE)
_TOKENS = 16


@dataclass(frozen=True)
class PairVerdict:
    """``winner`` of the two orders together; ``steady`` whether both orders said the same."""

    winner: Literal["a", "b", "tie"]
    steady: bool


async def judge_one(bench: Workbench, spec: CheckSpec, subject: Subject) -> tuple[float, str]:
    """1 or 0, and what was said; with ``against`` 1, 0.5 or 0. Raises UsageError without a verdict."""
    if against := str(spec.options.get("against", "")):
        found = await judge_pair(bench, str(spec.value), subject.prompt, subject.text, against, options=spec.options)
        told = "the same in both orders" if found.steady else "it changed with the order"
        return {"a": 1.0, "tie": 0.5, "b": 0.0}[found.winner], told
    variables = {"rubric": str(spec.value), "task": subject.prompt, "first": subject.text}
    verdict = await _ask(bench, SINGLE, variables, _YES_NO, spec.options)
    return float(verdict == "yes"), f"the judge says {verdict}"


async def judge_pair(
    bench: Workbench, rubric: str, task: str, a: str, b: str, *, options: Mapping[str, Any] | None = None
) -> PairVerdict:
    """Asked in both orders. Raises UsageError when either answer is no verdict."""
    picks: list[str] = []
    for first, second, names in ((a, b, "ab"), (b, a, "ba")):
        variables = {"rubric": rubric, "task": task, "first": first, "second": second}
        said = await _ask(bench, PAIR, variables, _ONE_TWO, options or {})
        picks.append("tie" if said == "tie" else names[int(said) - 1])
    if picks[0] != picks[1]:
        return PairVerdict("tie", steady=False)
    return PairVerdict(picks[0], steady=True)  # type: ignore[arg-type]


async def _ask(
    bench: Workbench, source: str, variables: Mapping[str, str], form: re.Pattern[str], options: Mapping[str, Any]
) -> str:
    from workbench.service.run import RunSpec
    from workbench.template.document import parse_document

    spec = RunSpec(
        document=parse_document(source, path="judge"),
        variables=variables,
        model=str(options.get("model", "")),
        engine=str(options.get("engine", "")),
        params={"temperature": 0.0, "max_tokens": _TOKENS},
        save=False,
    )
    handle = bench.start_run(spec)
    async for event in handle.events():
        if isinstance(event, Failed):
            raise UsageError(f"the judge failed: {event.message}")
    return verdict_of(handle.text, form)


def verdict_of(text: str, form: re.Pattern[str]) -> str:
    """The verdict in small letters: the whole answer, or its only line that is one. Raises UsageError."""
    found = {match[1].lower() for line in text.splitlines() if (match := form.fullmatch(line.strip()))}
    if len(found) == 1:
        return found.pop()
    raise UsageError(f"the judge gave no verdict: {' '.join(text.split())[:80]!r}", hint="Take a larger model.")
