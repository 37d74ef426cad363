"""Templates of the ``llm`` command: YAML with ``prompt``, ``system``, ``$variables`` and ``defaults``."""

from __future__ import annotations

import re
from typing import Any

from workbench.template.importers.frontmatter import mapping
from workbench.template.importers.result import Draft, Imported, ImportFault, literal, sections

_VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_LEFT_OUT = {
    "schema_object": "the output schema",
    "extract": "extract: the first code block only",
    "extract_last": "extract_last: the last code block only",
    "fragments": "fragments",
    "system_fragments": "system fragments",
    "attachments": "attachments",
    "attachment_types": "attachments",
    "tools": "tools",
    "functions": "functions",
}


def llm(text: str, name: str = "imported") -> Imported:
    """One template file of ``llm templates``. Raises ImportFault for anything else."""
    data: dict[str, Any] = mapping(text, name)
    if not (data.get("prompt") or data.get("system")):
        raise ImportFault(f"{name}: no 'prompt' and no 'system'", hint="this is not a template of llm")
    draft = Draft(str(data.get("name") or name))
    if data.get("model"):
        draft.model(data["model"])
    options = data.get("options")
    for key, value in options.items() if isinstance(options, dict) else ():
        draft.param(str(key), value)
    messages = []
    if data.get("system"):
        messages.append(("system", _text(str(data["system"]), draft)))
    # Without a prompt, llm sends its input as the prompt.
    messages.append(("user", _text(str(data.get("prompt") or "$input"), draft)))
    defaults = data.get("defaults")
    for key, value in defaults.items() if isinstance(defaults, dict) else ():
        draft.slot(str(key), default=value)
    for key in data.keys() - {"name", "prompt", "system", "model", "options", "defaults"}:
        draft.note(f"{_LEFT_OUT.get(key, f'the key {key!r}')} is left out")
    return draft.finish(sections(messages))


def _text(text: str, draft: Draft) -> str:
    parts: list[str] = []
    position = 0
    for match in _VARIABLE.finditer(text):
        parts.append(literal(text[position : match.start()]))
        position = match.end()
        name = match.group(2) or match.group(3)
        if name:
            draft.slot(name)
        parts.append(f"{{{{ {name} }}}}" if name else "$")
    return "".join(parts) + literal(text[position:])
