"""Is a model file whole and what it should be: header, every tensor's bytes, SHA-256.

Compared with the catalog, with the hash that it was fetched by, or with the one that was computed when the file last
looked the same (which finds bits that rotted on the disk). A sound file is freed of a quarantine.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from workbench.engine.catalog import CATALOG
from workbench.engine.download import FetchCancelled, FetchProgress
from workbench.engine.gguf_judge import sibling_parts
from workbench.engine.memory import size_text
from workbench.engine.notes import Notes
from workbench.engine.quarantine import forgive
from workbench.engine.shelf import ModelEntry, remember_sha256, remembered_sha256
from workbench.realpath import real_path

CHUNK = 1 << 20
SOURCES = Notes("model-sources")
# Kinds of file that no engine runs and that are whole all the same.
WHOLE = ("adapter", "projector", "embedding", "vocabulary")
Against = Literal["catalog", "source", "earlier", "given", "nothing"]


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found. ``against`` says what the hash was compared with; ``forgiven``: a quarantine was lifted."""

    id: str
    path: Path
    sha256: str = ""
    against: Against = "nothing"
    problem: str = ""
    forgiven: bool = False

    @property
    def ok(self) -> bool:
        return not self.problem

    @property
    def sentence(self) -> str:
        """The answer in words."""
        if self.problem:
            return self.problem
        words = {
            "catalog": "the file is whole, its sha256 is that of the catalog",
            "source": "the file is whole, its sha256 is the one it was fetched by",
            "earlier": "the file is whole, its sha256 is the same as before",
            "given": "the file is whole, its sha256 is the one that was given",
            "nothing": "the file is whole; no sha256 is known to compare with",
        }
        lifted = "; its quarantine is lifted" if self.forgiven else ""
        return words[self.against] + lifted


def verify_model(
    entry: ModelEntry,
    *,
    on_progress: Callable[[FetchProgress], None],
    cancel: threading.Event | None = None,
    sha256: str = "",
) -> Verification:
    """Read the whole file and judge it. Blocking. ``sha256`` is compared instead of what is known.

    A split model is verified with all its parts; ``sha256`` is then that of the first. Raises FetchCancelled; all
    else is an answer.
    """
    header = entry.header
    if header.problem and not (header.complete and (header.kind in WHOLE or header.split_no)):
        return Verification(entry.id, entry.path, problem=header.problem)
    parts = [entry.path]
    if header.split_count > 1 and not header.split_no:
        parts = sibling_parts(entry.path, header.split_count)
    answers: list[Verification] = []
    for part in parts:
        answer = _verify_file(part, entry.id, on_progress, cancel, sha256 if part == entry.path else "")
        if answer.problem:
            named = f"{part.name}: {answer.problem}" if part != entry.path else answer.problem
            return replace(answer, path=entry.path, problem=named)
        answers.append(answer)
    unknown = [answer for answer in answers[1:] if answer.against == "nothing"]
    against = "nothing" if unknown and not sha256 else answers[0].against
    return replace(answers[0], against=against, forgiven=forgive(entry.path))


def _verify_file(
    path: Path, name: str, on_progress: Callable[[FetchProgress], None], cancel: threading.Event | None, sha256: str
) -> Verification:
    try:
        size = path.stat().st_size
    except OSError as error:
        return Verification(name, path, problem=f"the file cannot be read: {error.strerror or error}")
    expected, against = _expected(path, size) if not sha256 else (sha256.lower(), "given")
    try:
        found = hash_file(path, lambda done: on_progress(FetchProgress(name, "verify", done, size)), cancel)
    except OSError as error:
        return Verification(name, path, problem=f"the file cannot be read: {error.strerror or error}")
    if expected and expected != found:
        return Verification(name, path, found, against, _differs(path, expected, found))
    remember_sha256(path, found)
    return Verification(name, path, found, against)


def hash_file(path: Path, on_bytes: Callable[[int], None], cancel: threading.Event | None = None) -> str:
    """SHA-256 of a file, read in pieces. Raises OSError, FetchCancelled."""
    digest, done = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            if cancel is not None and cancel.is_set():
                raise FetchCancelled(f"stopped reading {path.name}", hint="Nothing was changed.")
            digest.update(chunk)
            done += len(chunk)
            on_bytes(done)
    return digest.hexdigest()


def _expected(path: Path, size: int) -> tuple[str, Against]:
    for entry in CATALOG.values():
        if entry.file == path.name and entry.bytes == size:
            return entry.sha256, "catalog"
    if (fetched := SOURCES.get(str(real_path(path))).get("sha256")) and isinstance(fetched, str):
        return fetched, "source"
    earlier = remembered_sha256(path)
    return earlier, "earlier" if earlier else "nothing"


def _differs(path: Path, expected: str, found: str) -> str:
    size = size_text(path.stat().st_size)
    return f"the content differs: sha256 {found}, expected {expected} ({size}); get the file again"
