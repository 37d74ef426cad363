"""YAML with care: front matter between ``---`` lines, and plain documents, with errors that can be read."""

from __future__ import annotations

import re
from typing import Any

import yaml

from workbench.template.importers.result import ImportFault

_FRONT = re.compile(r"\ufeff?\s*---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.S | re.M)


def mapping(text: str, name: str) -> dict[str, Any]:
    """A YAML mapping. Raises ImportFault."""
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ImportFault(f"{name}: not YAML: {str(error).splitlines()[0]}", hint="check its indentation") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ImportFault(f"{name}: a mapping was expected", hint="key: value lines")
    return {str(key): value for key, value in data.items()}


def split(text: str, name: str) -> tuple[dict[str, Any], str]:
    """Front matter and the rest; no front matter is an empty one."""
    match = _FRONT.match(text)
    return (mapping(match.group(1), name), text[match.end() :]) if match else ({}, text)
