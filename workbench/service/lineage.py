"""Which run came of which: the tree of reruns and verifications, from the records' own parents.

Hand-edited records may name a parent that is gone, or themselves: the tree ends there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.session.heads import RunHead, heads

if TYPE_CHECKING:
    from workbench.session.store import SessionStore


@dataclass(frozen=True)
class LineageNode:
    """A run and what was made of it, oldest first. ``head`` None: the run is gone, only its children tell of it."""

    run_id: str
    head: RunHead | None
    children: tuple[LineageNode, ...] = ()

    @property
    def changed(self) -> tuple[str, ...]:
        """What differs from the parent; empty for the first run and for verifications."""
        return self.head.changed if self.head else ()

    @property
    def verifies(self) -> bool:
        return self.head is not None and self.head.repeats

    def walk(self, depth: int = 0) -> Iterator[tuple[int, LineageNode]]:
        """Every node with its depth, parents before children."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


def lineage(store: SessionStore, run_id: str) -> LineageNode:
    """The whole tree that the run belongs to, from its first ancestor on. Blocking, some 0.2 ms a run."""
    known = {head.id: head for head in heads(store)}
    children: dict[str, list[RunHead]] = {}
    for head in known.values():
        if head.parent:
            children.setdefault(head.parent, []).append(head)
    root, seen = run_id, {run_id}
    while (up := known[root].parent if root in known else "") and up not in seen:
        root = up
        seen.add(root)
    return _node(root, known, children, frozenset())


def _node(
    run_id: str, known: Mapping[str, RunHead], children: Mapping[str, list[RunHead]], above: frozenset[str]
) -> LineageNode:
    above |= {run_id}
    below = sorted(children.get(run_id, []), key=lambda head: (head.created, head.id))
    # Deep chains are cut where Python's own stack would end; nobody reruns a rerun that often.
    nodes = [_node(head.id, known, children, above) for head in below if head.id not in above and len(above) < 400]
    return LineageNode(run_id, known.get(run_id), tuple(nodes))
