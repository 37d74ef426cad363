"""Changes to patterns under the cursor, as text in and text out: weights, and text into a slot, a choice, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.template.document import TemplateDocument
from workbench.template.tree import GroupNode, Node, Tree
from workbench.template.weight import change_weight
from workbench.textio import toml_dumps

_EXPRESSION = re.compile(r"\{\{-?\s*([^\W\d]\w*)\s*-?\}\}")
_WORD = re.compile(r"[^\W_]+(?:[-_'’][^\W_]+)*")
_LEADING = re.compile(r"(?:\ufeff)?\+\+\+[ \t]*\r?\n")


@dataclass(frozen=True, slots=True)
class Change:
    """The new text, what is selected in it (offsets), and a sentence of what was done."""

    text: str
    start: int
    end: int
    said: str = ""


def weigh(text: str, body_start: int, start: int, end: int, step: float) -> Change | None:
    """Raise or lower the weight of what is selected, or of the word or span at the cursor. None: nothing is there."""
    if start < body_start:
        return None
    body, first, last = change_weight(text[body_start:], start - body_start, end - body_start, step)
    new = text[:body_start] + body
    return None if new == text else Change(new, body_start + first, body_start + last)


def turn(document: TemplateDocument, tree: Tree, values: Mapping[str, Any], start: int, end: int) -> Change | None:
    """Text becomes a slot, a slot a choice, a choice its first option. Offsets are those of the file's text."""
    source = document.source
    shift = len(source) - len(document.body)
    if start < shift:
        return None
    if start == end:
        found = _node_at(tree, start - shift)
        if isinstance(found, GroupNode):
            option = found.options[0].source.strip() if found.options else ""
            return _put(source, found.start + shift, found.end + shift, option, "a choice became its first option")
        slot = _slot_at(document.body, tree, start - shift)
        if slot is not None:
            name, first, last = slot
            value = values.get(name, "")
            shown = value if isinstance(value, str) and value and not set(value) & set("{}|\n") else name
            return _choice(document, first + shift, last + shift, name, shown)
        word = next((match for match in _WORD.finditer(source, shift) if match.start() <= start <= match.end()), None)
        if word is None:
            return None
        start, end = word.span()
    return _slot(document, tree, source[start:end], start, end)


def _node_at(tree: Tree, place: int) -> GroupNode | None:
    """The innermost group around ``place``."""
    found: GroupNode | None = None
    nodes: tuple[Node, ...] = tree.items
    while True:
        inner = next((n for n in nodes if isinstance(n, GroupNode) and n.start <= place < n.end), None)
        if inner is None:
            return found
        found = inner
        nodes = tuple(node for option in inner.options for node in option.items)


def _slot_at(body: str, tree: Tree, place: int) -> tuple[str, int, int] | None:
    for site in tree.slots:
        if site.start <= place < site.end:
            return site.name, site.start, site.end
    for match in _EXPRESSION.finditer(body):
        if match.start() <= place < match.end():
            return match[1], match.start(), match.end()
    return None


def _put(source: str, start: int, end: int, new: str, said: str) -> Change:
    return Change(source[:start] + new + source[end:], start, start + len(new), said)


def _choice(document: TemplateDocument, start: int, end: int, name: str, shown: str) -> Change:
    """``{shown|}`` with the cursor where the next option goes; a declaration that nothing needs any more goes, too."""
    source = document.source
    text = f"{source[:start]}{{{shown}|}}{source[end:]}"
    place = start + len(shown) + 2
    declared = f'[slots.{name}]\ndefault = "{shown}"\n'
    body = text[len(source) - len(document.body) :]
    still_used = re.search(rf"\{{\s*{re.escape(name)}\b|\b{re.escape(name)}\s*\}}\}}", body)
    if declared in text[:start] and not still_used:
        text = text.replace(declared, "", 1)
        place -= len(declared)
    return Change(text, place, place, f"{name} became a choice: write the other options after the bar")


def _slot(document: TemplateDocument, tree: Tree, text: str, start: int, end: int) -> Change:
    """Put ``{{ name }}`` there and declare the slot with the text as its default, so that the prompt stays the same."""
    source = document.source
    name = _name(text, {*document.header.slots, *tree.slot_names, *tree.named_picks})
    inside = any(site.start <= start < site.end for site in tree.groups) if tree.groups else False
    put = f"{{{name}}}" if inside or not document.header.jinja else f"{{{{ {name} }}}}"
    body = source[:start] + put + source[end:]
    declaration = toml_dumps({"slots": {name: {"default": text}}})
    shift = len(source) - len(document.body)
    if _LEADING.match(source):
        # Before the closing fence; tables may follow each other in any order.
        close = source.rfind("+++", 0, shift)
        head = body[:close] + ("" if body[:close].endswith("\n\n") else "\n") * (close > 4) + declaration
        new = head + body[close:]
    else:
        new = f"+++\n{declaration}+++\n{body}"
    grown = len(new) - len(body)
    return Change(
        new, start + grown, start + grown + len(put), f"{name} is a slot now, with the old text as its default"
    )


def _name(text: str, taken: set[str]) -> str:
    """A name made of the text's first words; ``slot`` where there are none that a name can hold."""
    words = re.findall(r"[^\W_]+", text.lower())[:3]
    stem = "_".join(words) or "slot"
    stem = stem if not stem[0].isdigit() else f"slot_{stem}"
    name, number = stem[:32], 2
    while name in taken:
        name, number = f"{stem[:32]}_{number}", number + 1
    return name
