"""From a document and values to a prompt.

Values and picks enter Jinja as data, never as source, so that braces in a pasted document stay what they are. A body
without any Jinja needs no worker at all.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from workbench.error import TemplateError
from workbench.record import IncludeRef, Message, PatternRef, Prompt
from workbench.sandbox import PREVIEW, RUN, Limits, Renderer, RenderRequest
from workbench.template.choice import Context, choose, count, sample, shuffled
from workbench.template.diagnostic import Diagnostic, PatternError
from workbench.template.document import TemplateDocument
from workbench.template.emit import Chosen, Piece
from workbench.template.include import TemplateFolder
from workbench.template.scan import parse_body
from workbench.template.slot import Slot, SlotSpec, values_for
from workbench.template.tree import PatternMode, Tree
from workbench.template.wildcard import WildcardFolder, WildcardSource

_SECTION = re.compile(r"\{%[-+]?\s*(?:system|user|assistant)\b")
_LIST_CALL = re.compile(r"""\bwildcard\(\s*(?:"([^"]+)"|'([^']+)')""")


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


class TemplateRenderer:
    """Renders the templates of one ``templates/`` folder (None: nothing to include).

    ``wildcards`` None reads the lists of the folder.
    """

    def __init__(
        self, renderer: Renderer, templates_dir: Path | None, *, wildcards: WildcardSource | None = None
    ) -> None:
        self._renderer = renderer
        self._folder = templates_dir
        if wildcards is None and templates_dir is not None:
            wildcards = WildcardFolder(templates_dir / "wildcards")
        self._wildcards = wildcards

    def slots(self, doc: TemplateDocument, variables: Mapping[str, Any]) -> list[Slot]:
        """Declared slots first, then free Jinja variables, then brace candidates. Raises TemplateError."""
        specs = doc.header.slots
        defaults = {name for name, spec in specs.items() if spec.default is not None}
        bound = defaults | {*doc.header.variables, *variables}
        found = {name: Slot(name, name in bound, declared=True, spec=spec) for name, spec in specs.items()}
        tree = self.tree(doc, bound)
        if tree.has_jinja:
            loader = TemplateFolder(self._folder).reachable(doc.body)
            for item in self._renderer.slots(doc.body, loader, name=doc.name, first_line=doc.body_line).names:
                if item.name not in tree.named_picks:
                    spec = specs.get(item.name, SlotSpec(item.name))
                    found[item.name] = Slot(
                        item.name, item.name in bound, item.name in specs, True, spec, item.line, item.column
                    )
        for site in tree.slots:
            head = site.name if site.name in bound else site.name.partition(".")[0]
            line, column = tree.lines.place(site.start)
            known = found.get(head)
            if known is None and head not in tree.named_picks:
                known = Slot(head, head in bound, spec=SlotSpec(head))
            if known is not None:
                found[head] = known if known.line else replace(known, line=line + doc.body_line - 1, column=column)
        return list(found.values())

    def tree(self, doc: TemplateDocument, bound: set[str]) -> Tree:
        """The body's pattern tree; offsets and lines count from the body's begin."""
        return parse_body(
            doc.body,
            {*bound, *doc.header.slots},
            patterns=cast(PatternMode, doc.header.patterns),
            jinja=doc.header.jinja,
            # Looking through the folder costs more than the whole rest of a small template.
            wildcards=self._wildcards if "__" in doc.body else None,
        )

    def prepare(
        self, doc: TemplateDocument, variables: Mapping[str, Any], *, preview: bool = False, seed: int = 0
    ) -> Prepared:
        """Everything that all prompts of a template share. Raises TemplateError, UsageError for a slot's value."""
        folder = self._folder.parent if self._folder is not None else Path.cwd()
        values = values_for(doc.header.slots, variables, base=doc.header.variables, folder=folder)
        for name, spec in doc.header.slots.items():
            if name not in values:
                hint = f"Fill it in, or on the command line: --set {name}=... {spec.help}".rstrip()
                raise TemplateError(f"slot {name!r} has no value", hint=hint, file=doc.path, line=1, column=1)
        files = TemplateFolder(self._folder)
        loader = files.reachable(doc.body) if doc.header.jinja and "{%" in doc.body else {}
        return Prepared(
            doc,
            values,
            self.tree(doc, set(values)),
            Context(values, seed=seed, file=doc.path),
            files,
            loader,
            self._lists([doc.body, *loader.values()]) if doc.header.jinja else {},
            self._renderer,
            PREVIEW if preview else RUN,
            tuple(variables),
        )

    def render(
        self,
        doc: TemplateDocument,
        variables: Mapping[str, Any],
        *,
        item: PromptChoice = FIRST,
        preview: bool = False,
    ) -> Rendered:
        """One prompt. Raises TemplateError with file, line, column and hint; UsageError for a slot's wrong value."""
        return self.prepare(doc, variables, preview=preview, seed=item.seed).render(item)

    def _lists(self, sources: list[str]) -> dict[str, tuple[str, ...]]:
        names = {match[1] or match[2] for source in sources for match in _LIST_CALL.finditer(source)}
        if not names or self._wildcards is None:
            return {}
        known = [name for name in sorted(names) if self._wildcards.has(name)]
        return {name: tuple(line.text for line in self._wildcards.lines(name) if line.weight > 0) for name in known}


@dataclass(frozen=True)
class Prepared:
    """A template with its values: count it, then render any of its prompts."""

    doc: TemplateDocument
    values: Mapping[str, Any]
    tree: Tree
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
            return count(self.tree, self.context)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Of the tree, with the file's line numbers, and variables that nothing uses."""
        shift = self.doc.body_line - 1
        return (*(replace(item, line=item.line + shift) for item in self.tree.diagnostics), *self._unused())

    def render(self, item: PromptChoice = FIRST) -> Rendered:
        """One prompt. Raises TemplateError."""
        with self._in_file():
            if item.order == "combinatorial":
                chosen = choose(self.tree, index=item.index, ctx=self.context)
            else:
                draw = sample if item.order == "sample" else shuffled
                chosen = draw(self.tree, item.seed, item.index, self.context)
        warnings = tuple(found for found in self.diagnostics if found.severity == "warning")
        pattern = self._pattern(item, chosen)
        if chosen.jinja_source is None:
            return Rendered(self._prompt(chosen.text, ()), (), warnings, pattern=pattern, chosen=chosen)
        variables = {**self.values, **chosen.bindings}
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
        return PatternRef(item.index, item.order, str(self.count), seed, chosen.picks)

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
            near = difflib.get_close_matches(name, [*self.doc.header.slots, *self.tree.slot_names], n=1)
            hint = f"Did you mean {near[0]!r}?" if near else ""
            yield Diagnostic("warning", "unused-variable", f"nothing uses the variable {name!r}", hint, 0, 0, 1, 1)

    @contextmanager
    def _in_file(self) -> Iterator[None]:
        """Faults of patterns count lines from the body's begin; people count from the file's."""
        try:
            yield
        except PatternError as error:
            error.file = error.file or self.doc.path
            if error.line:
                error.line += self.doc.body_line - 1
            raise
