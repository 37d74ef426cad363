"""Dotprompt ``.prompt``: YAML front matter, then Handlebars with ``{{role "system"}}`` marks."""

from __future__ import annotations

import re
from typing import Any

from workbench.template.importers.frontmatter import split
from workbench.template.importers.result import Draft, Imported, literal, sections

_TAG = re.compile(r"\{\{\{?\s*([^{}]*?)\s*\}?\}\}")
_ROLE = re.compile(r"""\{\{\s*role\s+["'](\w+)["']\s*\}\}""")
_PATH = re.compile(r"@?[A-Za-z_]\w*(?:\.\w+)*")
_WORD = re.compile(r"[A-Za-z_]\w*")
_KNOWN = {"model", "config", "input", "output", "name", "description"}


def dotprompt(text: str, name: str = "imported") -> Imported:
    """One ``.prompt`` file. Raises ImportFault for broken front matter."""
    head, body = split(text, name)
    draft = Draft(str(head.get("name") or name))
    if head.get("description"):
        draft.header["description"] = str(head["description"])
    if head.get("model"):
        draft.model(head["model"])
    config = head.get("config")
    for key, value in config.items() if isinstance(config, dict) else ():
        draft.param(str(key), value)
    _input(head.get("input"), draft)
    if head.get("output"):
        draft.note("the output schema is left out")
    for key in head.keys() - _KNOWN:
        draft.note(f"the key {key!r} is left out")
    return draft.finish(sections(_messages(body, draft)))


def _input(data: Any, draft: Draft) -> None:
    if not isinstance(data, dict):
        return
    defaults = data.get("default") if isinstance(data.get("default"), dict) else {}
    schema = data.get("schema")
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        schema = schema["properties"]
    for key, value in schema.items() if isinstance(schema, dict) else ():
        name = str(key).split("(")[0].strip()
        optional = name.endswith("?")
        name = name.removesuffix("?")
        help = str(value).partition(",")[2].strip() if isinstance(value, str) else ""
        default = defaults.get(name) if isinstance(defaults, dict) else None
        draft.slot(name, default="" if default is None and optional else default, help=help)
    for key, value in defaults.items() if isinstance(defaults, dict) else ():
        draft.slot(str(key), default=value)


def _messages(body: str, draft: Draft) -> list[tuple[str, str]]:
    parts = _ROLE.split(body)
    found = [("user", parts[0])] if parts[0].strip() else []
    for role, text in zip(parts[1::2], parts[2::2], strict=True):
        known = {"model": "assistant", "tool": "user"}.get(role, role)
        if role == "tool":
            draft.note("tool messages become user messages")
        if known not in ("system", "user", "assistant"):
            draft.note(f"the role {role!r} is not known: read as user")
            known = "user"
        found.append((known, text.strip("\r\n")))
    return [(role, _Handlebars(text, draft).converted()) for role, text in found] or [("user", "")]


class _Handlebars:
    """Rewrites Handlebars tags as Jinja; what has no like is kept as text and noted."""

    def __init__(self, text: str, draft: Draft) -> None:
        self._text, self._draft = text, draft
        self._open: list[str] = []

    def converted(self) -> str:
        parts: list[str] = []
        position = 0
        for match in _TAG.finditer(self._text):
            parts += [literal(self._text[position : match.start()]), self._tag(match)]
            position = match.end()
        return "".join(parts) + literal(self._text[position:])

    def _tag(self, match: re.Match[str]) -> str:
        inner = match.group(1)
        word, _, rest = inner.partition(" ")
        rest = rest.strip()
        if inner.startswith("!"):
            return f"{{# {inner[1:].strip('- ').replace('#}', '# }')} #}}"
        if word in ("#if", "#unless") and _PATH.fullmatch(rest):
            self._open.append("if")
            return f"{{% if {'not ' if word == '#unless' else ''}{self._path(rest)} %}}"
        if word == "#each" and _PATH.fullmatch(rest):
            self._open.append("for")
            return f"{{% for item in {self._path(rest)} %}}"
        if inner == "else" and self._open:
            return "{% else %}"
        if inner in ("/if", "/unless", "/each") and self._open:
            return f"{{% end{self._open.pop()} %}}"
        if _PATH.fullmatch(inner) and inner != "history":
            return f"{{{{ {self._path(inner)} }}}}"
        self._draft.note(f"{match.group()} has no like here: kept as text")
        return literal(match.group())

    def _path(self, path: str) -> str:
        if path == "this" or path.startswith("this."):
            return "item" + path[4:]
        if path.startswith("@"):
            return {"@index": "loop.index0", "@first": "loop.first", "@last": "loop.last"}.get(path, path[1:])
        if "for" in self._open and _WORD.fullmatch(path):
            self._draft.note(f"inside {{{{#each}}}}, {path!r} is read as a variable: write item.{path} for a field")
        return path
