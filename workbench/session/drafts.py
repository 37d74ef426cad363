"""Unsaved editor text, kept outside the workspace so that a crash or a quit loses nothing.

One file for each template, in the state folder, replaced atomically. A draft remembers the hash of the file
it was made from, so that whoever offers it can tell whether the template changed meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from workbench.error import WorkbenchError
from workbench.session.ids import now_iso
from workbench.textio import atomic_write, make_private, read_text, storage_error
from workbench.workspace import Workspace

_KEYS = ("template", "text", "saved", "base_sha256")


@dataclass(frozen=True, slots=True)
class Draft:
    """``template`` is the path as given; ``base_sha256`` of the file at that time, empty for a new template."""

    template: str
    text: str
    saved: str
    base_sha256: str = ""

    def outdated(self, workspace: Workspace) -> bool:
        """Whether the template's file changed since."""
        return _sha256(workspace, self.template) != self.base_sha256


def save_draft(workspace: Workspace, template_path: str | Path, text: str) -> None:
    """Replace the draft of this template. Raises StorageError."""
    name = str(template_path)
    draft = Draft(name, text, now_iso(), _sha256(workspace, name))
    file = _file(workspace, name)
    try:
        make_private(file.parent)
    except OSError as error:
        raise storage_error("make", file.parent, error) from error
    # JSON and not TOML: half a surrogate pair from a paste must come back as well.
    atomic_write(file, json.dumps(asdict(draft)), mode=0o600)


def load_drafts(workspace: Workspace) -> list[Draft]:
    """All drafts, newest first; a broken one is passed over."""
    found: list[Draft] = []
    for file in sorted(_folder(workspace).glob("*.json")):
        with contextlib.suppress(WorkbenchError, ValueError, RecursionError, KeyError, TypeError):
            data = json.loads(read_text(file, limit=64 << 20))
            values = [data[key] for key in _KEYS]
            if all(isinstance(value, str) for value in values):
                found.append(Draft(*values))
    return sorted(found, key=lambda draft: draft.saved, reverse=True)


def drop_draft(workspace: Workspace, template_path: str | Path) -> None:
    """Forget the draft of this template; none is no error. Raises StorageError."""
    file = _file(workspace, str(template_path))
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error("delete", file, error) from error


def _folder(workspace: Workspace) -> Path:
    return workspace.state_dir / "drafts"


def _file(workspace: Workspace, template: str) -> Path:
    name = hashlib.sha256(template.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return _folder(workspace) / f"{name}.json"


def _sha256(workspace: Workspace, template: str) -> str:
    try:
        return hashlib.sha256((workspace.root / template).read_bytes()).hexdigest()
    except (OSError, ValueError):
        return ""
