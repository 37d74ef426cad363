"""A stop ends a connection that is still being made, whatever it waits for."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serverlab import target
from workbench.engine.connecting import connected
from workbench.engine.download import FetchCancelled
from workbench.engine.fetch_http import source_of
from workbench.engine.fetch_url import fetch_url
from workbench.engine.server_fault import HttpFault
from workbench.engine.server_http import CONNECT_SECONDS, Exchange

# Far below every time limit of the connection itself, far above what a stop takes.
SOON = 5.0


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextlib.contextmanager
def silent(heard: Callable[[], None]) -> Iterator[int]:
    """The port of a server that takes one connection, calls ``heard`` with its first bytes and says nothing."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as sock:
                if sock.recv(1):
                    heard()
                over.wait(60)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            thread.join()


@contextlib.contextmanager
def full() -> Iterator[int]:
    """The port of a server whose queue is full: a connection to it is never answered."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listening.getsockname()[1]
        for _ in range(20):
            sock = stack.enter_context(socket.socket())
            sock.settimeout(0.2)
            try:
                sock.connect(("127.0.0.1", port))
            except TimeoutError:
                break
        else:
            pytest.skip("this system queues them all")
        yield port


def fetched_until(stop: threading.Event, url: str, folder: Path) -> float:
    begun = time.monotonic()
    with pytest.raises(FetchCancelled):
        fetch_url(source_of(url), folder, on_progress=lambda _step: None, cancel=stop)
    return time.monotonic() - begun


def test_a_stop_ends_the_wait_for_a_secure_connection(tmp_path: Path) -> None:
    stop = threading.Event()
    with silent(stop.set) as port:
        assert fetched_until(stop, f"https://127.0.0.1:{port}/m.gguf", tmp_path) < SOON


def test_a_stop_ends_the_wait_for_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    with silent(stop.set) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert fetched_until(stop, "https://example.org/m.gguf", tmp_path) < SOON


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_stop_ends_the_wait_for_a_host_that_does_not_answer(scheme: str, tmp_path: Path) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.1, stop.set)
    with full() as port:
        timer.start()
        assert fetched_until(stop, f"{scheme}://127.0.0.1:{port}/m.gguf", tmp_path) < SOON


@pytest.mark.parametrize("place", ["secure", "no answer"])
def test_an_abort_ends_the_wait_for_a_server(place: str) -> None:
    aborts: list[Callable[[], None]] = []
    with silent(lambda: aborts[0]()) if place == "secure" else full() as port:
        scheme = "https" if place == "secure" else "http"
        with Exchange(target(f"{scheme}://127.0.0.1:{port}/v1", "m")) as exchange:
            aborts.append(exchange.abort)
            if place == "no answer":
                threading.Timer(0.1, exchange.abort).start()
            begun = time.monotonic()
            with pytest.raises(HttpFault):
                exchange.send("GET", "/v1/models")
            assert time.monotonic() - begun < CONNECT_SECONDS / 2


def test_every_address_of_a_host_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            places = [closed.getsockname(), ("127.0.0.1", port)]
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
            with connected("two.example", port, SOON, told.append) as sock:
                assert sock.getpeername() == ("127.0.0.1", port)
                assert told[1] is sock
            assert told[0].fileno() == -1
            del found[1]
            with pytest.raises(ConnectionRefusedError):
                connected("one.example", port, SOON, told.append)


def test_what_is_told_of_a_connection_can_end_it() -> None:
    def refuse(sock: socket.socket) -> None:
        told.append(sock)
        raise ConnectionAbortedError("stopped")

    told: list[socket.socket] = []
    with pytest.raises(ConnectionAbortedError):
        connected("127.0.0.1", 9, SOON, refuse)
    assert [sock.fileno() for sock in told] == [-1]
