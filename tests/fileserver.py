"""A file server on loopback that misbehaves as asked: cuts, lies about sizes, ignores ranges, redirects, stalls."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Plan:
    """What the server does. ``cuts``: after how many bytes each answer in turn breaks off, 0 for not at all."""

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    etag: bool = True
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    no_length: bool = False
    redirect: str = ""
    stall: threading.Event | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    plan: Plan

    def do_GET(self) -> None:
        plan = self.plan
        plan.asked.append(dict(self.headers.items()))
        if plan.redirect and not self.path.startswith("/moved"):
            self._head(302, {"Location": plan.redirect, "Content-Length": "0"})
            return
        data = plan.files.get(self.path.rpartition("/")[2].partition("?")[0])
        if plan.status != 200 or data is None:
            self._head(plan.status if plan.status != 200 else 404, {"Content-Length": "0"})
            return
        tag = f'"{hashlib.md5(data).hexdigest()}"'
        start, status = 0, 200
        wanted = self.headers.get("Range", "")
        if wanted and plan.ranges and self.headers.get("If-Range") in (None, tag):
            start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
            if start >= len(data):
                self._head(416, {"Content-Length": "0"})
                return
        headers = {"Content-Length": str(len(data) - start)} if not plan.no_length else {"Connection": "close"}
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if plan.etag:
            headers["ETag"] = tag
        self._head(status, headers | plan.headers)
        cut = plan.cuts.pop(0) if plan.cuts else 0
        self.wfile.write(data[start : start + cut] if cut else data[start:])
        self.wfile.flush()
        if plan.stall is not None:
            plan.stall.wait(30)
        self.close_connection = True

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@contextmanager
def serving(**settings: Any) -> Iterator[Plan]:
    """The server's plan, which may be changed while it runs; ``plan.url`` is its address."""
    plan = Plan(**settings)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"plan": plan}))
    server.daemon_threads = True
    plan.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield plan
    finally:
        if plan.stall is not None:
            plan.stall.set()
        server.shutdown()
        server.server_close()
        thread.join()
