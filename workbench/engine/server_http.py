"""One HTTP request to a server, and its answer in bounded pieces.

Promises: only the host that the settings name is spoken to, never a proxy of the environment and never the target of
a redirect; keys come from environment variables at the moment of sending, and are masked in every message; header,
line and total sizes are capped; ``abort`` closes the connection from any thread, at once, also one that is still being
made (only the look-up of a name goes on). Everything received is foreign text.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from workbench import __version__
from workbench.display import display_line
from workbench.engine.connecting import connected, secure_context, shut
from workbench.engine.server_fault import FaultKind, HttpFault, error_text, plain_text, reason_of, retry_seconds
from workbench.engine.server_secret import Secrets
from workbench.engine.server_target import Target

CONNECT_SECONDS = 5.0
BLOCK = 1 << 16  # bytes
ERROR_BYTES = 4096
MESSAGE_CHARACTERS = 300


class Exchange:
    """One request on a connection of its own. Made, used and closed by one thread; ``abort`` is for others."""

    def __init__(self, target: Target, *, timeout: float = 0) -> None:
        self._target = target
        self._timeout = timeout or float(target.server.timeout)
        self._secrets = Secrets()
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._reached: socket.socket | None = None  # before it is connected
        self._response: http.client.HTTPResponse | None = None
        self.aborted = False

    def abort(self) -> None:
        """Close the connection now: a read in progress returns, the server sees the end."""
        self.aborted = True
        if (sock := self._reached) is not None:
            shut(sock)

    def hurry(self, seconds: float) -> None:
        """Wait at most so long for what is still to come."""
        self._timeout = min(self._timeout, seconds)
        if self._socket is not None:
            # Closed already when the whole answer has come.
            with contextlib.suppress(OSError):
                self._socket.settimeout(self._timeout)

    def close(self) -> None:
        for item in (self._response, self._connection):
            if item is not None:
                with contextlib.suppress(OSError, ValueError):
                    item.close()

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- asking

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> http.client.HTTPResponse:
        """The answer, headers read, its body still to come. Raises HttpFault for anything but success."""
        headers = self._headers()
        try:
            self._connect()
            assert self._connection is not None
            payload = None if body is None else json.dumps(body).encode("ascii")
            self._connection.request(method, path, payload, headers)
            response = self._response = self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self._no_answer(error) from error
        self._check(response)
        return response

    def blocks(self, *, limit: int) -> Iterator[bytes]:
        """The body as it arrives; one that is cut off just ends. Raises HttpFault: ``protocol`` above ``limit`` bytes,
        else when the connection fails.
        """
        assert self._response is not None
        total = 0
        while True:
            try:
                block = self._response.read1(BLOCK)
            except TimeoutError as error:
                raise self._fault(
                    "timeout", f"nothing came for {round(self._timeout, 1):g} seconds", self._patience_hint
                ) from error
            except http.client.IncompleteRead:
                return
            except (OSError, http.client.HTTPException, ValueError) as error:
                hint = "What came is kept. The server's own log may say why; run again."
                raise self._fault(
                    "disconnected", f"the connection broke: {reason_of(error, self.mask)}", hint
                ) from error
            if not block:
                return
            total += len(block)
            if total > limit:
                raise self._fault("protocol", f"the answer is larger than {limit >> 20} MB and was cut off")
            yield block

    def json(self, method: str, path: str, body: dict[str, Any] | None = None, *, limit: int = 1 << 20) -> Any:
        """The whole answer as JSON, at most ``limit`` bytes. Raises HttpFault."""
        self.send(method, path, body)
        data = b"".join(self.blocks(limit=limit))
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise self._fault(
                "protocol", f"the answer to {method} {path.partition('?')[0]} is no JSON", self._url_hint
            ) from None

    @property
    def content_type(self) -> str:
        """Of the answer, in lower case, without parameters."""
        value = self._response.headers.get("Content-Type", "") if self._response is not None else ""
        return self.mask(str(value)).partition(";")[0].strip().lower()

    @property
    def software(self) -> str:
        """The answer's ``Server`` header."""
        return self.mask(str(self._response.headers.get("Server", ""))) if self._response is not None else ""

    def mask(self, text: str) -> str:
        """``text`` without the live values of keys. It comes before any cut."""
        return self._secrets.mask(text)

    def masked(self, value: Any) -> Any:
        """JSON data without them."""
        return self._secrets.masked(value)

    # --- within

    def _connect(self) -> None:
        parts = urlsplit(self._target.server.url)
        host, patience = parts.hostname or "", min(CONNECT_SECONDS, self._timeout)
        if parts.scheme == "https":
            context = secure_context(self._tell)
            self._connection = http.client.HTTPSConnection(host, parts.port, context=context)
            sock = connected(host, self._connection.port, patience, self._tell)
            self._connection.sock = context.wrap_socket(sock, server_hostname=host)
        else:
            self._connection = http.client.HTTPConnection(host, parts.port)
            self._connection.sock = connected(host, self._connection.port, patience, self._tell)
        self._socket = self._connection.sock
        self._socket.settimeout(self._timeout)
        if self.aborted:
            self.abort()

    def _tell(self, sock: socket.socket) -> None:
        self._reached = sock
        if self.aborted:
            raise ConnectionAbortedError("stopped")

    def _headers(self) -> dict[str, str]:
        server = self._target.server
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"prompt-workbench/{__version__}",
            "Connection": "close",
        }
        if server.key_env:
            headers["Authorization"] = f"Bearer {self._secret(server.key_env)}"
        for header, variable in server.headers:
            headers[header] = self._secret(variable)
        return headers

    def _secret(self, variable: str) -> str:
        value = os.environ.get(variable, "")
        if not value:
            raise self._fault(
                "refused", f"the environment variable {variable} is not set", f"Set it: export {variable}=..."
            )
        if not value.isascii() or not value.isprintable():
            raise self._fault("refused", f"the variable {variable} holds characters that no header may hold")
        self._secrets.add(value)
        return value

    def _fault(self, kind: FaultKind, message: str, hint: str = "", **more: Any) -> HttpFault:
        text = self.mask(message)
        return HttpFault(kind, text, self.mask(hint), **more)

    def _no_answer(self, error: Exception) -> HttpFault:
        where = self._target.public_url
        match error:
            case ConnectionRefusedError():
                return self._fault("network", f"nothing listens at {where}", "Is the server running?")
            case socket.gaierror():
                return self._fault("network", f"there is no host of that name: {where}", "Check url and network.")
            case ssl.SSLError():
                hint = "Is it https at all? For a certificate of your own set SSL_CERT_FILE."
                return self._fault("network", f"no secure connection to {where}: {reason_of(error, self.mask)}", hint)
            case TimeoutError() if self._socket is None:
                return self._fault("network", f"{where} does not answer", "Is the machine on, and reachable?")
            case TimeoutError():
                return self._fault(
                    "timeout", f"no answer within {round(self._timeout, 1):g} seconds", self._patience_hint
                )
            case http.client.HTTPException() if not isinstance(error, ConnectionError):
                return self._fault(
                    "protocol", f"{where} does not speak HTTP: {reason_of(error, self.mask)}", self._url_hint
                )
        message = f"the connection to {where} broke: {reason_of(error, self.mask)}"
        return self._fault("network", message, "Look at the server's own log.", transient=self._socket is not None)

    @property
    def _patience_hint(self) -> str:
        return "The server is busy or stuck; a larger timeout in [[server]] waits longer."

    @property
    def _url_hint(self) -> str:
        return f"Check url in [[server]] ({self._target.public_url}); it usually ends in /v1."

    def _check(self, response: http.client.HTTPResponse) -> None:
        status = response.status
        if 300 <= status < 400:
            place = str(response.headers.get("Location", "elsewhere")).partition("?")[0]
            place = display_line(self.mask(place), 200)
            hint = "Redirects are not followed. If you trust that address, put it into url."
            raise self._fault("refused", f"the server redirects to {place}", hint, status=status)
        coding = self.mask(str(response.headers.get("Content-Encoding", "identity"))).strip().lower()
        if coding not in ("", "identity"):
            message = f"the answer is compressed ({display_line(coding, 40)}), though that was not allowed"
            raise self._fault("protocol", message, "Switch compression off in the server or the proxy before it.")
        if status == 200:
            return
        raise self._refusal(status, response)

    def _refusal(self, status: int, response: http.client.HTTPResponse) -> HttpFault:
        try:
            raw = response.read(ERROR_BYTES)
        except (OSError, http.client.HTTPException):
            raw = b""
        try:
            body: object = self.masked(json.loads(raw))
        except (ValueError, RecursionError):
            body = None
        said = (
            error_text(body) or self.mask(plain_text(raw, self.content_type)) or http.client.responses.get(status, "")
        )
        variable = self._target.server.key_env
        hint = ""
        if status in (401, 403):
            hint = (
                f"Is the key in the environment variable {variable} right?"
                if variable
                else 'The server wants a key: name its environment variable in [[server]], key_env = "...".'
            )
        elif status == 404:
            hint = self._url_hint
        elif status == 429:
            hint = "The server is asked too often, or a quota is used up. Wait a little."
        elif status >= 500:
            hint = "Look at the server's own log."
        return self._fault(
            "refused",
            f"the server says {status}: {display_line(said, MESSAGE_CHARACTERS)}",
            hint,
            status=status,
            body=body,
            retry_after=retry_seconds(response.headers.get("Retry-After")),
            transient=status in (429, 500, 502, 503, 504),
        )
