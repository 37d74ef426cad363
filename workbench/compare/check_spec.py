"""The kinds of checks, one check as a value, and what is checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

# Kind, and the score that it passes at unless the check says otherwise.
KINDS: Mapping[str, float] = {
    "contains": 1.0,
    "icontains": 1.0,
    "regex": 1.0,
    "equals": 1.0,
    "starts": 1.0,
    "ends": 1.0,
    "one-of": 1.0,
    "json": 1.0,
    "json-schema": 1.0,
    "words": 1.0,
    "chars": 1.0,
    "tokens": 1.0,
    "script": 0.9,
    "language": 0.9,
    "no-repeat": 0.8,
    "finish": 1.0,
    "python": 1.0,
    "judge": 0.5,
}
OUTSIDE = ("python", "judge")
WITHOUT_VALUE = ("json", "no-repeat")
_REFERENCE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


@dataclass(frozen=True)
class CheckSpec:
    """One check. ``threshold`` None stands for the kind's own; ``negate`` turns the score round before it counts."""

    kind: str
    value: Any = True
    negate: bool = False
    weight: float = 1.0
    threshold: float | None = None
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name, or the check as it is written on the command line."""
        if self.name:
            return self.name
        value = ", ".join(map(str, self.value)) if isinstance(self.value, list | tuple) else str(self.value)
        sign = "" if value.startswith(("<", ">")) else "="
        told = self.kind if self.kind in WITHOUT_VALUE and self.value is True else f"{self.kind}{sign}{value}"
        if isinstance(self.value, Mapping):
            told = self.kind
        return f"not {told}" if self.negate else told

    @property
    def refers(self) -> bool:
        """Whether the value names variables of the run, as in ``{{ city }}``."""
        return _refers(self.value)

    def uses(self, name: str) -> bool:
        """Whether the value refers to that variable."""
        found = _REFERENCE.findall(str(self.value))
        return any(re.search(rf"\b{re.escape(name)}\b", reference) for reference in found)


@dataclass(frozen=True)
class Subject:
    """What is checked: an output, and what it came from. ``tokens_out`` is in the engine's unit."""

    text: str
    prompt: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    tokens_out: int = 0
    finish_reason: str = ""


def bound(spec: CheckSpec, render: Callable[[str], str]) -> CheckSpec:
    """The check with every text of its value that refers to variables put through ``render``."""
    if not spec.refers:
        return spec
    return replace(spec, value=_mapped(spec.value, render), name=spec.name or spec.label)


def _refers(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_refers, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_refers, value))
    return isinstance(value, str) and bool(_REFERENCE.search(value))


def _mapped(value: Any, render: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _mapped(item, render) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(item, render) for item in value]
    return render(value) if isinstance(value, str) and _REFERENCE.search(value) else value


def verdict(passed: Iterable[bool | None]) -> bool | None:
    """Of several checks: False if one failed, else None if one was not made or there is none, else True."""
    verdicts = list(passed)
    return False if False in verdicts else None if None in verdicts or not verdicts else True
