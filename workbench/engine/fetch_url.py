"""Fetch one GGUF file from a plain http or https address, whole and verified, or not at all.

The bytes go to a hidden quarantine name beside the target, which gets its own name only when size, SHA-256 and header
are right. A cut or a stop keeps what came; the next call goes on from there with a range request, if the server still
has the very same file (ETag or date). Size and disk space are known before the first byte is kept. The address is the
person's own choice, so redirects are followed, but never from https to http, and nothing but the request is sent.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from workbench.engine.download import SPARE, FetchCancelled, FetchProgress, alone, storage_error_of, sync_folder
from workbench.engine.fetch_http import Source, bare_url, host_of, number_of, opener, range_of, refusal, source_of
from workbench.engine.gguf import read_header
from workbench.engine.memory import size_text
from workbench.engine.shelf import remember_sha256
from workbench.engine.verify import SOURCES, hash_file
from workbench.error import ModelError, NetworkError, StorageError, UsageError
from workbench.realpath import real_path

CHUNK = 1 << 18
TIMEOUT = 60  # seconds without a byte
RETRIES = 3
LARGEST = 1 << 40


def fetch_url(
    source: Source,
    folder: Path,
    *,
    on_progress: Callable[[FetchProgress], None],
    cancel: threading.Event | None = None,
    largest: int = LARGEST,
) -> Path:
    """The file in ``folder``. Blocking; ``cancel`` pauses it, the next call goes on. ``largest`` in bytes.

    Raises UsageError, NetworkError, StorageError, ModelError (no GGUF, or damaged), FetchCancelled.
    """
    return _UrlFetch(source, folder, on_progress, cancel or threading.Event(), largest).run()


def unfinished(folder: Path) -> list[tuple[Source, int]]:
    """What was begun and not finished in ``folder``, as far as its address is known, and its size. Blocking, short."""
    found = []
    for place in sorted(folder.glob(".fetch-*/state.json")):
        state = _read_state(place)
        try:
            source = source_of(str(state.get("url")), sha256=str(state.get("sha256")), file=str(state.get("file", "/")))
        except UsageError:
            continue  # of an older version, or not asked for again
        source = replace(source, md5=str(state.get("md5", "")))
        total = state.get("total")
        if place.with_name("part").is_file() and place.parent.name == _staging(source.file):
            found.append((source, total if isinstance(total, int) else 0))
    return found


def _staging(file: str) -> str:
    return f".fetch-{file.removesuffix('.gguf')}"


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return state if isinstance(state, dict) else {}


class _Cut(Exception):
    """The connection ended early; worth another try."""


class _UrlFetch:
    def __init__(
        self,
        source: Source,
        folder: Path,
        on_progress: Callable[[FetchProgress], None],
        cancel: threading.Event,
        largest: int,
    ) -> None:
        self.source = source
        self.target = folder / source.file
        self.staging = folder / _staging(source.file)
        self.part = self.staging / "part"
        self.on_progress = on_progress
        self.cancel = cancel
        self.largest = largest
        self.total = source.bytes

    def run(self) -> Path:
        if self.target.exists() and not self._there():
            raise UsageError(
                f"there is another file {self.target} already", hint="Rename or remove it first: workbench models rm"
            )
        if not self.target.exists():
            try:
                self.target.parent.mkdir(parents=True, exist_ok=True)
                with alone(self.staging, lambda: self._report("wait", 0)):
                    if not self.target.exists():
                        self._fetch()
                    shutil.rmtree(self.staging, ignore_errors=True)
            except OSError as error:
                raise storage_error_of(error, self.target.parent) from error
        self._report("done", self.total)
        return self.target

    def _there(self) -> bool:
        """Whether the finished file is in place and right; without a known hash, that its size is."""
        size = self.target.stat().st_size
        self.total = size
        if self.source.sha256:
            return hash_file(self.target, lambda done: self._report("verify", done)) == self.source.sha256
        return self.source.bytes in (0, size) and str(SOURCES.get(str(real_path(self.target))).get("url")) == bare_url(
            self.source.url
        )

    def _report(self, phase: Any, done: int) -> None:
        if self.cancel.is_set():
            raise FetchCancelled(
                f"stopped fetching {self.source.file}", hint="What came is kept; the same command goes on."
            )
        self.on_progress(FetchProgress(self.source.file, phase, done, self.total))

    def _fetch(self) -> None:
        failures = 0
        while True:
            before = self._size()
            if before and before == self._state().get("total"):
                break
            try:
                self._receive(before)
                break
            except _Cut as error:
                self._report("download", self._size())
                # A connection that brought something counts as progress.
                failures = 1 if self._size() > before else failures + 1
                if failures >= RETRIES:
                    raise NetworkError(
                        f"{self.source.file} broke off after {size_text(self._size())}: {error}",
                        hint="What came is kept; the same command goes on.",
                    ) from error
        digest = self._check()
        os.replace(self.part, self.target)
        sync_folder(self.target.parent)
        remember_sha256(self.target, digest)
        SOURCES.put(str(real_path(self.target)), {"sha256": digest, "url": bare_url(self.source.url)})

    def _size(self) -> int:
        with suppress(OSError):
            return self.part.stat().st_size
        return 0

    # --- the network

    def _receive(self, have: int) -> None:
        """One request and its body. Raises _Cut, NetworkError, StorageError, FetchCancelled."""
        state = self._state() if have else {}
        mark = str(state.get("mark", ""))
        if not mark:
            have = 0
        headers = {"User-Agent": "prompt-workbench", "Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": mark}
        request = urllib.request.Request(self.source.url, headers=headers)
        try:
            with opener(self.cancel) as web, web.open(request, timeout=TIMEOUT) as answer:
                have = self._begin(answer, have)
                with open(self.part, "r+b" if have else "wb") as out:
                    out.truncate(have)
                    out.seek(have)
                    self._copy(answer, out, have)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and have:
                self.part.unlink(missing_ok=True)
                raise _Cut("the file has changed on the server") from error
            raise refusal(error, self.source.file) from error
        except urllib.error.URLError as error:
            if self.cancel.is_set() or isinstance(
                error.reason, TimeoutError | ConnectionResetError | ConnectionAbortedError
            ):
                raise _Cut(str(error.reason)) from error
            raise NetworkError(
                f"no connection to {host_of(self.source.url)}: {error.reason}",
                hint="Check the address, the connection and the proxy settings.",
            ) from error
        except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
            raise _Cut(str(error) or type(error).__name__) from error

    def _begin(self, answer: http.client.HTTPResponse, have: int) -> int:
        """Judge the answer's head; the byte that its body starts with."""
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise NetworkError("the server packs the file although it was asked not to", hint="Try another address.")
        length = number_of(answer.headers.get("Content-Length", ""))
        if answer.status == 206:
            first, total = range_of(answer.headers.get("Content-Range", ""))
            if first != have or (self.source.bytes and total and total != self.source.bytes):
                self.part.unlink(missing_ok=True)
                raise _Cut("the server sent another range than it was asked for")
            total = total or (have + length if length else 0)
        else:
            have, total = 0, length
        self._check_size(total, have)
        mark = answer.headers.get("ETag", "")
        # A weak tag does not promise equal bytes.
        mark = answer.headers.get("Last-Modified", "") if not mark or mark.startswith("W/") else mark
        url = bare_url(self.source.url)
        state = {"url": url, "mark": mark, "total": total, "sha256": self.source.sha256}
        # With what was left out of an address it could not be asked for again.
        state |= {"file": self.source.file, "md5": self.source.md5} if url == self.source.url else {}
        if not have:
            # First: under the new mark the old bytes would be gone on with.
            self.part.unlink(missing_ok=True)
            sync_folder(self.staging)
        (self.staging / "state.json").write_text(json.dumps(state), encoding="utf-8")
        return have

    def _check_size(self, total: int, have: int) -> None:
        if self.source.bytes and total and total != self.source.bytes:
            raise NetworkError(
                f"{self.source.file} has {total} bytes on the server, {self.source.bytes} were expected",
                hint="The file has changed, or the address leads elsewhere.",
            )
        self.total = total or self.source.bytes
        if not self.total:
            raise NetworkError("the server does not say how large the file is", hint="Try another address.")
        if self.total > self.largest:
            raise UsageError(
                f"{self.source.file} has {size_text(self.total)}, more than the {size_text(self.largest)} allowed",
                hint="Check the address, or choose a smaller file.",
            )
        free = shutil.disk_usage(self.staging).free
        if free < self.total - have + SPARE:
            raise StorageError(
                f"{self.source.file} needs {size_text(self.total - have)} more, {size_text(free)} are free in "
                f"{self.target.parent}",
                hint="Free some space, or choose another folder with --models DIR.",
            )

    def _copy(self, answer: http.client.HTTPResponse, out: IO[bytes], done: int) -> None:
        while done < self.total:
            # read1: what is there, so that progress and a stop do not wait for a full chunk.
            chunk = answer.read1(min(CHUNK, self.total - done))
            if not chunk:
                raise _Cut("the connection was closed")
            out.write(chunk)
            done += len(chunk)
            self._report("download", done)
        out.flush()
        os.fsync(out.fileno())

    def _state(self) -> dict[str, Any]:
        """What the kept bytes belong to; nothing when it is another file's."""
        state = _read_state(self.staging / "state.json")
        same = state.get("url") == bare_url(self.source.url) and state.get("sha256") == self.source.sha256
        return state if same else {}

    # --- the file

    def _check(self) -> str:
        """The SHA-256 of what came; raises and removes it when size, hash or header are wrong."""
        try:
            digest = hash_file(self.part, lambda done: self._report("verify", done))
            wrong = self.source.sha256 and digest != self.source.sha256
            if not self.source.sha256 and self.source.md5:
                with open(self.part, "rb") as file:
                    wrong = hashlib.file_digest(file, "md5").hexdigest() != self.source.md5
            header = read_header(self.part)
            if wrong and header.kind == "foreign":
                # Says more than its hash: an error page, a login page.
                raise NetworkError(f"{self.source.file}: {header.problem}", hint="Nothing was installed.")
            if wrong:
                raise NetworkError(
                    f"{self.source.file} is not the expected file (its hash differs: sha256 {digest})",
                    hint="Nothing was installed. Check the hash, or get the file from another address.",
                )
            # One part of a split model is whole by itself; the others are fetched like it.
            if header.problem and header.kind != "split":
                raise ModelError(f"{self.source.file}: {header.problem}", hint="Nothing was installed.")
        except (NetworkError, ModelError):
            self.part.unlink(missing_ok=True)
            raise
        return digest
