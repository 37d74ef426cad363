"""What a template may include: files within ``templates/``, found by name, without links that lead out of it.

Only the files that a body can reach are read; a name that is computed in the template makes all of them reachable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from workbench.error import StorageError
from workbench.realpath import real_path
from workbench.record import IncludeRef, sha256_text
from workbench.template.document import included_source
from workbench.textio import read_text

FILE_LIMIT = 1 << 20
FILES_LIMIT = 64
_TAG = re.compile(r"\{%[-+]?\s*(?:include|import|from|extends)\b(.*?)%\}", re.DOTALL)
_NAME = re.compile(r"""\s*(?:"([^"\\]*)"|'([^'\\]*)')\s*(?:ignore\b|with\b|without\b|as\b|import\b|[-+]?\Z)""")
_SUFFIXES = (".j2", ".txt", ".md", ".jinja", ".jinja2")


class TemplateFolder:
    """The files of one ``templates/`` folder; None has none."""

    def __init__(self, root: Path | None) -> None:
        self._root = real_path(root) if root is not None else None
        self._texts: dict[str, str] = {}

    def reachable(self, body: str) -> dict[str, str]:
        """Name to Jinja source of every file that ``body`` may include, directly or not; at most 64."""
        found: dict[str, str] = {}
        waiting = [body]
        while waiting:
            for name in self._wanted(waiting.pop()):
                text = self._read(name) if name not in found and len(found) < FILES_LIMIT else None
                if text is not None:
                    found[name] = included_source(text)
                    waiting.append(found[name])
        return found

    def refs(self, names: Iterable[str]) -> tuple[IncludeRef, ...]:
        """The included files as they were read, headers and all."""
        texts: Mapping[str, str] = self._texts
        return tuple(IncludeRef(name, sha256_text(texts[name]), texts[name]) for name in names if name in texts)

    def _wanted(self, body: str) -> list[str]:
        names: list[str] = []
        for tag in _TAG.finditer(body):
            match = _NAME.match(tag[1])
            if match is None:
                return self._all()
            names.append(match[1] or match[2] or "")
        return names

    def _all(self) -> list[str]:
        if self._root is None or not self._root.is_dir():
            return []
        files = (path for path in self._root.rglob("*") if path.suffix in _SUFFIXES)
        names = [path.relative_to(self._root).as_posix() for path in files]
        return sorted(names, key=lambda name: (not name.startswith("partials/"), name))

    def _read(self, name: str) -> str | None:
        """None for what is not a plain file within the folder; Jinja then says that there is no such template."""
        if self._root is None or not name or "\0" in name or name.startswith("/") or ".." in name.split("/"):
            return None
        path = real_path(self._root / name)
        if not path.is_relative_to(self._root) or not path.is_file():
            return None
        try:
            text = self._texts[name] = read_text(path, limit=FILE_LIMIT)
        except StorageError:
            return None
        return text
