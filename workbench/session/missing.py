"""Texts of a run that were kept apart under their hash and are gone or damaged: where in the request they belong.

A sentence stands in their place, for people. It is no value: nothing is run, printed as exact or trained on with it.
"""

from __future__ import annotations

from collections.abc import Mapping

from workbench.error import StorageError
from workbench.record import MissingText, RunRequest, missing_texts


def missing_in(request: RunRequest) -> dict[str, MissingText]:
    """By place: ``variables.topic``, ``prompt.text``, ``template.source``."""
    return dict(missing_texts(request))


def lost_prompt(request: RunRequest) -> dict[str, MissingText]:
    """What is missing of the very text that the model saw."""
    places = missing_in(request)
    if request.prompt.model_text:
        return {place: text for place, text in places.items() if place == "prompt.model_text"}
    return {place: text for place, text in places.items() if place.startswith("prompt.")}


def missing_words(places: Mapping[str, MissingText]) -> str:
    """One sentence for a record's problem; empty when nothing is missing."""
    if not places:
        return ""
    files = ", ".join(dict.fromkeys(blob_name(text) for text in places.values()))
    return f"missing: {', '.join(places)}; the text that was kept apart in {files} is gone or damaged"


def blob_name(text: MissingText) -> str:
    """Where it stood, as seen from the workspace."""
    return f"sessions/blobs/{text.blob[:2]}/{text.blob}"


def refuse_missing(places: Mapping[str, MissingText], *, instead: str = "") -> None:
    """Raises StorageError when there are any. ``instead``: what may be done without them."""
    if places:
        hint = f"Bring the file back, from a copy or with git. {instead}".strip()
        raise StorageError(missing_words(places), hint=hint)
