"""Lists: ``__name__`` is one line of the list ``name``.

``templates/wildcards/`` holds ``dir/name.txt`` (list ``dir/name``), and YAML or JSON trees, whose keys are paths (the
file's own name is not part of them). A name with ``*`` gathers every list that fits; ``*`` stays in its folder, ``**``
does not. Equal lines are merged and their weights added. Files are read again when they change.
"""

from __future__ import annotations

import json
import math
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from workbench.error import WorkbenchError
from workbench.realpath import real_path
from workbench.textio import read_text

# So many digits that no number takes long to read.
_WEIGHT = re.compile(r"\s*(\d{1,15}\.?\d{0,15}|\.\d{1,15})::")
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{0,15})?|\.\d{1,15}")
_SUFFIXES = {".txt", ".yaml", ".yml", ".json"}
# Values of a YAML or JSON file.
MOST_STEPS = 200_000
_NAME = re.compile(r"(?:(?!__)[\w\-./*])+")


@dataclass(frozen=True, slots=True)
class WildcardLine:
    text: str
    weight: Fraction = Fraction(1)


class WildcardSource(Protocol):
    """Where lists come from. ``version`` changes when any list does."""

    @property
    def version(self) -> object: ...
    def names(self) -> Sequence[str]: ...
    def has(self, name: str) -> bool: ...
    def near(self, name: str) -> str: ...
    def lines(self, name: str) -> tuple[WildcardLine, ...]: ...


def parse_lines(lines: Iterable[str]) -> tuple[WildcardLine, ...]:
    """Lines with their weights: ``0.5::text``; blank and whole-line ``#`` comments dropped; equal ones merged."""
    merged: dict[str, Fraction] = {}
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _WEIGHT.match(text)
        weight = Fraction(match.group(1).rstrip(".")) if match else Fraction(1)
        text = text[match.end() :] if match else text
        merged[text] = merged.get(text, Fraction(0)) + weight
    return tuple(WildcardLine(text, weight) for text, weight in merged.items())


class WildcardLists:
    """Lists held in memory: name to lines."""

    def __init__(self, lists: Mapping[str, Iterable[str]]) -> None:
        self._lists = {name: parse_lines(lines) for name, lines in lists.items()}

    @property
    def version(self) -> object:
        return id(self._lists)

    def names(self) -> Sequence[str]:
        return sorted(self._lists)

    def has(self, name: str) -> bool:
        return bool(self._matching(name))

    def near(self, name: str) -> str:
        """A known name that is one edit away, or ``""``."""
        return next((known for known in self._lists if one_edit(known, name)), "")

    def lines(self, name: str) -> tuple[WildcardLine, ...]:
        """All lines of the list, or of all lists that a glob finds, merged. KeyError if there is none."""
        found = self._matching(name)
        if not found:
            raise KeyError(name)
        if len(found) == 1:
            return self._lists[found[0]]
        merged: dict[str, Fraction] = {}
        for known in found:
            for line in self._lists[known]:
                merged[line.text] = merged.get(line.text, Fraction(0)) + line.weight
        return tuple(WildcardLine(text, weight) for text, weight in merged.items())

    def _matching(self, name: str) -> list[str]:
        if "*" not in name:
            return [name] if name in self._lists else []
        parts = [part for part in re.split(r"(\*+)", name) if part]
        return [known for known in sorted(self._lists) if glob_match(parts, known)]


def glob_match(parts: Sequence[str], name: str) -> bool:
    """Whether the whole name fits; ``*`` stays in its folder, ``**`` does not. Never more steps than a product."""
    places = {0}
    for part in parts:
        if part == "*":
            ends = (name.find("/", place) for place in places)
            places = {at for place, end in zip(places, ends, strict=True) for at in range(place, _end(end, name) + 1)}
        elif part[:1] == "*":
            places = set(range(min(places), len(name) + 1))
        else:
            places = {place + len(part) for place in places if name.startswith(part, place)}
        if not places:
            return False
    return len(name) in places


def _end(found: int, name: str) -> int:
    return found if found >= 0 else len(name)


def one_edit(left: str, right: str) -> bool:
    """Whether one insertion, deletion or replacement turns one into the other."""
    if left == right or abs(len(left) - len(right)) > 1:
        return False
    shorter, longer = sorted((left, right), key=len)
    first = next((i for i, char in enumerate(shorter) if char != longer[i]), len(shorter))
    return shorter[first + (len(shorter) == len(longer)) :] == longer[first + 1 :]


class WildcardFolder:
    """The lists of a folder, read again when a file's time or size changes. Faulty files go to ``problems``.

    The folder is looked at no more often than every ``freshness`` seconds: a run asks once per prompt. Links that lead
    out of the folder, and what is not a plain file, are not read.
    """

    def __init__(self, folder: Path, *, freshness: float = 0.25) -> None:
        self._folder = folder
        self._freshness = freshness
        self._looked = -math.inf
        self._stamp: tuple[tuple[str, int, int], ...] | None = None
        self._lists = WildcardLists({})
        self.problems: tuple[str, ...] = ()

    def _current(self) -> WildcardLists:
        if time.monotonic() - self._looked < self._freshness:
            return self._lists
        stamp = self._look()
        self._looked = time.monotonic()
        if stamp != self._stamp:
            self._lists, self.problems = _read_all(self._folder, [Path(entry[0]) for entry in stamp])
            self._stamp = stamp
        return self._lists

    def _look(self) -> tuple[tuple[str, int, int], ...]:
        found: list[tuple[str, int, int]] = []
        for path in sorted(self._folder.rglob("*")) if self._folder.is_dir() else ():
            if path.suffix.lower() in _SUFFIXES:
                try:
                    inside = not path.is_symlink() or real_path(path).is_relative_to(real_path(self._folder))
                    status = path.stat()
                except (OSError, RuntimeError):
                    continue
                if not inside or not stat.S_ISREG(status.st_mode):
                    continue
                found.append((str(path), status.st_mtime_ns, status.st_size))
        return tuple(found)

    @property
    def version(self) -> object:
        self._current()
        return self._stamp

    def names(self) -> Sequence[str]:
        return self._current().names()

    def has(self, name: str) -> bool:
        return self._current().has(name)

    def near(self, name: str) -> str:
        return self._current().near(name)

    def lines(self, name: str) -> tuple[WildcardLine, ...]:
        return self._current().lines(name)


def _read_all(folder: Path, paths: Sequence[Path]) -> tuple[WildcardLists, tuple[str, ...]]:
    lists: dict[str, list[str]] = {}
    origin: dict[str, str] = {}
    problems: list[str] = []
    for path in paths:
        shown = path.relative_to(folder).as_posix()
        try:
            found = _read_one(path, folder)
        except (WorkbenchError, ValueError, RecursionError) as error:
            problems.append(f"{shown}: {str(error).splitlines()[0]}")
            continue
        for name, lines in found.items():
            if name in lists:
                problems.append(f"{shown}: the list {name!r} is also in {origin[name]}; that one is used")
                continue
            if name in ("name", "file", "main", "init") or not _NAME.fullmatch(name):
                problems.append(f"{shown}: the list {name!r} would catch ordinary text, or cannot be written")
            lists[name], origin[name] = lines, shown
    return WildcardLists(lists), tuple(problems)


def _read_one(path: Path, folder: Path) -> dict[str, list[str]]:
    text = read_text(path)
    if path.suffix.lower() == ".txt":
        return {path.relative_to(folder).with_suffix("").as_posix(): text.splitlines()}
    data = _json(text) if path.suffix.lower() == ".json" else _yaml(text)
    prefix = path.relative_to(folder).parent.as_posix()
    walk = _Walk()
    walk.into({path.stem: data} if isinstance(data, list) else data, "" if prefix == "." else prefix)
    return walk.found


class _Walk:
    """The lists of a tree: keys are folders, leaves are lists. Aliases make a short file long, so steps count."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self._steps = 0

    def into(self, data: Any, path: str) -> None:
        """Raises ValueError for more than ``MOST_STEPS`` values."""
        self._step()
        if isinstance(data, dict):
            for key, value in data.items():
                self.into(value, f"{path}/{key}" if path else str(key))
        elif isinstance(data, list):
            self.found[path] = list(self._lines(data))
        elif data is not None and data != "":
            self.found[path] = _text(data).splitlines()

    def _lines(self, value: Any) -> Iterator[str]:
        """A list in a list is its lines; ``text: 2`` is a line with a weight, any other pair one with a colon in it."""
        self._step()
        if isinstance(value, list):
            for item in value:
                yield from self._lines(item)
        elif isinstance(value, dict):
            for text, other in value.items():
                weighted = isinstance(other, str) and _NUMBER.fullmatch(other)
                yield f"{other}::{text}" if weighted else f"{text}: {_text(other)}"
        else:
            yield _text(value)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise ValueError(f"it holds more than {MOST_STEPS:,} values; long lists belong into .txt files")


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise ValueError("a list stands where the text of a line is expected")
    return value if isinstance(value, str) else json.dumps(value)


def _json(text: str) -> Any:
    """The document with every scalar as it is written. Raises ValueError."""
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)


def _yaml(text: str) -> Any:
    """The document with every scalar as it is written: ``yes`` stays ``yes``, ``1.10`` stays ``1.10``.

    Raises ValueError; the parser is loaded by the first list that needs it, not by every start.
    """
    import yaml

    try:
        return yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
