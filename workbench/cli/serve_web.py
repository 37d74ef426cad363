"""textual-serve behind a token: every request needs it, and the stream of keys also the right origin.

The token comes in the address once and moves into a cookie that scripts cannot read, so that it stays out of the
browser's history. Another page may reach a loopback port, but it can send neither the token nor this page's origin.
The page's own reach is cut to this server: no fonts or scripts from elsewhere, and no connection to another.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import re
import secrets
import shlex
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from workbench.config import is_loopback
from workbench.error import UsageError

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'{streams}; frame-ancestors 'none'"
)
HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
REFUSED = "This address needs the token that 'workbench serve' printed when it started.\n"
REBOUND = "This server answers to its address and to localhost only. An SSH tunnel brings it to your own localhost.\n"

# A name or an address with its port; nothing else may get into a policy.
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class AppServer(Server):
    """One app process for each browser tab."""

    def __init__(self, command: str, token: str, *, public: bool = False) -> None:
        super().__init__(command, title="workbench")
        # Reached by whatever name others give this machine.
        self._public = public
        self._token = token
        self._cookie = f"workbench_{secrets.token_hex(4)}"

    def initialize_logging(self) -> None:
        """Nothing but what we say ourselves."""

    async def on_startup(self, app: web.Application) -> None:
        """No banner: stdout is data."""

    async def application(self) -> web.Application:
        app = await self._make_app()
        app.middlewares.append(self._guard())
        return app

    async def handle_index(self, request: web.Request) -> Any:
        # As the browser names this server: through a tunnel, that is another port.
        self.public_url = f"{request.scheme}://{request.host}"
        return await super().handle_index(request)

    def _guard(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not self._public and not _is_own_name(request.host):
                # A page of elsewhere whose name was made to lead here.
                return web.Response(status=403, text=REBOUND, headers=_headers(request))
            given = request.query.get("token", "")
            if given and self._is_token(given):
                answer: web.StreamResponse = web.HTTPSeeOther("/")
                answer.set_cookie(self._cookie, self._token, httponly=True, samesite="Lax", path="/")
                answer.headers.update(_headers(request))
                return answer
            if not self._is_token(request.cookies.get(self._cookie, "")) or not _same_origin(request):
                return web.Response(status=403, text=REFUSED, headers=_headers(request))
            answer = await handler(request)
            if not answer.prepared:
                answer.headers.update(_headers(request))
            return answer

        return guard

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode("utf-8", "replace"), self._token.encode("ascii"))


def _headers(request: web.Request) -> dict[str, str]:
    """The stream of keys goes to this server as the browser names it: to some browsers 'self' is no WebSocket."""
    host = request.host
    streams = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return {**HEADERS, "Content-Security-Policy": POLICY.format(streams=streams)}


def _is_own_name(host: str) -> bool:
    """Whether this is an address, or a name of this machine: what no name server can give to somebody else."""
    name = urlsplit(f"//{host}").hostname or ""
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return name == "localhost" or name.endswith(".localhost") or name == socket.gethostname()


def _same_origin(request: web.Request) -> bool:
    """Cookies are shared by all ports of a host; the origin is not."""
    origin = request.headers.get("Origin", "")
    if not origin:
        return request.path != "/ws"
    found = urlsplit(origin)
    return found.netloc == request.host and found.scheme == request.scheme


def serve(words: Sequence[str], host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve the app with the options ``words`` until SIGINT or SIGTERM; ``ready`` gets the address with the token.

    Raises UsageError when the address cannot be had.
    """
    command = shlex.join([sys.executable, "-m", "workbench", *words])
    logging.getLogger("textual-serve").addHandler(logging.NullHandler())
    # What an app says as it dies would be written to stdout.
    with contextlib.redirect_stdout(sys.stderr):
        asyncio.run(
            _serve(AppServer(command, secrets.token_urlsafe(24), public=not is_loopback(host)), host, port, ready)
        )


async def _serve(server: AppServer, host: str, port: int, ready: Callable[[str], None]) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    listening = _listen(host, port)
    runner = web.AppRunner(await server.application(), shutdown_timeout=2.0, access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        name = f"[{host}]" if ":" in host else host
        ready(f"http://{name}:{listening.getsockname()[1]}/?token={server._token}")
        await ended.wait()
    finally:
        await runner.cleanup()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        hint = "Choose another with --port N, or --port 0 for a free one."
        raise UsageError(f"cannot listen on {host} port {port}: {error.strerror or error}", hint=hint) from error
    return listening
