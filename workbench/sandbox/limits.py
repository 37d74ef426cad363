"""What a template may use, and the records that cross the worker's border."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.record import Message


@dataclass(frozen=True, slots=True)
class Limits:
    """CPU seconds of one request; a long source earns more, ``per_100_kb`` each, up to ``ceiling``."""

    cpu: float
    per_100_kb: float
    ceiling: float

    def seconds(self, source: str) -> float:
        return min(self.ceiling, self.cpu + self.per_100_kb * (len(source) / 100_000))


PREVIEW = Limits(cpu=0.5, per_100_kb=0.5, ceiling=5.0)
RUN = Limits(cpu=5.0, per_100_kb=0.0, ceiling=5.0)


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """One rendering.

    ``loader`` maps names within ``templates/`` to sources; ``data`` is reached as ``__pw__[k]``. ``written`` is what
    the author wrote where it differs from ``source`` (same lines), for the columns of errors; ``first_line`` is the
    line of the file at which the source begins. ``seed`` and ``item`` fix ``pick()``, ``shuffle()``, ``sample()``,
    ``wildcard()`` and the ``random`` filter; ``lists`` are the lines that ``wildcard()`` draws from.
    """

    source: str
    name: str = "template"
    variables: Mapping[str, Any] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    loader: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = RUN
    first_line: int = 1
    written: str = ""
    seed: int = 0
    item: int = 0
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RenderReply:
    """``messages`` is empty when the template has no sections. ``used`` names the included templates, in order of
    their first use; ``now`` is what ``now()`` said, empty when it was not asked."""

    text: str
    messages: tuple[Message, ...] = ()
    used: tuple[str, ...] = ()
    now: str = ""


@dataclass(frozen=True, slots=True)
class SlotName:
    """A free variable; ``line`` and ``column`` of its first use, from 1. Line 0: it stands in an included template."""

    name: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class SlotReply:
    names: tuple[SlotName, ...]
    used: tuple[str, ...] = ()
