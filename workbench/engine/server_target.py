"""Where a model is: a server of the settings and the model's id there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from workbench.config import ServerConfig


@dataclass(frozen=True)
class Target:
    """A server and a model on it, as the engine's child is told; it holds no secret."""

    server: ServerConfig
    model: str = ""

    def dumps(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def loads(cls, text: str) -> Target:
        """The inverse of ``dumps``. Raises ValueError or KeyError for anything else."""
        data = json.loads(text)
        server = data["server"]
        headers = tuple((str(header), str(variable)) for header, variable in server.pop("headers"))
        return cls(ServerConfig(**server, headers=headers), str(data["model"]))

    @property
    def public_url(self) -> str:
        """For people and records: without user and query."""
        parts = urlsplit(self.server.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{host}{port}{parts.path}"

    def path(self, suffix: str, *, root: bool = False) -> str:
        """Of a request: the address' path and ``suffix``, with the address' query. ``root`` leaves a final /v1 out."""
        parts = urlsplit(self.server.url)
        base = parts.path.rstrip("/")
        if root:
            base = base.removesuffix("/v1")
        return f"{base}{suffix}" + (f"?{parts.query}" if parts.query else "")
