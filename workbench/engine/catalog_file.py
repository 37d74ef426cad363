"""Lists of models in GPT4All's format (``models3.json``): a JSON array with file name, size, hash and address.

Such a list is a stranger's: an entry that makes no sense is left out, texts are plain and short, and a file name can
lead nowhere but into the model folder. Entries without a SHA-256 are checked by size and MD5, which finds damage but
no ill will; that is said.
"""

from __future__ import annotations

import difflib
import html
import json
import re
import threading
import urllib.error
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.engine.fetch_http import Source, host_of, opener, source_of
from workbench.error import NetworkError, UsageError, WorkbenchError
from workbench.textio import read_text

LARGEST = 8 << 20
MOST = 2000
USUAL_PLACE = "https://gpt4all.io/models/gguf/"
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One entry. ``ram_gb`` is what the list says it needs; texts are foreign."""

    id: str
    title: str
    source: Source
    quant: str = ""
    parameters: str = ""
    ram_gb: str = ""
    description: str = ""


def load_catalog(place: str, *, cancel: threading.Event | None = None) -> list[ListedModel]:
    """The entries of a list, a file or an http(s) address. Blocking. Raises UsageError, StorageError, NetworkError."""
    if re.match(r"https?://", place):
        return parse_catalog(_get(place, cancel or threading.Event()), place)
    path = Path(place).expanduser()
    if not path.is_file():
        raise UsageError(f"there is no list {place!r}", hint="A file like GPT4All's models3.json, or its URL.")
    return parse_catalog(read_text(path, limit=LARGEST), place)


def parse_catalog(text: str, place: str = "the list") -> list[ListedModel]:
    """The entries that make sense, in their order. Raises UsageError when it is no list at all."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place} is no JSON: {error}", hint="GPT4All's lists are called models3.json.") from error
    if not isinstance(data, list):
        raise UsageError(f"{place} holds no list of models", hint="GPT4All's lists are called models3.json.")
    found = [_entry(item) for item in data[:MOST] if isinstance(item, dict)]
    return [entry for entry in found if entry is not None]


def find_listed(name: str, entries: list[ListedModel]) -> ListedModel:
    """The entry called ``name``: by file name, with or without .gguf, or title. Raises UsageError with near matches."""
    low = name.lower()
    for entry in entries:
        if low in (entry.id.lower(), entry.source.file.lower(), entry.title.lower()):
            return entry
    near = difflib.get_close_matches(low, [entry.id.lower() for entry in entries], n=3, cutoff=0.4)
    known = [entry.id for entry in entries if entry.id.lower() in near] or [entry.id for entry in entries[:5]]
    raise UsageError(f"no model {name!r} is in the list", hint=f"There are: {', '.join(known)}" if known else "")


def _entry(item: dict[str, Any]) -> ListedModel | None:
    file = _text(item, "filename")
    sha256, md5 = _text(item, "sha256sum").lower(), _text(item, "md5sum").lower()
    size = _text(item, "filesize")
    try:
        source = source_of(_text(item, "url") or USUAL_PLACE + file, sha256=sha256, file=file)
    except WorkbenchError:
        return None
    if not (sha256 or _MD5.fullmatch(md5)) or not (size.isascii() and size.isdigit() and 0 < len(size) < 16):
        return None
    return ListedModel(
        id=file.removesuffix(".gguf"),
        title=_text(item, "name") or file,
        source=Source(source.url, source.file, int(size), source.sha256, md5),
        quant=_text(item, "quant"),
        parameters=_text(item, "parameters"),
        ram_gb=_text(item, "ramrequired"),
        description=_plain(_text(item, "description")),
    )


def _text(item: dict[str, Any], key: str) -> str:
    value = item.get(key, "")
    return str(value)[:2000].strip() if isinstance(value, str | int | float) else ""


def _plain(text: str) -> str:
    """HTML as one line of plain text."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())[:300]


def _get(url: str, cancel: threading.Event) -> str:
    try:
        with opener(cancel) as web, web.open(url, timeout=30) as answer:
            data: bytes = answer.read(LARGEST + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise NetworkError(f"the server answered {error.code} for the list", hint="Check the address.") from error
    except (OSError, ValueError) as error:
        raise NetworkError(f"the list did not come from {host_of(url)}: {error}", hint="Check the address.") from error
    if len(data) > LARGEST:
        raise NetworkError("the list is larger than any list of models", hint="Check the address.")
    return data.decode("utf-8", "replace")
