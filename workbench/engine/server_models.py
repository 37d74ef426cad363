"""Which models the configured servers have, and which of them a name means.

Servers are asked side by side, each within the same short time; one that fails is a row with its problem, so that a
list of models is never late or empty because of one machine that is off.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench.config import Config, ServerConfig
from workbench.engine.server_again import ServerBusy
from workbench.engine.server_fault import HttpFault
from workbench.engine.server_identity import Asker, Identity, identify, late
from workbench.engine.server_target import Target
from workbench.error import ModelError, NetworkError

LIST_SECONDS = 3.0
PREFIX = "server:"


@dataclass(frozen=True, slots=True)
class ServerModel:
    """A model on a server, or with ``problem`` (and no ``id``) a server that gives none. Foreign texts.

    ``n_ctx`` in tokens, 0 unknown; ``url`` without user and query; ``aliases`` are other ids of the same model.
    """

    server: str
    id: str
    url: str
    software: str = ""
    n_ctx: int = 0
    problem: str = ""
    hint: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How ``--model`` takes it."""
        return f"{self.server}/{self.id}"


def list_server_models(config: Config, *, seconds: float = LIST_SECONDS) -> list[ServerModel]:
    """All models of all servers in the settings' order. Blocking, at most ``seconds``; never raises."""
    return _ask(config.servers, seconds)


def _ask(servers: Sequence[ServerConfig], seconds: float) -> list[ServerModel]:
    askers = [Asker(Target(server), seconds) for server in servers]
    rows: dict[int, list[ServerModel]] = {}

    def ask(place: int) -> None:
        rows[place] = _rows(askers[place])

    threads = [threading.Thread(target=ask, args=(place,), daemon=True) for place in range(len(servers))]
    for thread in threads:
        thread.start()
    for thread, asker in zip(threads, askers, strict=True):
        thread.join(max(0.0, asker.left))
        # One that sends a byte now and then would never time out.
        asker.stop()
    return [row for place, asker in enumerate(askers) for row in rows.get(place, [_problem(asker.target, late())])]


def _problem(target: Target, fault: HttpFault) -> ServerModel:
    return ServerModel(target.server.name, "", target.public_url, problem=fault.message, hint=fault.hint)


def _rows(asker: Asker) -> list[ServerModel]:
    target = asker.target
    try:
        identity = identify(asker)
    except HttpFault as fault:
        return [_problem(target, fault)]
    if not identity.listed:
        hint = f"Name one all the same: {target.server.name}/MODEL"
        return [_problem(target, HttpFault("refused", "it lists no models", hint))]
    return [
        ServerModel(
            target.server.name,
            row.id,
            target.public_url,
            identity.software,
            row.n_ctx or (identity.n_ctx if len(identity.listed) == 1 else 0),
            aliases=row.aliases,
        )
        for row in identity.listed
    ]


def named_server(config: Config, name: str) -> Target | None:
    """What ``SERVER/MODEL`` or ``server:SERVER[/MODEL]`` names; None for any other name. Asks nobody.

    Raises ModelError for ``server:`` and an unknown server.
    """
    explicit = name.startswith(PREFIX)
    server, _, model = name.removeprefix(PREFIX).partition("/")
    for candidate in config.servers:
        if candidate.name == server and (explicit or model):
            return Target(candidate, model)
    if explicit:
        names = [candidate.name for candidate in config.servers]
        raise ModelError(f"there is no server {server!r} in the settings", hint=_near(server, names) or _HOW)
    return None


def listed_model(config: Config, name: str, *, seconds: float = LIST_SECONDS) -> Target | None:
    """The first server that lists a model ``name``; an empty name is the first model of all. Blocking, bounded."""
    for row in list_server_models(config, seconds=seconds):
        if row.id and name in ("", row.id, *row.aliases):
            server = next(item for item in config.servers if item.name == row.server)
            return Target(server, row.id)
    return None


def require_model(config: Config, name: str) -> Target:
    """For ``--engine server``: the server and model that ``name`` means. Raises ModelError with near matches."""
    if not config.servers:
        raise ModelError("no server is configured", hint=_HOW)
    server = next((item for item in config.servers if item.name == name), None)
    target = Target(server) if server else named_server(config, name) or listed_model(config, name)
    if target is not None:
        return target
    rows = list_server_models(config)
    ids = [row.name for row in rows if row.id]
    problems = [f"{row.server}: {row.problem}" for row in rows if row.problem]
    raise ModelError(f"no server has a model {name!r}", hint=_near(name, ids) or "; ".join(problems))


def identity_of(target: Target, *, seconds: float = LIST_SECONDS) -> tuple[Target, Identity]:
    """What the server says of itself and of the model; an empty model becomes the first one listed.

    Blocking, bounded. Raises NetworkError when it is not reached (``ServerBusy`` when it only has to be asked again),
    ModelError when it has no such model.
    """
    asker = Asker(target, seconds)
    timer = threading.Timer(seconds, asker.stop)
    timer.start()
    try:
        identity = identify(asker)
    except HttpFault as fault:
        if fault.transient:
            raise ServerBusy(target.server.name, fault) from fault
        raise NetworkError(f"{target.server.name}: {fault.message}", hint=fault.hint) from fault
    finally:
        timer.cancel()
    ids = [row.id for row in identity.listed]
    if target.model:
        if ids and identity.software and identity.find(target.model) is None:
            raise ModelError(f"{target.server.name} has no model {target.model!r}", hint=near_models(target.model, ids))
        return target, identity
    if not identity.listed:
        raise ModelError(f"{target.server.name} lists no models", hint=f"Name one: --model {target.server.name}/MODEL")
    return Target(target.server, identity.listed[0].id), identity


_HOW = "Name one in config.toml: [[server]], name and url; see docs/servers.md."


def _near(name: str, names: Iterable[str]) -> str:
    names = list(names)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    close = close or [item for item in names if name and name.lower() in item.lower()][:1]
    return f"Did you mean {close[0]!r}?" if close else ""


def near_models(name: str, ids: Sequence[str]) -> str:
    """A hint for a model that a server does not have."""
    more = ", …" if len(ids) > 8 else ""
    return _near(name, ids) or (f"It has: {', '.join(ids[:8])}{more}" if ids else "")
