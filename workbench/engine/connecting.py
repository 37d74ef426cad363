"""Connections that another thread can end while they are still being made.

A socket is told before it connects, and a secure one before its handshake: both wait for a stranger. Only the look-up
of a name cannot be ended; the system bounds it.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

# Given each socket, from now on to be ended by ``shut``; may raise OSError to give up.
Tell = Callable[[socket.socket], None]


def connected(host: str, port: int, seconds: float, tell: Tell) -> socket.socket:
    """A socket to the first address of ``host`` that answers within ``seconds``. Raises OSError."""
    failed: OSError = ConnectionError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(seconds)
            tell(sock)
            sock.connect(address)
        except OSError as error:
            sock.close()
            failed = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failed


def secure_context(tell: Tell) -> ssl.SSLContext:
    """The usual checks. Wrapping takes the plain socket's descriptor away: the secure one is told in its place."""

    class Told(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            tell(self)
            super().do_handshake(block)

    context = ssl.create_default_context()
    context.sslsocket_class = Told
    return context


def shut(sock: socket.socket) -> None:
    """End whatever a thread waits for on ``sock``, which stays that thread's to close."""
    with suppress(OSError):
        # Of the plain socket: a secure one would drop state under the reading thread's hands.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
