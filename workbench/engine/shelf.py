"""The models on this machine: what lies in the model folders, what it is, and what would run it.

A file is listed whatever it is; a broken or foreign one with its reason. Nothing here loads a model.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from workbench.engine.catalog import CATALOG
from workbench.engine.gguf import read_header
from workbench.engine.gguf_types import GgufHeader
from workbench.engine.memory import MemoryEstimate, estimate
from workbench.engine.notes import Notes
from workbench.engine.select import Verdict, verdict
from workbench.error import ModelError, ModelMissing
from workbench.realpath import real_path

SUFFIXES = (".gguf", ".bin", ".safetensors", ".ggml")
DEPTH = 4
MOST_FILES = 2000
SAMPLE = 1 << 20
HASHED_AT_ONCE = 512 << 20
DEFAULT_MODEL = "smollm2-135m"
HASHES = Notes("model-sha256")


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A file. ``id`` is how people name it: the catalog's id, else the file name without .gguf."""

    path: Path
    header: GgufHeader
    verdict: Verdict
    estimate: MemoryEstimate
    id: str

    @property
    def problem(self) -> str:
        """Why nothing can run it, or ""."""
        if self.header.problem or self.verdict.best:
            return self.header.problem
        return "; ".join(f"{choice.engine}: {choice.reason}" for choice in self.verdict.choices)

    @property
    def engine(self) -> str:
        """The engine that the automatic choice takes, or ""."""
        best = self.verdict.best
        return best.engine if best and not self.header.problem else ""


def list_models(folders: Sequence[Path]) -> list[ModelEntry]:
    """Every model file below the folders, runnable ones first, by name. A missing folder counts as empty."""
    seen: set[Path] = set()
    entries = []
    for folder in folders:
        for path in _files(folder):
            real = real_path(path)
            if real not in seen:
                seen.add(real)
                entries.append(entry_of(path))
    # Stable: of equal names the earlier folder's comes first.
    return sorted(entries, key=lambda entry: (bool(entry.problem), entry.path.name.lower()))


def entry_of(path: Path) -> ModelEntry:
    """What the shelf says about one file; never raises about its content."""
    header = _header(path)
    answers = verdict(header)
    engine = answers.best.engine if answers.best else "llamacpp"
    known = {entry.file: entry.id for entry in CATALOG.values() if entry.bytes == header.file_bytes}
    name = path.name.removesuffix(".gguf")
    return ModelEntry(path, header, answers, estimate(header, engine), known.get(path.name, name))


def _files(folder: Path) -> Iterator[Path]:
    """Files with a model's suffix, links to files followed, hidden folders and links to folders left out."""
    if os.path.isfile(folder):
        yield folder
        return
    start, found = len(folder.parts), 0
    for place, folders, files in os.walk(folder):
        if len(Path(place).parts) - start >= DEPTH:
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                found += 1
                if found > MOST_FILES:
                    return
                yield Path(place, name)


def _header(path: Path) -> GgufHeader:
    try:
        status = path.stat()
    except OSError:
        return read_header(path)
    header = _header_of(str(path), status.st_size, status.st_mtime_ns, status.st_ino)
    # What a part of a split model is depends on the files beside it.
    return read_header(path) if header.split_count and not header.split_no else header


@lru_cache(maxsize=512)
def _header_of(path: str, _size: int, _mtime_ns: int, _inode: int) -> GgufHeader:
    return read_header(path)


def find_model(name: str, folders: Sequence[Path]) -> ModelEntry:
    """The model called ``name``: a path, a file name with or without .gguf, a catalog id or the name in its
    header.

    An empty name means the default model, or the only runnable one. Raises ModelError with near matches.
    """
    # os.path and not Path: a name that no file can have, or the home of nobody, is no exception there.
    as_path = Path(os.path.expanduser(name))
    if name and ((found := os.path.isfile(as_path)) or "/" in name or os.sep in name):
        if found:
            return entry_of(as_path)
        raise ModelError(f"there is no file {name}", hint="`workbench models` lists what is there.")
    wanted = name or DEFAULT_MODEL
    if named := _by_file_name(wanted, folders):
        return _one(wanted, named)
    entries = list_models(folders)
    if not entries:
        raise _missing(name, nothing_there=True)
    for matches in _matches(wanted, entries):
        if matches:
            return _one(wanted, matches)
    runnable = [entry for entry in entries if entry.engine]
    if not name and runnable:
        return runnable[0]
    if wanted in CATALOG:
        raise _missing(name)
    raise ModelError(_no_model(name), hint=_near(wanted, entries))


def _by_file_name(name: str, folders: Sequence[Path]) -> list[ModelEntry]:
    """Exact matches by file name or catalog id; no other file's header is read: a run starts at once."""
    names = {name, f"{name}.gguf"} | ({CATALOG[name].file} if name in CATALOG else set())
    paths: dict[Path, Path] = {}
    for folder in folders:
        for path in _files(folder):
            if path.name in names:
                paths.setdefault(real_path(path), path)
    return [entry_of(path) for path in paths.values()]


def _matches(name: str, entries: list[ModelEntry]) -> Iterator[list[ModelEntry]]:
    """Groups of matches, the strictest rule first."""
    low = name.lower()
    yield [entry for entry in entries if low in (entry.id.lower(), entry.path.name.lower())]
    yield [entry for entry in entries if low in (entry.path.stem.lower(), entry.header.name.lower())]


def _one(name: str, matches: list[ModelEntry]) -> ModelEntry:
    """The one match; of several the runnable one, of several of these the same file twice."""
    runnable = [entry for entry in matches if entry.engine] or matches
    if len({fingerprint(entry.path) for entry in runnable[:20]}) > 1:
        paths = ", ".join(str(entry.path) for entry in runnable[:5])
        raise ModelError(f"several models are called {name!r}", hint=f"Name one by its path: {paths}")
    return runnable[0]


def _no_model(name: str) -> str:
    return f"there is no model {name!r}" if name else "there is no model yet"


def _missing(name: str, *, nothing_there: bool = False) -> ModelMissing:
    wanted = name if name in CATALOG else DEFAULT_MODEL
    hint = f"Get one with: workbench models get {wanted}"
    return ModelMissing(_no_model(name), hint=hint, wanted=wanted, nothing_there=nothing_there)


def _near(name: str, entries: list[ModelEntry]) -> str:
    names = {entry.id.lower(): entry.id for entry in entries}
    near = [names[low] for low in difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)]
    near += [entry.id for entry in entries if name.lower() in entry.path.name.lower() and entry.id not in near]
    return f"Did you mean {', '.join(near[:3])}?" if near else f"There are: {', '.join(sorted(names.values())[:8])}."


def fingerprint(path: Path) -> str:
    """``size-hash`` in hex: SHA-256 over the size and 1 MB of head, middle and tail; "" when unreadable.

    Quick for any size, the same on every machine; tells files apart, but does not see a flipped bit
    elsewhere.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest = hashlib.sha256(str(size).encode())
            for start in sorted({0, max(0, size // 2 - SAMPLE // 2), max(0, size - SAMPLE)}):
                file.seek(start)
                digest.update(file.read(SAMPLE))
    except OSError:
        return ""
    return f"{size:x}-{digest.hexdigest()[:32]}"


def cached_sha256(path: Path, *, at_most: int = HASHED_AT_ONCE) -> str | None:
    """SHA-256 of a file, remembered until it changes; None for an unknown file above ``at_most`` bytes."""
    try:
        key, size = _identity(path)
        known = HASHES.read()
        if key in known:
            return str(known[key])
        if size > at_most:
            return None
        with open(path, "rb") as file:
            value = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
    remember_sha256(path, value)
    return value


def remember_sha256(path: Path, value: str) -> None:
    """Note the hash of a file as it is now; a disk that refuses only means that it is computed again."""
    with suppress(OSError):
        key, _size = _identity(path)
        real = key.partition("|")[0]

        def change(table: dict[str, object]) -> None:
            for old in [old for old in table if old.partition("|")[0] == real]:
                del table[old]
            table[key] = value

        HASHES.change(change)


def remembered_sha256(path: Path) -> str:
    """The hash that was noted for this very file (size, time and inode), or ""."""
    try:
        return str(HASHES.read().get(_identity(path)[0], ""))
    except OSError:
        return ""


def _identity(path: Path) -> tuple[str, int]:
    real = real_path(path)
    status = real.stat()
    return f"{real}|{status.st_size}|{status.st_mtime_ns}|{status.st_ino}", status.st_size


def names_apart(entries: Sequence[ModelEntry]) -> dict[Path, str]:
    """A name for each: its id, and where several share one the folder as well."""
    ids = Counter(entry.id for entry in entries)
    return {entry.path: entry.id if ids[entry.id] == 1 else f"{entry.id} in {entry.path.parent}" for entry in entries}
