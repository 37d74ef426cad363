"""A copy of a model file that differs only in the name of its pre-tokenizer, for an engine that knows the
other name.

The copy lies in the cache, is made once per file, appears whole or not at all, and the original is only read.
When the names have the same length one place is patched; otherwise the header is rewritten and the weights
follow at the same alignment. Two processes at once make the same bytes; the last rename wins.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from workbench.engine.gguf_types import GgufHeader
from workbench.engine.memory import size_text
from workbench.engine.select_tables import EQUIVALENT_PRES
from workbench.engine.shelf import fingerprint
from workbench.error import ModelError, StorageError
from workbench.textio import make_private

CHUNK = 4 << 20
SPARE = 16 << 20
STALE_SECONDS = 3600
_COPY_NAME = re.compile(r".+\.[\w.-]+\.([0-9a-f]{16})\.gguf")


def compatible_copy(path: Path, header: GgufHeader, cache_dir: Path, *, pre: str = "") -> Path:
    """The path of the copy whose pre-tokenizer is called ``pre`` (by default the equivalent of the file's
    own).

    Raises ModelError when there is no equivalent, StorageError when the copy cannot be written.
    """
    pre = pre or EQUIVALENT_PRES.get(header.tokenizer_pre, "")
    if not pre or header.pre_offset < 0 or header.problem:
        raise ModelError(f"{path.name} has no equivalent pre-tokenizer", hint="Choose the engine llamacpp.")
    mark = fingerprint(path)
    target = cache_dir / f"{path.stem}.{pre}.{mark.rpartition('-')[2][:16]}.gguf"
    wanted = _copy_size(header, pre)
    if target.is_file() and target.stat().st_size == wanted:
        return target
    try:
        make_private(cache_dir)
        _sweep(cache_dir)
        free = shutil.disk_usage(cache_dir).free
    except OSError as error:
        raise StorageError(f"the cache folder {cache_dir} cannot be used: {error}") from error
    if free < wanted + SPARE:
        raise StorageError(
            f"the copy of {path.name} for gpt4all needs {size_text(wanted)}, {size_text(free)} are free in {cache_dir}",
            hint="Free some space, or choose the engine llamacpp, which needs no copy.",
        )
    _write(path, header, pre, target)
    return target


def mark_of(path: Path) -> str:
    """What a file and the copies made of it have in common: 16 hex digits of the original's fingerprint, or ""."""
    if named := _COPY_NAME.fullmatch(path.name):
        return named[1]
    return fingerprint(path).rpartition("-")[2][:16]


def _copy_size(header: GgufHeader, pre: str) -> int:
    return header.file_bytes + _data_offset(header, pre) - header.data_offset


def _data_offset(header: GgufHeader, pre: str) -> int:
    grown = len(pre.encode()) - len(header.tokenizer_pre.encode())
    return -(-(header.info_end_offset + grown) // header.alignment) * header.alignment


def _sweep(cache_dir: Path) -> None:
    """Remove what a killed process left behind an hour ago or earlier."""
    for left in cache_dir.glob(".copy-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()


def _write(path: Path, header: GgufHeader, pre: str, target: Path) -> None:
    temporary = ""
    try:
        with (
            tempfile.NamedTemporaryFile(dir=target.parent, prefix=".copy-", delete=False) as out,
            open(path, "rb") as source,
        ):
            temporary = out.name
            _copy_with_name(source, out, header, pre)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise StorageError(f"the copy of {path.name} could not be written: {error}") from error
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


def _copy_with_name(source: IO[bytes], out: IO[bytes], header: GgufHeader, pre: str) -> None:
    old, new = header.tokenizer_pre.encode(), pre.encode()
    _span(source, out, header.pre_offset)
    there = source.read(8 + len(old))
    if there != len(old).to_bytes(8, "little") + old:
        raise ModelError("the file changed while it was copied", hint="Try again.")
    out.write(len(new).to_bytes(8, "little") + new)
    _span(source, out, header.info_end_offset - source.tell())
    out.write(b"\0" * (_data_offset(header, pre) - out.tell()))
    source.seek(header.data_offset)
    _span(source, out, header.file_bytes - header.data_offset)


def _span(source: IO[bytes], out: IO[bytes], count: int) -> None:
    while count > 0:
        chunk = source.read(min(CHUNK, count))
        if not chunk:
            raise ModelError("the file became shorter while it was copied", hint="Get the file again.")
        out.write(chunk)
        count -= len(chunk)
