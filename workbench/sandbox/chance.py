"""Randomness inside Jinja, one draw per call: ``pick``, ``shuffle``, ``sample``, ``wildcard``, the ``random`` filter.

Each draw is ``BLAKE2b-64(seed, item, name, turn)`` with the fields joined by U+001F, where ``turn`` counts the calls
of one name: the same prompt on every machine, and a call added elsewhere under another name moves nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jinja2.exceptions import TemplateRuntimeError


class Chance:
    """The draws of one rendering."""

    def __init__(self, seed: int, item: int, lists: Mapping[str, Sequence[str]]) -> None:
        self._start = f"{seed}\x1f{item}"
        self._lists = lists
        self._turns: dict[str, int] = {}

    def _below(self, limit: int, name: str) -> int:
        turn = self._turns[name] = self._turns.get(name, -1) + 1
        data = f"{self._start}\x1f{name}\x1f{turn}".encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big") * limit >> 64

    def pick(self, values: Iterable[Any]) -> Any:
        return self._one(list(values), "pick")

    def random(self, values: Iterable[Any]) -> Any:
        return self._one(list(values), "random")

    def _one(self, values: list[Any], name: str) -> Any:
        if not values:
            raise TemplateRuntimeError(f"{name} of an empty list")
        return values[self._below(len(values), name)]

    def shuffle(self, values: Iterable[Any]) -> list[Any]:
        return self._some(list(values), None, "shuffle")

    def sample(self, values: Iterable[Any], k: int) -> list[Any]:
        return self._some(list(values), k, "sample")

    def _some(self, values: list[Any], k: int | None, name: str) -> list[Any]:
        wanted = len(values) if k is None else k
        if not 0 <= wanted <= len(values):
            raise TemplateRuntimeError(f"{name} of {wanted} from a list of {len(values)}")
        for position in range(wanted):
            other = position + self._below(len(values) - position, name)
            values[position], values[other] = values[other], values[position]
        return values[:wanted]

    def wildcard(self, name: str) -> str:
        lines = self._lists.get(name)
        if not lines:
            raise TemplateRuntimeError(f"there is no list {name!r} in templates/wildcards/")
        return str(lines[self._below(len(lines), f"wildcard {name}")])
