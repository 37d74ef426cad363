"""A template made ready, and any of its prompts: choose by number or seed, then Jinja in the worker if there is any."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from workbench.error import TemplateError
from workbench.record import IncludeRef, Message, PatternRef, Prompt
from workbench.sandbox import Limits, Renderer, RenderRequest
from workbench.template.choice import Context, choose, count, sample, shuffled
from workbench.template.diagnostic import Diagnostic, PatternError
from workbench.template.document import TemplateDocument
from workbench.template.emit import Chosen, Piece
from workbench.template.include import TemplateFolder
from workbench.template.region import regions
from workbench.template.tree import Tree
from workbench.template.weight import WeightMode, apply_weights

# More prompts than anybody runs: worth a word before somebody prints them all.
COUNT_LIMIT = 1_000_000
_SECTION = re.compile(r"\{%[-+]?\s*(?:system|user|assistant)\b")


@dataclass(frozen=True, slots=True)
class PromptChoice:
    """Which of a template's prompts: by number, of a seed's random sequence, or of the shuffled order of a seed."""

    index: int = 0
    order: Literal["combinatorial", "sample", "shuffled"] = "combinatorial"
    seed: int = 0


FIRST = PromptChoice()


@dataclass(frozen=True)
class Rendered:
    """``warnings`` concern a person before a run; ``pieces`` tell where ``text`` (before Jinja) came from.

    ``pattern`` is None for a template with one prompt only.
    """

    prompt: Prompt
    includes: tuple[IncludeRef, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    now: str = ""
    pattern: PatternRef | None = None
    chosen: Chosen | None = None

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return self.chosen.pieces if self.chosen is not None else ()


@dataclass(frozen=True)
class Prepared:
    """A template with its values: count it, then render any of its prompts.

    ``tree`` is of the body as written; ``used_tree`` differs from it where weights are stripped or put into words.
    Not for two threads at once.
    """

    doc: TemplateDocument
    values: Mapping[str, Any]
    tree: Tree
    used_tree: Tree
    context: Context
    files: TemplateFolder
    loader: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]
    renderer: Renderer
    limits: Limits
    given: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many prompts the template stands for, exactly."""
        with self._in_file():
            return count(self.used_tree, self.context)

    @cached_property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Of the tree, with the file's line numbers, and variables that nothing uses."""
        shift = self.doc.body_line - 1
        found = [replace(item, line=item.line + shift) for item in self.tree.diagnostics]
        return (*found, *self._unused(), *self._lists_at_fault(), *self._too_many())

    def _lists_at_fault(self) -> Iterator[Diagnostic]:
        """Lists that two files give, or that cannot be read: of a template that uses lists."""
        for problem in getattr(self.tree.wildcards, "problems", ()):
            yield Diagnostic("warning", "wildcard-list", f"wildcards/{problem}", "rename or mend the list", 0, 0, 1, 1)

    def _too_many(self) -> Iterator[Diagnostic]:
        try:
            number = self.count
        except TemplateError:
            return
        if number > COUNT_LIMIT:
            shown = decimal(number) if number < 10**18 else f"about 10^{len(decimal(number)) - 1}"
            hint = "draw some by seed, or take one by number"
            yield Diagnostic(
                "info", "count-above-limit", f"it stands for {shown} prompts", hint, 0, 0, self.doc.body_line, 1
            )

    def render(self, item: PromptChoice = FIRST) -> Rendered:
        """One prompt. Raises TemplateError."""
        with self._in_file():
            if item.order == "combinatorial":
                chosen = choose(self.used_tree, index=item.index, ctx=self.context)
            else:
                draw = sample if item.order == "sample" else shuffled
                chosen = draw(self.used_tree, item.seed, item.index, self.context)
        warnings = tuple(found for found in self.diagnostics if found.severity == "warning")
        pattern = self._pattern(item, chosen)
        if chosen.jinja_source is None:
            return Rendered(self._prompt(chosen.text, ()), (), warnings, pattern=pattern, chosen=chosen)
        variables = {**self.values, **chosen.bindings}
        with self._in_file():
            reply = self.renderer.render(
                RenderRequest(
                    chosen.jinja_source,
                    name=self.doc.name,
                    variables={**variables, "slot": variables},
                    data=tuple(chosen.data),
                    loader=self.loader,
                    limits=self.limits,
                    first_line=self.doc.body_line,
                    written=self.doc.body,
                    seed=item.seed,
                    item=item.index,
                    lists=self.lists,
                )
            )
        prompt = self._prompt(reply.text, reply.messages)
        return Rendered(prompt, self.files.refs(reply.used), warnings, reply.now, pattern, chosen)

    def _pattern(self, item: PromptChoice, chosen: Chosen) -> PatternRef | None:
        if not chosen.picks and not self.tree.groups:
            return None
        seed = None if item.order == "combinatorial" else item.seed
        return PatternRef(item.index, item.order, decimal(self.count), seed, chosen.picks)

    def _prompt(self, text: str, messages: tuple[Message, ...]) -> Prompt:
        if self.doc.header.mode != "raw":
            return Prompt("messages", messages=messages or (Message("user", text),))
        if messages:
            section = _SECTION.search(self.doc.body)
            line = self.doc.body_line + self.doc.body.count("\n", 0, section.start()) if section else 0
            raise TemplateError(
                'mode = "raw" has no sections', hint='Use mode = "chat".', file=self.doc.path, line=line
            )
        return Prompt("text", text=text)

    def _unused(self) -> Iterator[Diagnostic]:
        text = None
        for name in self.given:
            if name in self.doc.header.slots or name in self.tree.slot_names:
                continue
            text = text if text is not None else "\n".join([self.doc.body, *self.loader.values()])
            if re.search(rf"\b{re.escape(name)}\b", text):
                continue
            from difflib import get_close_matches

            near = get_close_matches(name, [*self.doc.header.slots, *self.tree.slot_names], n=1)
            hint = f"Did you mean {near[0]!r}?" if near else ""
            yield Diagnostic("warning", "unused-variable", unused_message(name), hint, 0, 0, 1, 1)

    def _in_file(self) -> AbstractContextManager[None]:
        return faults_in(self.doc, self.loader)


@contextmanager
def faults_in(doc: TemplateDocument, loader: Mapping[str, str]) -> Iterator[None]:
    """Give faults the path and line that people know.

    Patterns count lines from the body's begin; Jinja knows templates by their name within ``templates/``.
    """
    try:
        yield
    except TemplateError as error:
        if isinstance(error, PatternError) and error.line:
            error.line += doc.body_line - 1
        if error.file in ("", doc.name):
            error.file = doc.path
        elif error.file in loader and doc.path.startswith("templates/"):
            error.file = f"templates/{error.file}"
        raise


def unused_message(name: str) -> str:
    return f"nothing uses the variable {name!r}"


def decimal(number: int) -> str:
    """All digits; ``str`` refuses more than 4,300 of them."""
    try:
        return str(number)
    except ValueError:
        from decimal import Decimal

        return f"{Decimal(number):f}"


def weighted(body: str, mode: WeightMode, *, jinja: bool) -> str:
    """``body`` with its weights stripped or in words; Jinja's own regions are left alone."""
    if mode == "keep":
        return body
    parts = [(region.kind == "text", body[region.start : region.end]) for region in regions(body)] if jinja else []
    kept = [text for is_text, text in parts if not is_text]
    # One character of a private plane stands for each region, so that a span may hold one.
    marks = iter(range(0xF0000, 0xF0000 + len(kept)))
    masked = "".join(text if is_text else chr(next(marks)) for is_text, text in parts) if jinja else body
    if len(kept) > 0xFFFD or any(char >= "\U000f0000" for char in set(body)):
        return body
    names = {0xF0000 + number: text for number, text in enumerate(kept)}
    return apply_weights(masked, mode).translate(names)
