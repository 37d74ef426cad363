"""What an importer makes: template files, and notes on everything that it could not carry over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.error import UsageError
from workbench.param import parse_param
from workbench.template.scan import parse_body
from workbench.textio import toml_dumps

_JINJA_MARK = re.compile(r"\{[{%#]")
_NAME = re.compile(r"[^\W\d]\w*|\d+")

PARAM_NAMES = {
    "temperature": "temperature",
    "top_p": "top_p",
    "topP": "top_p",
    "top_k": "top_k",
    "topK": "top_k",
    "min_p": "min_p",
    "max_tokens": "max_tokens",
    "maxOutputTokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "maxTokens": "max_tokens",
    "seed": "seed",
    "stop": "stop",
    "stopSequences": "stop",
    "stop_sequences": "stop",
    "repeat_penalty": "repeat_penalty",
}


@dataclass(frozen=True)
class Imported:
    """One template file. ``notes`` name what was left out or read differently; empty when nothing was."""

    name: str
    text: str
    notes: tuple[str, ...] = ()
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class ImportFault(UsageError):
    """A file that is not what its format says; the message names what is wrong."""


class Draft:
    """Gathers header, body and notes of one template."""

    def __init__(self, name: str) -> None:
        self.name = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "imported"
        self.header: dict[str, Any] = {}
        self.notes: list[str] = []
        self.lists: dict[str, tuple[str, ...]] = {}

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def model(self, name: object) -> None:
        self.note(f"the model {name!r} is not set: choose a local one")

    def param(self, name: str, value: object) -> None:
        """Carry one model option over, or say that it is not."""
        known = PARAM_NAMES.get(name)
        try:
            if known is None:
                raise UsageError(f"there is no parameter {name!r}")
            parse_param(known, value)
        except UsageError as error:
            self.note(f"option {name} = {value!r} is left out: {error.message}")
            return
        self.header.setdefault("params", {})[known] = value

    def slot(self, name: str, *, default: object = None, example: object = None, help: str = "") -> None:
        """Declare a slot; a name that cannot be one is noted."""
        if not _NAME.fullmatch(name):
            self.note(f"the variable {name!r} cannot be a slot's name: rename it")
            return
        spec: dict[str, Any] = self.header.setdefault("slots", {}).setdefault(name, {})
        if default is not None:
            spec["default"] = default if isinstance(default, str | int | float | bool) else str(default)
        if example is not None:
            spec["example"] = str(example)
        if help:
            spec["help"] = help

    def finish(self, body: str, *, native: bool = False) -> Imported:
        """The file. Unless the source had patterns, text that would be read as one switches them off."""
        if not native:
            tree = parse_body(body, self.header.get("slots", {}))
            if tree.groups or tree.slots:
                self.header["patterns"] = "off"
                self.note('braces in the text are kept as text: patterns = "off"')
        head = f"+++\n{toml_dumps(self.header)}+++\n" if self.header or body.startswith("+++") else ""
        return Imported(self.name, head + body, tuple(self.notes), self.lists)


def literal(text: str) -> str:
    """Text that Jinja will print as it is."""
    if not _JINJA_MARK.search(text):
        return text
    parts = re.split(r"(\{%[-+]?\s*endraw\s*[-+]?%\})", text)
    return "".join(
        f"{{{{ {part!r} }}}}" if place % 2 else f"{{% raw %}}{part}{{% endraw %}}" if part else ""
        for place, part in enumerate(parts)
    )


def sections(messages: Iterable[tuple[str, str]]) -> str:
    """Chat messages as ``{% system %}..{% endsystem %}`` blocks; a single user message as plain text."""
    found = list(messages)
    if len(found) == 1 and found[0][0] == "user":
        return found[0][1]
    return "\n".join(f"{{% {role} %}}{text}{{% end{role} %}}" for role, text in found) + "\n"
