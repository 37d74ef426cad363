"""Templates for scripts: ``Template.from_source(text)``, then count, index, sample or shuffle its prompts.

Nothing is read but the text and the lists that are handed in. Jinja runs in the same bounded worker as in the app; one
worker serves all templates of the process and ends with it.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from workbench.error import UsageError
from workbench.record import Message, PickRef
from workbench.sandbox import Renderer
from workbench.template.diagnostic import Diagnostic
from workbench.template.document import TemplateDocument, parse_document
from workbench.template.prepared import Prepared, PromptChoice
from workbench.template.render import TemplateRenderer
from workbench.template.slot import Slot
from workbench.template.style import apply_styles
from workbench.template.tree import PatternMode
from workbench.template.wildcard import WildcardFolder, WildcardLists, WildcardSource

Lists = WildcardSource | Mapping[str, Iterable[str]] | Path | None


@dataclass(frozen=True)
class TemplatePrompt:
    """One prompt. ``text`` is what a person reads; ``messages`` what a chat model gets, empty with ``mode = "raw"``."""

    text: str
    messages: tuple[Message, ...]
    picks: tuple[PickRef, ...]
    index: int


@cache
def _renderer() -> Renderer:
    renderer = Renderer()
    atexit.register(renderer.close)
    return renderer


class Template:
    """A template with or without a header. Methods raise TemplateError, or UsageError for a slot's wrong value."""

    def __init__(self, document: TemplateDocument, wildcards: WildcardSource | None, styles: Sequence[str]) -> None:
        self.document = document
        self._styles = tuple(styles)
        self._renderer = TemplateRenderer(_renderer(), None, wildcards=wildcards)

    @classmethod
    def from_source(
        cls,
        text: str,
        *,
        patterns: PatternMode = "native",
        jinja: Literal["on", "off"] = "on",
        wildcards: Lists = None,
        styles: str | Iterable[str] | None = None,
    ) -> Template:
        """``wildcards``: name to lines, or a folder of lists. ``styles`` wrap the prompt, the first innermost.

        A header in ``text`` counts; ``patterns`` and ``jinja`` other than their defaults count more.
        """
        if patterns not in ("native", "slots", "off") or jinja not in ("on", "off"):
            raise UsageError(f"patterns={patterns!r}, jinja={jinja!r}: not known", hint="native|slots|off, on|off")
        document = parse_document(text)
        header = document.header
        if patterns != "native":
            header = replace(header, patterns=patterns)
        if jinja == "off":
            header = replace(header, jinja=False)
        named = [styles] if isinstance(styles, str) else list(styles or ())
        return cls(replace(document, header=header), _source(wildcards), named)

    @property
    def slots(self) -> list[Slot]:
        """Declared slots, free Jinja variables, and brace candidates, which are text until they get a value."""
        return self._renderer.slots(self.document, {})

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What the pattern reader has to say, faults and near misses, without any values."""
        return self._prepared({}, complete=False).diagnostics

    def count(self, variables: Mapping[str, Any] | None = None) -> int:
        """The exact number of prompts."""
        return self._prepared(variables, complete=False).count

    def prompt(self, index: int = 0, variables: Mapping[str, Any] | None = None) -> TemplatePrompt:
        """Prompt number ``index``, in the order of ``itertools.product``."""
        return self._render(self._prepared(variables), PromptChoice(index))

    def prompts(self, variables: Mapping[str, Any] | None = None) -> Iterator[TemplatePrompt]:
        """All prompts in order, lazily."""
        yield from self._all(variables, PromptChoice())

    def sample(self, seed: int, index: int = 0, variables: Mapping[str, Any] | None = None) -> TemplatePrompt:
        """Item ``index`` of the endless random sequence of ``seed``; the same everywhere, and needs no earlier item."""
        return self._render(self._prepared(variables, seed=seed), PromptChoice(index, "sample", seed))

    def shuffled(self, seed: int, variables: Mapping[str, Any] | None = None) -> Iterator[TemplatePrompt]:
        """All prompts once each, in the random order of ``seed``, lazily and without memory."""
        yield from self._all(variables, PromptChoice(order="shuffled", seed=seed))

    def _prepared(self, variables: Mapping[str, Any] | None, *, complete: bool = True, seed: int = 0) -> Prepared:
        return self._renderer.prepare(self.document, variables or {}, complete=complete, seed=seed)

    def _all(self, variables: Mapping[str, Any] | None, choice: PromptChoice) -> Iterator[TemplatePrompt]:
        prepared = self._prepared(variables, seed=choice.seed)
        index, count = 0, prepared.count
        while index < count:
            yield self._render(prepared, replace(choice, index=index))
            index += 1

    def _render(self, prepared: Prepared, choice: PromptChoice) -> TemplatePrompt:
        rendered = prepared.render(choice)
        prompt = rendered.prompt
        picks = rendered.chosen.picks if rendered.chosen is not None else ()
        if self._styles and prompt.form == "text":
            prompt = replace(prompt, text=apply_styles(prompt.text, self._styles))
        elif self._styles:
            last = max((n for n, message in enumerate(prompt.messages) if message.role == "user"), default=-1)
            styled = [
                replace(message, content=apply_styles(message.content, self._styles)) if n == last else message
                for n, message in enumerate(prompt.messages)
            ]
            prompt = replace(prompt, messages=tuple(styled))
        return TemplatePrompt(prompt.plain, prompt.messages, picks, choice.index)


def _source(lists: Lists) -> WildcardSource | None:
    if isinstance(lists, Path):
        return WildcardFolder(lists)
    if isinstance(lists, Mapping):
        return WildcardLists(lists)
    return lists
