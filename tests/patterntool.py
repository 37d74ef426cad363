"""Renders chosen prompts with plain Jinja, as the workbench's own worker would, for the tests of patterns."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from workbench.template.choice import Context, prompts
from workbench.template.emit import Chosen
from workbench.template.scan import parse_body
from workbench.template.tree import Tree
from workbench.template.wildcard import WildcardLists


def environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)


def rendered(chosen: Chosen, variables: Mapping[str, Any] | None = None) -> str:
    """The final text of a chosen prompt."""
    if chosen.jinja_source is None:
        return chosen.text
    values = {**chosen.bindings, **(variables or {}), "__pw__": chosen.data}
    return environment().from_string(chosen.jinja_source).render(values)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time of ``work``, the best of three. Without the collector, whose walk over all that other tests have
    left behind would be counted as the work's own.
    """
    best = 99.0
    for _ in range(3):
        gc.collect()
        gc.disable()
        try:
            start = time.process_time()
            work()
            best = min(best, time.process_time() - start)
        finally:
            gc.enable()
    return best


def tree_of(
    source: str, variables: Mapping[str, Any] | None = None, lists: Mapping[str, list[str]] | None = None
) -> Tree:
    return parse_body(source, variables or {}, wildcards=WildcardLists(lists or {}))


def every(source: str, variables: Mapping[str, Any] | None = None, **lists: list[str]) -> list[str]:
    """All prompts of a source, rendered."""
    return list(texts(tree_of(source, variables, lists), variables or {}))


def texts(tree: Tree, variables: Mapping[str, Any]) -> Iterator[str]:
    return (rendered(chosen, variables) for chosen in prompts(tree, Context(variables)))
