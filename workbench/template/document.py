"""A template file: an optional TOML header between two ``+++`` lines, then the body, which is kept to the byte."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from workbench.error import AccessDenied, ConfigError, StorageError, TemplateError
from workbench.record import MissingText, sha256_text
from workbench.template.header import Header, HeaderReader
from workbench.textio import open_regular, read_text, toml_loads

_FENCE = re.compile(r"\A\ufeff?\+\+\+[ \t]*\r?\n(?P<header>(?:.*\n)*?)\+\+\+[ \t]*(?:\r?\n|\Z)")


@dataclass(frozen=True)
class TemplateDocument:
    """A parsed template. ``path`` is relative to the workspace where possible; ``body_line`` counts from 1."""

    path: str
    source: str
    header: Header
    body: str
    body_line: int = 1

    @property
    def sha256(self) -> str:
        return sha256_text(self.source)

    @property
    def name(self) -> str:
        """The name within ``templates/``."""
        return self.path.removeprefix("templates/")


def parse_document(source: str, *, path: str = "template") -> TemplateDocument:
    """Raises TemplateError with file, line and hint when the header is wrong, StorageError for a text that is gone."""
    if isinstance(source, MissingText):
        raise StorageError(f"{path}: {source}", hint="Bring the file back to sessions/blobs, or take another version.")
    match = _FENCE.match(source)
    if match is None:
        if re.match(r"\A\ufeff?\+\+\+[ \t]*\r?$", source, re.MULTILINE):
            raise TemplateError(
                "the header is not closed", hint="A second line '+++' ends the header.", file=path, line=1, column=1
            )
        body = source.removeprefix("\ufeff")
        return TemplateDocument(path, source, Header(), body)
    text = match["header"].replace("\r\n", "\n")
    try:
        data = toml_loads(text)
    except ConfigError as error:
        raise _toml_error(error, path) from error
    header = HeaderReader(data, text, path).read()
    return TemplateDocument(path, source, header, source[match.end() :], source.count("\n", 0, match.end()) + 1)


def _toml_error(error: ConfigError, path: str) -> TemplateError:
    place = re.search(r"\(at line (\d+), column (\d+)\)", error.message)
    line, column = (int(place[1]) + 1, int(place[2])) if place else (1, 1)
    message = re.sub(r" \(at .*\)$", "", error.message)
    return TemplateError(f"the header is {message}", file=path, line=line, column=column)


def load_document(path: Path, *, root: Path) -> TemplateDocument:
    """Read and parse; ``root`` is the ``templates/`` folder. Raises StorageError, TemplateError.

    A file among the templates that is a link out of the workspace is refused: a workspace may come from a stranger.
    """
    try:
        resolved, base = path.resolve(strict=True), root.resolve().parent
    except (OSError, RuntimeError) as error:
        raise StorageError(f"cannot read {path}: {_why(error)}", hint="Check the file, or the link it is.") from error
    inside = resolved.is_relative_to(base)
    if not inside and Path(os.path.abspath(path)).is_relative_to(os.path.abspath(root)):
        raise AccessDenied(
            f"{path.name} is a link that leads out of the workspace",
            hint="Copy the file into templates/, or name it by its own path.", file=path.name,
        )  # fmt: skip
    name = resolved.relative_to(base).as_posix() if inside else path.name
    text = read_text(path, limit=4 << 20)
    if "\ufffd" in text:
        _require_utf8(path, name)
    return parse_document(text, path=name)


def _why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "its links form a ring"


def _require_utf8(path: Path, name: str) -> None:
    """Raises TemplateError at the first byte that is no UTF-8: what a model gets must be what the file says."""
    with open_regular(path) as file:
        data = file.read(4 << 20)
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = len(data[data.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
        raise TemplateError(
            "the file is not UTF-8 here", hint="Save it as UTF-8.", file=name, line=line, column=column
        ) from None


def included_source(source: str) -> str:
    """An included file without its header; a comment in its place keeps the line numbers of errors.

    With ``jinja = false`` in its header the text is included as it stands.
    """
    match = _FENCE.match(source)
    if match is None:
        return source.removeprefix("\ufeff")
    lines = "\n" * match[0].count("\n")
    body = source[match.end() :]
    if re.search(r"^[ \t]*jinja[ \t]*=[ \t]*false\b", match["header"].partition("\n[")[0], re.MULTILINE):
        text = body.replace("\r\n", "\n").encode("unicode-escape").decode("ascii").replace('"', "\\x22")
        return f'{{#{lines}#}}{{{{ "{text}" }}}}'
    return f"{{#{lines}#}}{body}"
