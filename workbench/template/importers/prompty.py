"""``.prompty``: YAML front matter, then a chat in Jinja2 with ``system:`` and ``user:`` lines."""

from __future__ import annotations

import re
from typing import Any

from workbench.template.importers.frontmatter import split
from workbench.template.importers.result import Draft, Imported, ImportFault, literal, sections

_ROLE = re.compile(
    r"^[ \t]*#?[ \t]*(system|developer|user|assistant|tool|function)(\[[^\]\n]*\])?:[ \t]*\r?$", re.M | re.I
)
_MUSTACHE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_ROLES = {"developer": "system", "tool": "user", "function": "user"}
_KNOWN = {"name", "description", "authors", "tags", "version", "model", "sample", "inputs", "template", "outputs"}


def prompty(text: str, name: str = "imported") -> Imported:
    """One ``.prompty`` file. Raises ImportFault for broken front matter."""
    head, body = split(text, name)
    draft = Draft(str(head.get("name") or name))
    for key, target in (("name", "title"), ("description", "description")):
        if head.get(key):
            draft.header[target] = str(head[key])
    if isinstance(head.get("tags"), list):
        draft.header["tags"] = [str(tag) for tag in head["tags"]]
    for key in head.keys() - _KNOWN:
        draft.note(f"the key {key!r} is left out")
    _model(head.get("model"), draft)
    _inputs(head.get("inputs"), head.get("sample"), draft)
    if head.get("outputs"):
        draft.note("the output schema is left out")
    body = _body(body, head.get("template"), draft)
    return draft.finish(sections(_messages(body, draft)))


def _model(model: Any, draft: Draft) -> None:
    if not isinstance(model, dict):
        if model:
            draft.model(model)
        return
    configuration = model.get("configuration") or model.get("connection") or {}
    if isinstance(configuration, dict):
        named = configuration.get("azure_deployment") or configuration.get("name") or configuration.get("type")
        if named or model.get("id"):
            draft.model(model.get("id") or named)
    if model.get("api", "chat") == "completion":
        draft.header["mode"] = "raw"
    options = model.get("parameters") or model.get("options") or {}
    for key, value in options.items() if isinstance(options, dict) else ():
        draft.param(str(key), value)


def _inputs(inputs: Any, sample: Any, draft: Draft) -> None:
    for key, value in inputs.items() if isinstance(inputs, dict) else ():
        if isinstance(value, dict):
            default = value.get("default")
            example = value.get("sample", value.get("example"))
            draft.slot(str(key), default=default, example=example, help=str(value.get("description") or ""))
        else:
            draft.slot(str(key))
    if isinstance(sample, str):
        draft.note(f"the sample file {sample} is left out")
    for key, value in sample.items() if isinstance(sample, dict) else ():
        draft.slot(str(key), example=value)


def _body(body: str, template: Any, draft: Draft) -> str:
    kind = template.get("format", template.get("type", "jinja2")) if isinstance(template, dict) else template
    if kind == "mustache":
        if re.search(r"\{\{\s*[#^/>&!{]", body):
            draft.note("mustache sections are kept as text: write them as {% if %} or {% for %}")
            return literal(body)
        return _MUSTACHE.sub(lambda match: f"{{{{ {match.group(1)} }}}}", body)
    if kind not in (None, "jinja2"):
        raise ImportFault(f"the template format {kind!r} is not known", hint="jinja2 or mustache")
    if _IMAGE.search(body):
        draft.note("images are kept as text")
    return body


def _messages(body: str, draft: Draft) -> list[tuple[str, str]]:
    marks = list(_ROLE.finditer(body))
    if not marks:
        return [("user", body)]
    found: list[tuple[str, str]] = []
    before = body[: marks[0].start()].strip()
    if before:
        found.append(("system", before))
    for number, mark in enumerate(marks):
        end = marks[number + 1].start() if number + 1 < len(marks) else len(body)
        role = mark.group(1).lower()
        if role in _ROLES:
            draft.note(f"{role} messages become {_ROLES[role]} messages")
        if mark.group(2):
            draft.note(f"attributes of a role are left out: {mark.group(2)}")
        found.append((_ROLES.get(role, role), body[mark.end() : end].strip("\r\n")))
    return found
