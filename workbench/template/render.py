"""From a document and values to a prompt.

Values and picks enter Jinja as data, never as source, so that braces in a pasted document stay what they are. A body
without any Jinja needs no worker at all.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from workbench.error import StorageError, TemplateError
from workbench.record import missing_texts
from workbench.sandbox import PREVIEW, RUN, Renderer
from workbench.template.choice import Context
from workbench.template.document import TemplateDocument
from workbench.template.include import TemplateFolder
from workbench.template.prepared import FIRST, Prepared, PromptChoice, Rendered, faults_in, weighted
from workbench.template.scan import parse_body
from workbench.template.slot import Slot, SlotSpec, values_for
from workbench.template.tree import PatternMode, Tree
from workbench.template.weight import WeightMode
from workbench.template.wildcard import WildcardFolder, WildcardSource

__all__ = ["FIRST", "Prepared", "PromptChoice", "Rendered", "TemplateRenderer"]

KEPT_TREES = 4
_LIST_CALL = re.compile(r"""\bwildcard\(\s*(?:"([^"]+)"|'([^']+)')""")


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
        self._trees: OrderedDict[Hashable, Tree] = OrderedDict()

    def slots(self, doc: TemplateDocument, variables: Mapping[str, Any]) -> list[Slot]:
        """Declared slots first, then free Jinja variables, then brace candidates. Raises TemplateError."""
        self._start_early(doc)
        specs = doc.header.slots
        defaults = {name for name, spec in specs.items() if spec.default is not None}
        bound = defaults | {*doc.header.variables, *variables}
        found = {name: Slot(name, name in bound, declared=True, spec=spec) for name, spec in specs.items()}
        tree = self.tree(doc, bound)
        if tree.has_jinja:
            loader = TemplateFolder(self._folder).reachable(doc.body)
            with faults_in(doc, loader):
                names = self._renderer.slots(doc.body, loader, name=doc.name, first_line=doc.body_line).names
            for item in names:
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
        """The body's pattern tree; offsets and lines count from the body's begin. The last few are kept: while
        somebody types, the same text is asked for its slots, its colours and its prompt.
        """
        header, names = doc.header, frozenset({*bound, *doc.header.slots})
        # Looking through the folder costs more than the whole rest of a small template.
        wildcards = self._wildcards if "__" in doc.body else None
        version = wildcards.version if wildcards is not None else None
        key = (doc.body, names, header.patterns, header.jinja, version)
        tree = self._trees.get(key)
        if tree is None:
            patterns = cast(PatternMode, header.patterns)
            tree = parse_body(doc.body, names, patterns=patterns, jinja=header.jinja, wildcards=wildcards)
            self._trees[key] = tree
            # Two threads may both have made one; a tree never changes, either will do.
            while len(self._trees) > KEPT_TREES:
                with suppress(KeyError):
                    self._trees.popitem(last=False)
        return tree

    def prepare(
        self,
        doc: TemplateDocument,
        variables: Mapping[str, Any],
        *,
        preview: bool = False,
        complete: bool = True,
        seed: int = 0,
    ) -> Prepared:
        """Everything that all prompts of a template share. Raises TemplateError, UsageError for a slot's value.

        ``complete`` False lets declared slots be unset, as counting needs no values; ``seed`` is for ``{any$$..}``.
        """
        self._start_early(doc)
        for place, text in missing_texts(variables):
            raise StorageError(f"{place}: {text}", hint=f"Give it anew, or bring back sessions/blobs/…/{text.blob}.")
        folder = self._folder.parent if self._folder is not None else Path.cwd()
        values = values_for(doc.header.slots, variables, base=doc.header.variables, folder=folder)
        for name, spec in doc.header.slots.items():
            if complete and name not in values:
                hint = f"Fill it in, or on the command line: --set {name}=... {spec.help}".rstrip()
                raise TemplateError(f"slot {name!r} has no value", hint=hint, file=doc.path, line=1, column=1)
        tree = used = self.tree(doc, set(values))
        mode = cast(WeightMode, doc.header.weights)
        body = weighted(doc.body, mode, jinja=doc.header.jinja)
        if body != doc.body:
            used = self.tree(replace(doc, body=body), set(values))
        files = TemplateFolder(self._folder)
        loader = files.reachable(doc.body) if doc.header.jinja and "{%" in doc.body else {}
        return Prepared(
            doc,
            values,
            tree,
            used,
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

    def _start_early(self, doc: TemplateDocument) -> None:
        """The worker starts while the patterns are read."""
        if doc.header.jinja and ("{{" in doc.body or "{%" in doc.body):
            self._renderer.start()

    def _lists(self, sources: list[str]) -> dict[str, tuple[str, ...]]:
        names = {match[1] or match[2] for source in sources for match in _LIST_CALL.finditer(source)}
        if not names or self._wildcards is None:
            return {}
        known = [name for name in sorted(names) if self._wildcards.has(name)]
        return {name: tuple(line.text for line in self._wildcards.lines(name) if line.weight > 0) for name in known}
