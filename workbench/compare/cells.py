"""What the values of one cell mean for its run: which template, model, engine, parameters, slots and changed words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from workbench.param import SPECS
from workbench.record import Message, Prompt
from workbench.template.axis import Value, replace_text

TargetKind = Literal["model", "engine", "template", "param", "system", "replace", "value"]
_REPLACE = re.compile(r'replace\s+"([^"]*)"')


def target_kind(target: str) -> TargetKind:
    """What an axis changes; whatever is nothing else is a slot or a named pick."""
    if target in ("model", "engine", "template", "system"):
        return target  # type: ignore[return-value]
    if target in SPECS:
        return "param"
    return "replace" if _REPLACE.fullmatch(target) else "value"


@dataclass
class CellParts:
    """The values of one cell, sorted by what they change. Empty strings leave the choice to the grid."""

    template: str = ""
    model: str = ""
    engine: str = ""
    system: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)

    def adjust(self, prompt: Prompt) -> Prompt:
        """The prompt with another system text and with words replaced. Raises AxisError for words not in it."""
        if self.system is not None:
            prompt = _with_system(prompt, self.system)
        for search, replacement in self.replaced.items():
            prompt = _replaced(prompt, search, replacement)
        return prompt

    @property
    def adjusts(self) -> bool:
        return self.system is not None or bool(self.replaced)


def cell_parts(axes: Mapping[str, Value]) -> CellParts:
    """Sort the values of a cell."""
    parts = CellParts()
    for target, value in axes.items():
        match target_kind(target):
            case "model":
                parts.model = str(value)
            case "engine":
                parts.engine = str(value)
            case "template":
                parts.template = str(value)
            case "system":
                parts.system = str(value)
            case "param":
                parts.params[target] = value
            case "replace":
                match = _REPLACE.fullmatch(target)
                parts.replaced[match[1] if match else target] = str(value)
            case _:
                parts.variables[target] = value
    return parts


def _with_system(prompt: Prompt, system: str) -> Prompt:
    if prompt.form == "text":
        return replace(prompt, text=f"{system}\n\n{prompt.text}" if system else prompt.text)
    rest = tuple(message for message in prompt.messages if message.role != "system")
    return replace(prompt, messages=(Message("system", system), *rest) if system else rest)


def _replaced(prompt: Prompt, search: str, replacement: str) -> Prompt:
    if prompt.form == "text":
        return replace(prompt, text=replace_text(prompt.text, search, replacement))
    joined = "\n".join(message.content for message in prompt.messages)
    # Raises when it stands in none of them; a single message may well be without it.
    replace_text(joined, search, replacement)
    messages = []
    for message in prompt.messages:
        found = search in message.content
        try:
            content = replace_text(message.content, search, replacement) if found else message.content
        except ValueError:
            content = message.content
        messages.append(replace(message, content=content))
    return replace(prompt, messages=tuple(messages))
