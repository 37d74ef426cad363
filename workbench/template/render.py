"""From a document and values to a prompt.

Values enter Jinja as data, never as source, so that braces in a pasted document stay what they are. A body without any
Jinja needs no worker at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.error import StorageError, TemplateError, UsageError
from workbench.record import IncludeRef, Message, Prompt, sha256_text
from workbench.sandbox import PREVIEW, RUN, Renderer, RenderRequest
from workbench.template.document import TemplateDocument, body_of
from workbench.template.plainslots import BraceSlot, bound, find_slots
from workbench.template.slot import Slot, SlotSpec, values_for
from workbench.textio import read_text

FILE_LIMIT = 1 << 20
FILES_LIMIT = 64
_JINJA = re.compile(r"\{%-?\+?\s*raw\s*-?%\}.*?\{%-?\+?\s*endraw\s*-?\+?%\}|\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


@dataclass(frozen=True)
class RenderWarning:
    """Something that a person should know; the run goes on."""

    message: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True)
class Rendered:
    prompt: Prompt
    includes: tuple[IncludeRef, ...] = ()
    warnings: tuple[RenderWarning, ...] = ()
    now: str = ""


class TemplateRenderer:
    """Renders the templates of one ``templates/`` folder."""

    def __init__(self, renderer: Renderer, templates_dir: Path) -> None:
        self._renderer = renderer
        self._folder = templates_dir

    def slots(self, doc: TemplateDocument, variables: Mapping[str, Any]) -> list[Slot]:
        """Declared slots first, then free Jinja variables, then brace candidates. Raises TemplateError."""
        values = {
            **doc.header.variables,
            **{k: s.default for k, s in doc.header.slots.items() if s.default is not None},
        }
        values |= variables
        found = {
            name: Slot(name, name in values, declared=True, free=False, spec=spec)
            for name, spec in doc.header.slots.items()
        }
        if doc.header.jinja and _JINJA.search(doc.body):
            reply = self._renderer.slots(doc.body, self._loader(), name=doc.name, first_line=doc.body_line)
            for item in reply.names:
                spec = doc.header.slots.get(item.name, SlotSpec(item.name))
                declared = item.name in doc.header.slots
                found[item.name] = Slot(
                    item.name, item.name in values, declared, free=True, spec=spec, line=item.line, column=item.column
                )
        for start, slot in self._braces(doc):
            line, column = _place(doc, start + slot.start)
            head = slot.name.split(".")[0]
            if not slot.glued and head not in found:
                found[head] = Slot(head, bound(slot.name, values), spec=SlotSpec(head), line=line, column=column)
        return list(found.values())

    def render(self, doc: TemplateDocument, variables: Mapping[str, Any], *, preview: bool = False) -> Rendered:
        """The prompt. Raises TemplateError with file, line, column and hint; UsageError for a slot's wrong value."""
        header = doc.header
        values = values_for(header.slots, variables, base=header.variables, folder=self._folder.parent)
        self._refuse_unset(doc, values)
        warnings = []
        pieces: list[str] = []
        data: list[str] = []
        last = 0
        jinja = header.jinja and bool(_JINJA.search(doc.body))
        names = set(values) | set(header.slots)
        for start, slot in self._braces(doc):
            begin, end = start + slot.start, start + slot.end
            if slot.glued:
                continue
            if not bound(slot.name, names):
                line, column = _place(doc, begin)
                warnings.append(
                    RenderWarning(
                        f"{{{slot.name}}} at {doc.path}:{line}:{column} has no value: kept as text", line, column
                    )
                )
                continue
            pieces += [doc.body[last:begin], f"{{{{ __pw__[{len(data)}] }}}}" if jinja else _lookup(slot.name, values)]
            data.append(_lookup(slot.name, values))
            last = end
        source = "".join([*pieces, doc.body[last:]])
        if not jinja:
            return Rendered(_prompt(header.mode, source, ()), (), tuple(warnings))
        loader = self._loader()
        request = RenderRequest(
            source,
            name=doc.name,
            variables={**values, "slot": dict(values)},
            data=tuple(data),
            loader=loader,
            limits=PREVIEW if preview else RUN,
            first_line=doc.body_line,
        )
        reply = self._renderer.render(request)
        if reply.messages and header.mode == "raw":
            raise TemplateError('mode = "raw" has no sections', hint='Use mode = "chat".', file=doc.path)
        includes = tuple(
            IncludeRef(name, sha256_text(loader[name]), loader[name]) for name in reply.used if name in loader
        )
        return Rendered(_prompt(header.mode, reply.text, reply.messages), includes, tuple(warnings), reply.now)

    def _refuse_unset(self, doc: TemplateDocument, values: Mapping[str, Any]) -> None:
        for name, spec in doc.header.slots.items():
            if name not in values:
                hint = f"Fill it in, or on the command line: --set {name}=..."
                raise TemplateError(f"slot {name!r} has no value", hint=f"{hint} {spec.help}".strip(), file=doc.path)

    def _braces(self, doc: TemplateDocument) -> list[tuple[int, BraceSlot]]:
        if doc.header.patterns == "off":
            return []
        found: list[tuple[int, BraceSlot]] = []
        last = 0
        regions = list(_JINJA.finditer(doc.body)) if doc.header.jinja else []
        for match in [*regions, None]:
            end = match.start() if match else len(doc.body)
            found += [(last, slot) for slot in find_slots(doc.body[last:end])]
            last = match.end() if match else end
        return found

    def _loader(self) -> dict[str, str]:
        """Bodies of all templates that may be included, by name; no links out, no large files."""
        root = self._folder.resolve()
        loader: dict[str, str] = {}
        for path in sorted(self._folder.rglob("*.j2"), key=lambda item: ("partials" not in item.parts, str(item))):
            real = path.resolve()
            if len(loader) >= FILES_LIMIT or not real.is_relative_to(root) or not real.is_file():
                continue
            try:
                loader[path.relative_to(self._folder).as_posix()] = body_of(read_text(real, limit=FILE_LIMIT))
            except StorageError:
                continue
        return loader


def _lookup(name: str, values: Mapping[str, Any]) -> str:
    value: Any = values
    for part in [name] if name in values else name.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise UsageError(f"{{{name}}} has no value", hint=f"Give it one: --set {name}=...")
        value = value[part]
    return str(value)


def _prompt(mode: str, text: str, messages: tuple[Message, ...]) -> Prompt:
    if mode == "raw":
        return Prompt("text", text=text)
    return Prompt("messages", messages=messages or (Message("user", text),))


def _place(doc: TemplateDocument, offset: int) -> tuple[int, int]:
    before = doc.body[:offset]
    return doc.body_line + before.count("\n"), offset - (before.rfind("\n") + 1) + 1
