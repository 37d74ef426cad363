"""The runtime's own HTTP interface, over a Unix socket in the child's private folder.

It answers what the in-process calls do not: tokens of a text, the effective sampling values, the vocabulary's size.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

TIMEOUT_SECONDS = 10.0


class Asker:
    """Asks the runtime behind one socket."""

    def __init__(self, path: str) -> None:
        self._path = path

    def get(self, path: str) -> Any:
        return self._ask("GET", path)

    def tokens(self, text: str, *, added: bool) -> list[int]:
        """Ids; special tokens in the text are read as such. ``added``: with those that the runtime puts around."""
        body = {"content": text, "add_special": added, "parse_special": True}
        found: list[int] = self._ask("POST", "/tokenize", body)["tokens"]
        return found

    def vocabulary_size(self) -> int:
        return int(self.get("/v1/models")["data"][0]["meta"]["n_vocab"])

    def effective_params(self) -> dict[str, Any]:
        """The sampling values of the running request, or of the last one."""
        params: dict[str, Any] = self.get("/slots")[0]["params"]
        return params

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = _UnixConnection(self._path)
        try:
            connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
