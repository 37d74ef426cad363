"""Foreign text is never read as markup: the app's source is searched for calls that would do so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TUI = Path(__file__).resolve().parent.parent / "workbench" / "tui"
FILES = sorted(TUI.rglob("*.py"))
LABELS = {"Static", "Label"}


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _is(node: ast.expr | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _content(node: ast.expr) -> bool:
    """``Content(…)`` or one of its makers; ``from_markup`` is none."""
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        return getattr(node.func.value, "id", "") == "Content" and node.func.attr != "from_markup"
    return getattr(node.func, "id", "") == "Content"


def faults(source: str) -> Iterator[str]:
    """What is wrong in ``source``, as ``line: reason``."""
    tree = ast.parse(source)
    contents = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _content(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    labels = LABELS | {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") in LABELS for base in node.bases)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name, first = _name(node), node.args[0] if node.args else None
        plain = _is(_keyword(node, "markup"), False)
        if name == "notify" and isinstance(node.func, ast.Attribute) and not _condition(node) and not plain:
            yield f"{node.lineno}: notify() without markup=False"
        constant = isinstance(first, ast.Constant) and "[" not in str(first.value)
        if name in LABELS and first is not None and not (plain or constant or _content(first)):
            yield f"{node.lineno}: {name}() of foreign text without markup=False"
        if name == "__init__" and _in_label(tree, node, labels) and not plain:
            yield f"{node.lineno}: a kind of Static or Label without markup=False"
        if name == "RichLog" and _is(_keyword(node, "markup"), True):
            yield f"{node.lineno}: RichLog with markup"
        if name == "from_markup":
            yield f"{node.lineno}: {name}()"
        if name == "update" and isinstance(node.func, ast.Attribute) and len(node.args) == 1 and first is not None:
            known = _content(first) or (isinstance(first, ast.Name) and first.id in contents)
            texty = isinstance(first, ast.JoinedStr | ast.BinOp | ast.Name) or (
                isinstance(first, ast.Call) and _name(first) in {"str", "display", "display_line", "format", "join"}
            )
            if texty and not known:
                yield f"{node.lineno}: update() of a text that is no Content"


def _condition(node: ast.Call) -> bool:
    """``threading.Condition.notify`` takes no text."""
    return not node.args and not node.keywords


def _in_label(tree: ast.AST, call: ast.Call, labels: set[str]) -> bool:
    return any(
        isinstance(node, ast.ClassDef) and node.name in labels - LABELS and call in ast.walk(node)
        for node in ast.walk(tree)
    )


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(TUI)) for path in FILES])
def test_no_call_reads_foreign_text_as_markup(path: Path) -> None:
    assert list(faults(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "self.notify(text)",
        "self.app.notify(text, markup=True)",
        "Static(text)",
        "Label(f'{name}')",
        "Static('[b]x')",
        "Static(Content.from_markup(text))",
        "RichLog(markup=True)",
        "self.line.update(f'{name}')",
        "self.line.update(display(name))",
        "self.line.update(name)",
        "class A(Static):\n    def __init__(self, text):\n        super().__init__(text)",
    ],
)
def test_the_search_finds_what_it_is_for(line: str) -> None:
    assert list(faults(line))


@pytest.mark.parametrize(
    "line",
    [
        "self.notify(text, markup=False)",
        "self._changed.notify()",
        "Static(text, markup=False)",
        "Static(Content(text))",
        "Static('no slots')",
        "line = Content(' ')\nself.update(line)",
        "self.line.update(Content(f'{name}'))",
    ],
)
def test_the_search_leaves_what_is_right(line: str) -> None:
    assert not list(faults(line))
