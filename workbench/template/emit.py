"""From chosen pieces to final text, or to a Jinja source with its data.

White space of the author at the edges of a placeholder stays outside of it, so that ``{%- -%}`` trims as if the text
stood there. Line breaks that moved into the data are put inside the placeholder's braces, so that Jinja's line numbers
are the author's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from workbench.record import PickRef
from workbench.template.diagnostic import PatternCycle
from workbench.template.tree import JinjaNode, Tree

OpKind = Literal["text", "value", "jinja", "ref"]
PieceKind = Literal["text", "slot", "pick", "wildcard", "jinja"]


class Owner(NamedTuple):
    """The slot, group or list of the body that a piece came from; offsets into the body."""

    kind: PieceKind
    name: str
    start: int
    end: int


Marker = Callable[[Owner, str], str]


class Op(NamedTuple):
    kind: OpKind
    text: str
    owner: Owner
    node: JinjaNode | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """``Chosen.text[start:end]``, and where in the body it came from."""

    start: int
    end: int
    kind: PieceKind
    name: str
    source_start: int
    source_end: int


@dataclass(frozen=True)
class Chosen:
    """One prompt, chosen.

    ``jinja_source`` is None when the body holds no Jinja; then ``text`` is final. Otherwise render ``jinja_source``
    with the variables, ``bindings`` and ``__pw__ = data``; ``text`` then shows Jinja as it is written.
    """

    text: str
    jinja_source: str | None
    data: list[str]
    picks: tuple[PickRef, ...]
    bindings: dict[str, str]
    pieces: tuple[Piece, ...]
    index: int = -1


@dataclass
class Draft:
    """A prompt in the making."""

    seed: int
    item: int
    ops: list[Op] = field(default_factory=list)
    picks: list[tuple[str, int, str, list[Op]]] = field(default_factory=list)
    named: dict[str, list[Op]] = field(default_factory=dict)
    each: dict[int, int] = field(default_factory=dict)
    depth: int = 0


def finish(tree: Tree, draft: Draft, index: int = -1, mark: Marker | None = None) -> Chosen:
    """Resolve named picks and build the result. PatternCycle if picks name each other in a ring.

    ``mark`` changes what slots, groups and lists put into the Jinja source's data; ``text`` stays as it is.
    """
    resolver = _Resolver(draft)
    ops = resolver.resolve(draft.ops)
    named = {name: resolver.resolve_name(name) for name in draft.named}
    picks = tuple(
        PickRef(key, option, _text(resolver.resolve(found)), name) for key, option, name, found in draft.picks
    )
    bindings = {name: _text(found) for name, found in named.items() if not any(op.node for op in found)}
    text, pieces = _pieces(ops)
    if not tree.has_jinja:
        return Chosen(text, None, [], picks, bindings, pieces, index)
    if tree.broken:
        return Chosen(text, tree.source, [], picks, bindings, pieces, index)
    writer = _JinjaWriter(tree)
    for name, found in named.items():
        if name not in bindings:
            writer.begin(f"{{% set {name} %}}")
            writer.write(found)
            writer.begin("{% endset %}")
    writer.number = False
    if mark is not None:
        ops = [op if op.node or op.owner.kind == "text" else op._replace(text=mark(op.owner, op.text)) for op in ops]
    writer.write(ops)
    return Chosen(text, "".join(writer.parts), writer.data, picks, bindings, pieces, index)


def _text(ops: Sequence[Op]) -> str:
    return "".join(op.text for op in ops)


def _pieces(ops: Sequence[Op]) -> tuple[str, tuple[Piece, ...]]:
    pieces: list[Piece] = []
    position = 0
    last: Owner | None = None
    for op in ops:
        end = position + len(op.text)
        owner = op.owner
        if pieces and owner == last:
            pieces[-1] = Piece(pieces[-1].start, end, owner.kind, owner.name, owner.start, owner.end)
        elif end > position or owner.kind != "text":
            pieces.append(Piece(position, end, owner.kind, owner.name, owner.start, owner.end))
        last = owner
        position = end
    return _text(ops), tuple(pieces)


class _Resolver:
    """Puts the picked text where ``{name}`` stands, also before its definition."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._done: dict[str, list[Op]] = {}
        self._open: list[str] = []

    def resolve(self, ops: list[Op]) -> list[Op]:
        if not any(op.kind == "ref" for op in ops):
            return ops
        result: list[Op] = []
        for op in ops:
            if op.kind == "ref":
                result += [found._replace(owner=op.owner) for found in self.resolve_name(op.text)]
            else:
                result.append(op)
        return result

    def resolve_name(self, name: str) -> list[Op]:
        if name in self._done:
            return self._done[name]
        if name in self._open:
            chain = " -> ".join([*self._open[self._open.index(name) :], name])
            raise PatternCycle(f"picks name each other: {chain}", hint="take one of these names out of its options")
        self._open.append(name)
        found = self.resolve(self._draft.named.get(name, []))
        self._open.pop()
        self._done[name] = found
        return found


class _JinjaWriter:
    """Writes ops as Jinja source; texts that change or could be misread become data."""

    def __init__(self, tree: Tree) -> None:
        self.parts: list[str] = []
        self.data: list[str] = []
        self.number = True
        self._tree = tree
        self._line = 1

    def begin(self, tag: str) -> None:
        self.parts.append(tag)

    def write(self, ops: Sequence[Op]) -> None:
        segment: list[Op] = []
        trim = False
        self._line = 1
        for op in ops:
            if op.node is None:
                segment.append(op)
                continue
            self._flush(segment, trim, op.node.trim_before, self._tree.lines.place(op.node.start)[0])
            segment = []
            trim = op.node.trim_after
            self._put(op.text)
        self._flush(segment, trim, False, 0)

    def _put(self, text: str) -> None:
        self.parts.append(text)
        self._line += text.count("\n")

    def _flush(self, ops: list[Op], trim_left: bool, trim_right: bool, line: int) -> None:
        ops = [op._replace(text=_newlines(op.text)) if op.kind == "text" else op for op in ops]
        left, ops = _edge(ops, trim_left, left=True)
        right, ops = _edge(ops, trim_right, left=False)
        text = _text(ops)
        self._put(left)
        if any(not _static(op) for op in ops) or "{" in text:
            pad = max(0, line - self._line - right.count("\n")) if line and not self.number else 0
            self._put(f"{{{{ __pw__[{len(self.data)}]{chr(10) * pad} }}}}")
            self.data.append(text)
        else:
            self._put(text)
        self._put(right)


def _static(op: Op) -> bool:
    return op.kind == "text" and op.owner.kind == "text"


def _newlines(text: str) -> str:
    """As Jinja does with its own text: CRLF and CR become LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _edge(ops: list[Op], trim: bool, *, left: bool) -> tuple[str, list[Op]]:
    """Take the author's white space off one edge; what an option brought is dropped where the tag trims."""
    ops = list(ops) if left else list(reversed(ops))
    outside: list[str] = []
    position = 0
    while position < len(ops):
        op = ops[position]
        if op.kind != "text" or (not _static(op) and not trim):
            break
        kept = op.text.lstrip() if left else op.text.rstrip()
        if _static(op) and (not outside or position == len(outside)):
            outside.append(op.text[: len(op.text) - len(kept)] if left else op.text[len(kept) :])
        ops[position] = op._replace(text=kept)
        if kept:
            break
        position += 1
    if not left:
        outside.reverse()
        ops.reverse()
    return "".join(outside), ops
