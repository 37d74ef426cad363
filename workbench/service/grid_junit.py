"""A grid as JUnit XML: a suite for each model, a case for each run; a failed check is a failure, a failed run an error.

For CI: the Jenkins flavour that every service reads. XML cannot hold most control characters: they become U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from workbench.compare.prompts import prompt_name

if TYPE_CHECKING:
    from workbench.compare.state import CellState
    from workbench.service.grid_result import GridResult

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_text(result: GridResult) -> str:
    """The whole document."""
    suites: dict[str, list[CellState]] = {}
    for state in result.states:
        suites.setdefault(f"{state.model} on {state.engine}", []).append(state)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites{_counts(result.states)}>"]
    for name, states in suites.items():
        lines.append(f"  <testsuite name={_attribute(name)}{_counts(states)}>")
        for state in states:
            lines += _case(result.template, state)
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _counts(states: Sequence[CellState]) -> str:
    seconds = sum(state.ms_total for state in states if not state.reused) / 1000
    failures = sum(state.passed is False for state in states)
    errors = sum(state.status == "failed" or _unmade(state) for state in states)
    skipped = sum(not state.ended for state in states)
    return f' tests="{len(states)}" failures="{failures}" errors="{errors}" skipped="{skipped}" time="{seconds:.3f}"'


def _unmade(state: CellState) -> bool:
    """A check could not be made, and none failed."""
    return state.judged and state.passed is None


def _case(template: str, state: CellState) -> list[str]:
    values = [f"{name}={value}" for name, value in state.cell.axes.items()]
    if state.cell.prompt >= 0:
        values.append(f"prompt={prompt_name(state)}")
    name = ", ".join([*values, f"repeat={state.cell.repeat}"])
    head = f"    <testcase classname={_attribute(template)} name={_attribute(name)} "
    head += f'time="{state.ms_total / 1000:.3f}">'
    return [head, *_outcome(state), f"      <system-out>{_body(state.text)}</system-out>", "    </testcase>"]


def _outcome(state: CellState) -> list[str]:
    if state.status == "failed":
        return [f"      <error message={_attribute(state.error.partition(chr(10))[0])}>{_body(state.error)}</error>"]
    if not state.ended:
        return ["      <skipped/>"]
    if state.rating:
        # It goes before the checks.
        return [] if state.passed else [f'      <failure message="rated {state.rating} of 5"/>']
    wrong = [check for check in state.checks if check.passed is False]
    if wrong:
        told = "\n".join(f"{check.name}: {check.detail}" for check in wrong)
        return [f"      <failure message={_attribute(', '.join(c.name for c in wrong))}>{_body(told)}</failure>"]
    unmade = [check for check in state.checks if check.passed is None]
    if unmade:
        told = "\n".join(f"{check.name}: {check.error}" for check in unmade)
        return [f"      <error message={_attribute(', '.join(c.name for c in unmade))}>{_body(told)}</error>"]
    return []


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("\ufffd", text), {"\n": "&#10;"})


def _body(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))
