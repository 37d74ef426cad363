"""Addresses and plain web requests for fetching a model: nothing is sent but the request itself.

No login, no cookies, no redirect from https to http, and a wait that can be ended from another thread.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from workbench.engine.connecting import Tell, connected, secure_context, shut
from workbench.error import NetworkError, UsageError

WATCH_SECONDS = 0.1
CONNECT_SECONDS = 10.0  # for each of a host's addresses
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file is and what it must be. ``bytes`` 0, ``sha256`` and ``md5`` "" mean unknown."""

    url: str
    file: str
    bytes: int = 0
    sha256: str = ""
    md5: str = ""


def source_of(url: str, *, sha256: str = "", file: str = "") -> Source:
    """A checked source for an address. Raises UsageError."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url!r} is no http or https address", hint="For example: https://host/folder/model.gguf")
    if parts.username or parts.password:
        raise UsageError("an address with a user name or password is not used", hint="Fetch it with another tool.")
    sha256 = sha256.strip().lower()
    if sha256 and not _HEX.fullmatch(sha256):
        raise UsageError("a sha256 has 64 hexadecimal digits", hint="It stands beside the file on its page.")
    name = file or urllib.parse.unquote(parts.path.rpartition("/")[2])
    if not name.lower().endswith(".gguf") or "/" in name or "\0" in name or name.startswith(".") or os.sep in name:
        raise UsageError(f"{name!r} is no name of a GGUF file", hint="The address must end in NAME.gguf.")
    return Source(url, name, sha256=sha256)


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few, never to a lesser protection."""

    max_redirections = 5

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urllib.parse.urlsplit(newurl).scheme
        if scheme != "https" and not (scheme == "http" and req.type == "http"):
            raise NetworkError(f"the server redirects from {req.type} to {scheme}", hint="Try another address.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Handler(urllib.request.AbstractHTTPHandler):
    """Opens connections that are closed, whatever they wait for, as soon as the fetch is stopped."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._telling(http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._telling(http.client.HTTPSConnection), request, context=secure_context(self._tell))

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def _telling(self, kind: type[http.client.HTTPConnection]) -> Any:
        def connect(address: tuple[str, int], timeout: float, _source: object) -> socket.socket:
            sock = connected(*address, min(CONNECT_SECONDS, timeout), self._tell)
            sock.settimeout(timeout)
            return sock

        class Telling(kind):  # type: ignore[valid-type,misc]
            def __init__(self, *args: Any, **more: Any) -> None:
                super().__init__(*args, **more)
                # Before a proxy is asked for a tunnel, which takes its time as well.
                self._create_connection = connect

        return Telling


@contextmanager
def opener(cancel: threading.Event) -> Iterator[urllib.request.OpenerDirector]:
    """Asks for http and https addresses, through the environment's proxies; ``cancel`` ends what it waits for."""
    sockets: list[socket.socket] = []
    over = threading.Event()

    def tell(sock: socket.socket) -> None:
        sockets.append(sock)
        if cancel.is_set():
            raise ConnectionAbortedError("stopped")

    def watch() -> None:
        while not over.wait(WATCH_SECONDS):
            if cancel.is_set():
                for sock in list(sockets):
                    shut(sock)

    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Handler(tell),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        Redirects(),
    ):
        director.add_handler(handler)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield director
    finally:
        over.set()
        watcher.join()


def refusal(error: urllib.error.HTTPError, file: str) -> NetworkError:
    hints = {
        401: "The server wants a login; the workbench sends none. Fetch it with the provider's own tool.",
        403: "The server does not give it to everybody. Fetch it with the provider's own tool.",
        404: "Check the address.",
        429: "Too many requests: wait a while; what came is kept.",
    }
    hint = hints.get(error.code, "Try again later; what came is kept.")
    return NetworkError(f"the server answered {error.code} for {file}", hint=hint)


def number_of(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def range_of(text: str) -> tuple[int, int]:
    """First byte and total of a Content-Range; -1 when it is none, 0 for an unknown total."""
    match = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", text.strip())
    return (int(match[1]), number_of(match[2])) if match else (-1, 0)


def bare_url(url: str) -> str:
    """The address without user, password, query and fragment: what may be written down."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return urllib.parse.urlunsplit((parts.scheme, host + port, parts.path, "", ""))


def host_of(url: str) -> str:
    return urllib.parse.urlsplit(url).hostname or "the server"
