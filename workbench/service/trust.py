"""Which files of a workspace may run as programs on this machine: only those that its user has said so of.

A workspace comes from anywhere; code in it runs only after ``--trust``. That is remembered outside the workspace, for
this folder and for the file's exact bytes: a changed file asks again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from workbench.error import ConfigError, StorageError, UsageError
from workbench.realpath import real_path
from workbench.textio import atomic_write, read_text, storage_error, toml_dumps, toml_loads
from workbench.workspace import Workspace

FILE = "trust.toml"


def file_in(workspace: Workspace, name: str) -> Path:
    """A file by its name within the workspace. Raises UsageError for what is not there or lies outside."""
    path = real_path(workspace.root / name)
    if workspace.root not in path.parents:
        raise UsageError(f"{name!r} is not in the workspace", hint=f"Copy it into {workspace.root}.")
    if not path.is_file():
        raise UsageError(f"there is no file {name!r} in the workspace", hint=f"It is looked for in {workspace.root}.")
    return path


def read_code(path: Path) -> tuple[str, str]:
    """The source and its SHA-256; both of the same bytes. Raises StorageError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise storage_error("read", path, error) from error
    return data.decode("utf-8", "replace"), hashlib.sha256(data).hexdigest()


def is_trusted(workspace: Workspace, name: str, sha256: str) -> bool:
    return _known(workspace).get(name) == sha256


def trust(workspace: Workspace, name: str, sha256: str) -> None:
    """Remember that these bytes may run. Raises StorageError."""
    files = _known(workspace) | {name: sha256}
    atomic_write(workspace.state_dir / FILE, toml_dumps({"format": 1, "root": str(workspace.root), "files": files}))


def _known(workspace: Workspace) -> dict[str, str]:
    """What cannot be read is not trusted."""
    path = workspace.state_dir / FILE
    try:
        files = toml_loads(read_text(path), file=FILE).get("files") if path.exists() else None
    except (StorageError, ConfigError):
        return {}
    return {str(key): str(value) for key, value in files.items()} if isinstance(files, dict) else {}
