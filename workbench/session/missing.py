"""Texts of a run that were kept apart under their hash and are gone or damaged: where in the request they belong.

A sentence stands in their place, for people. It is no value: nothing is run, printed as exact or trained on with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from workbench.record import MissingText, RunRequest


def missing_in(request: RunRequest) -> dict[str, MissingText]:
    """By place: ``variables.topic``, ``prompt.text``, ``template.source``."""
    return dict(_walk("", request))


def missing_words(places: Mapping[str, MissingText]) -> str:
    """One sentence for a record's problem; empty when nothing is missing."""
    if not places:
        return ""
    files = ", ".join(sorted({blob_name(text.blob) for text in places.values()}))
    return f"{', '.join(places)} missing: the text that was kept apart in {files} is gone or damaged"


def blob_name(sha256: str) -> str:
    """Where a text stands, as seen from the workspace."""
    return f"sessions/blobs/{sha256[:2]}/{sha256}"


def _walk(place: str, value: Any) -> Iterator[tuple[str, MissingText]]:
    if isinstance(value, MissingText):
        yield place, value
    elif is_dataclass(value):
        for item in fields(value):
            yield from _walk(f"{place}.{item.name}".lstrip("."), getattr(value, item.name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _walk(f"{place}.{key}", item)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _walk(f"{place}[{number}]", item)
