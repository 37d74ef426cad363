"""Which software answers at an address, which models it has, and what it says of them: a few small requests.

Everything received is foreign text, capped in number and length. Nothing here generates.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from workbench.display import display_line
from workbench.engine.server_again import Again
from workbench.engine.server_fault import HttpFault
from workbench.engine.server_http import Exchange
from workbench.engine.server_target import Target

Answered = TypeVar("Answered")
MODELS_LIMIT = 2000
LIST_BYTES = 4 << 20
ID_LIMIT = 200  # characters
_NO_LIST = (400, 404, 405, 406, 410, 415, 422, 501)
# What ``owned_by`` says in a list of models.
_OWNERS = {"llamacpp": "llama.cpp", "vllm": "vllm", "library": "ollama", "organization_owner": "lmstudio"}
_VERSION_PATHS = {"ollama": "/api/version", "vllm": "/version"}


@dataclass(frozen=True)
class ListedModel:
    """A row of a server's list. ``n_ctx`` in tokens, 0 unknown; ``aliases`` are other names for it."""

    id: str
    n_ctx: int = 0
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identity:
    """``software`` is one of ``llama.cpp vllm ollama lmstudio`` or "". ``listed`` is empty when no list is given."""

    software: str = ""
    version: str = ""
    listed: tuple[ListedModel, ...] = ()
    n_ctx: int = 0
    chat_template: str = ""
    bos_token: str = ""
    eos_token: str = ""

    def find(self, model: str) -> ListedModel | None:
        """The listed model of that id, or by one of its other names."""
        for name_of in (lambda row: (row.id,), lambda row: row.aliases):
            for row in self.listed:
                if model in name_of(row):
                    return row
        return None


class Asker:
    """Small requests to one server within a common time limit, in seconds. ``stop`` ends them from any thread.

    ``waiting`` makes it patient: requests that the server does not take yet are made again, for which the limit does
    not count, and it is called each time.
    """

    def __init__(self, target: Target, seconds: float, *, waiting: Callable[[], None] | None = None) -> None:
        self.target = target
        self._waiting = waiting
        self._ends = time.monotonic() + seconds
        self._exchange: Exchange | None = None
        self._stopped = False

    @property
    def left(self) -> float:
        return self._ends - time.monotonic()

    def stop(self) -> None:
        self._stopped = True
        if self._exchange is not None:
            self._exchange.abort()

    def exchange(self) -> Exchange:
        """A request to be made. Raises HttpFault (``timeout``) when the time is up."""
        if self._stopped or self.left <= 0:
            raise late()
        exchange = Exchange(self.target, timeout=min(self.left, float(self.target.server.timeout)))
        self._exchange = exchange
        return exchange

    def patiently(self, request: Callable[[], Answered]) -> Answered:
        """What ``request`` gives, made again where that helps. Raises HttpFault."""
        again = Again()
        while True:
            try:
                return request()
            except HttpFault as fault:
                seconds = again.wait(fault) if self._waiting is not None else -1
                if seconds < 0 or self._waiting is None or self._stopped:
                    raise
                self._ends += seconds
                for _ in range(math.ceil(seconds)):
                    self._waiting()
                    time.sleep(min(1.0, seconds))

    def json(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[Any, str]:
        """The answer and its ``Server`` header. Raises HttpFault."""
        return self.patiently(lambda: self._json(method, path, body))

    def _json(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[Any, str]:
        with self.exchange() as exchange:
            try:
                return exchange.json(method, path, body, limit=LIST_BYTES), exchange.software
            except HttpFault as fault:
                if self._stopped or (fault.kind == "timeout" and self.left < 0.1):
                    raise late() from fault
                raise


def late() -> HttpFault:
    """The common time is up."""
    return HttpFault("timeout", "no answer in time", "Is the server busy, or another kind of server?")


def identify(asker: Asker) -> Identity:
    """Raises HttpFault when the server cannot be reached or wants a key; a missing list is no fault, nor, for a model
    that is named, one that may not be read.
    """
    target = asker.target
    try:
        answer, server_header = asker.json("GET", target.path("/models"))
    except HttpFault as fault:
        if fault.status not in _NO_LIST and not (fault.status == 403 and target.model):
            raise
        return Identity()
    rows = answer.get("data") if isinstance(answer, dict) else None
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    listed = tuple(model for row in rows[:MODELS_LIMIT] if (model := _listed(row)) is not None)
    software = (
        "llama.cpp" if server_header == "llama.cpp" else _OWNERS.get(str(rows[0].get("owned_by")), "") if rows else ""
    )
    identity = Identity(software, listed=listed)
    row = identity.find(target.model)
    n_ctx = row.n_ctx if row else 0
    if software == "llama.cpp":
        return _llamacpp(asker, listed)
    return Identity(software, _version(asker, software), listed, n_ctx)


def _listed(row: Mapping[str, Any]) -> ListedModel | None:
    name = row.get("id")
    if not isinstance(name, str) or not name or len(name) > ID_LIMIT or display_line(name) != name:
        return None
    aliases = row.get("aliases")
    names = aliases if isinstance(aliases, list) else []
    meta = row.get("meta")
    n_ctx = row.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, dict) else 0)
    known = n_ctx if isinstance(n_ctx, int) and 0 < n_ctx < 2**31 else 0
    return ListedModel(name, known, tuple(item for item in names[:20] if isinstance(item, str)))


def _llamacpp(asker: Asker, listed: tuple[ListedModel, ...]) -> Identity:
    """Its ``/props`` give the context, the chat template and the special tokens: the exact prompt can be made here."""
    try:
        props, _ = asker.json("GET", asker.target.path("/props", root=True))
    except HttpFault:
        props = {}
    props = props if isinstance(props, dict) else {}
    settings = props.get("default_generation_settings")
    n_ctx = settings.get("n_ctx") if isinstance(settings, dict) else 0
    return Identity(
        "llama.cpp",
        _word(props.get("build_info")),
        listed,
        n_ctx if isinstance(n_ctx, int) and 0 < n_ctx < 2**31 else 0,
        _string(props.get("chat_template"), 1 << 20),
        _string(props.get("bos_token"), ID_LIMIT),
        _string(props.get("eos_token"), ID_LIMIT),
    )


def _version(asker: Asker, software: str) -> str:
    path = _VERSION_PATHS.get(software)
    if path is None:
        return ""
    try:
        answer, _ = asker.json("GET", asker.target.path(path, root=True))
    except HttpFault:
        return ""
    return _word(answer.get("version")) if isinstance(answer, dict) else ""


def _string(value: object, limit: int) -> str:
    return value if isinstance(value, str) and len(value) <= limit else ""


def _word(value: object) -> str:
    return display_line(_string(value, 1000), 80)
