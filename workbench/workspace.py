"""Where everything lives: the workspace of a person's work, and the folders of the platform beside it.

A workspace is a folder with ``workspace.toml``. It is named by a flag, by ``WORKBENCH_WORKSPACE``, or is the
nearest one upwards; without any, a first one is made in the user's data folder. Caches, drafts and logs never
stand in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench import __version__
from workbench.error import StorageError, UsageError
from workbench.textio import atomic_write, make_private, storage_error, toml_dumps

APP = "prompt-workbench"
MARKER = "workspace.toml"
FORMAT = 1
_LINUX_DIRS = {"cache": ".cache", "config": ".config", "data": ".local/share", "state": ".local/state"}
FOLDERS = ("templates", "themes", "sessions")

_GIT_ATTRIBUTES = """\
# Runs keep their exact bytes, and stay out of diffs where nobody reads them.
*.jsonl -text linguist-generated
sessions/**/*.toml text eol=lf
sessions/blobs/** -text
"""
_GIT_IGNORE = """\
# Sessions are yours to commit. To leave the token-by-token recordings out, remove the # of the next line.
# sessions/**/*.jsonl
# What was deleted stays out; 'workbench sessions restore' brings it back on this machine.
sessions/.trash/
.lock
"""


@dataclass(frozen=True)
class Workspace:
    """A workspace by its root, an absolute path."""

    root: Path

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def templates(self) -> Path:
        return self.root / "templates"

    @property
    def wildcards(self) -> Path:
        return self.templates / "wildcards"

    @property
    def themes(self) -> Path:
        return self.root / "themes"

    @property
    def sessions(self) -> Path:
        return self.root / "sessions"

    @property
    def writable(self) -> bool:
        """Whether new runs can be saved here, as far as permissions tell."""
        return os.access(self.sessions if self.sessions.is_dir() else self.root, os.W_OK | os.X_OK)

    @property
    def key(self) -> str:
        """Names this workspace in the cache and state folders."""
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]

    @property
    def cache_dir(self) -> Path:
        """What can be made again; created. Raises StorageError."""
        return _made(_user_dir("XDG_CACHE_HOME", "cache") / self.key)

    @property
    def state_dir(self) -> Path:
        """Drafts, unsaved runs, logs; created. Raises StorageError."""
        return _made(_user_dir("XDG_STATE_HOME", "state") / self.key)


def _user_dir(variable: str, kind: str) -> Path:
    base = os.environ.get(variable, "")
    # The XDG specification: relative paths are to be ignored.
    if base and os.path.isabs(base):
        return Path(base) / APP
    if sys.platform == "linux" and "ANDROID_ROOT" not in os.environ:
        # What platformdirs says as well; it takes long to import, for every command.
        return Path(os.path.expanduser("~"), _LINUX_DIRS[kind], APP)
    import platformdirs

    return Path(getattr(platformdirs, f"user_{kind}_dir")(APP, appauthor=False))


def _made(path: Path) -> Path:
    try:
        make_private(path)
    except OSError as error:
        raise storage_error("make", path, error) from error
    # Prompts and answers lie in it, in files that do not all say so. One of an earlier version may be open to others.
    with contextlib.suppress(OSError):
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)
    return path


def user_config_dir() -> Path:
    """Folder of ``config.toml``; not created."""
    return _user_dir("XDG_CONFIG_HOME", "config")


def user_data_dir() -> Path:
    """Folder of models and of the first workspace; not created."""
    return _user_dir("XDG_DATA_HOME", "data")


def user_state_dir() -> Path:
    """Folder of what belongs to this machine; not created."""
    return _user_dir("XDG_STATE_HOME", "state")


def models_dirs(extra: Sequence[Path] = ()) -> list[Path]:
    """Where models are looked for, in order: ``extra``, ``WORKBENCH_MODELS``, the user's data folder. No
    duplicates.
    """
    listed = [item for item in os.environ.get("WORKBENCH_MODELS", "").split(os.pathsep) if item]
    folders = [*extra, *(Path(item) for item in listed), user_data_dir() / "models"]
    return list(dict.fromkeys(folder.expanduser().absolute() for folder in folders))


def find_workspace(flag: str | Path | None = None) -> Workspace:
    """``flag``, else ``WORKBENCH_WORKSPACE``, else the nearest upwards, else the user's own (made on first
    use).

    Raises UsageError for a named folder that is no workspace, StorageError when the first one cannot be made.
    """
    named = flag or os.environ.get("WORKBENCH_WORKSPACE", "")
    if named:
        root = Path(named).expanduser().resolve()
        if not (root / MARKER).is_file():
            what = "has no workspace.toml" if root.is_dir() else "does not exist"
            raise UsageError(f"{root} {what}", hint=f"'workbench init {named}' makes a workspace there.")
        return Workspace(root)
    try:
        here = Path.cwd()
    except OSError:
        here = Path(os.sep)
    for folder in (here, *here.parents):
        if (folder / MARKER).is_file():
            return Workspace(folder.resolve())
    own = user_data_dir() / "workspace"
    return Workspace(own.resolve()) if (own / MARKER).is_file() else init_workspace(_made(own))


def starter_root() -> Path:
    """The folder with the starter set: in an installed package within it, in a checkout the checkout."""
    package = Path(__file__).resolve().parent
    packed = package / "starter"
    return packed if packed.is_dir() else package.parent


def init_workspace(target: Path) -> Workspace:
    """A new workspace with the starter set. Nothing that exists is overwritten.

    Raises UsageError naming what is in the way, StorageError when it cannot be written.
    """
    from shutil import copyfile

    root = target.expanduser().absolute()
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is a file", hint="Name a new folder.")
    files = list(_starter_files(starter_root()))
    wanted = [root / MARKER, *(root / name for name, _ in files)]
    clash = next((path for path in wanted if path.exists()), None)
    if clash is not None:
        raise UsageError(f"{clash} exists and is not overwritten", hint="Name a new folder.")
    try:
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True)
        for name, source in files:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            copyfile(source, root / name)
    except OSError as error:
        raise storage_error("write", Path(error.filename or root), error) from error
    _add_lines(root / ".gitattributes", _GIT_ATTRIBUTES)
    _add_lines(root / ".gitignore", _GIT_IGNORE)
    # The marker comes last: a folder that has it is complete.
    from datetime import UTC, datetime

    marker = {"format": FORMAT, "app": __version__, "created": datetime.now(UTC)}
    atomic_write(root / MARKER, toml_dumps(marker))
    return Workspace(root.resolve())


def _starter_files(source: Path) -> Iterator[tuple[str, Path]]:
    """Relative name and file of each; of the sessions only the samples, for a checkout has its owner's beside
    them.
    """
    for folder in FOLDERS:
        for path in sorted((source / folder).rglob("*")):
            name = path.relative_to(source)
            hidden = any(part.startswith(".") or part == "__pycache__" for part in name.parts)
            foreign = folder == "sessions" and not (len(name.parts) > 3 and "-sample-" in name.parts[2])
            if path.is_file() and not hidden and not foreign:
                yield name.as_posix(), path


def _add_lines(path: Path, text: str) -> None:
    """Write ``text``, or append it to a file of the user's own that lacks it."""
    try:
        old = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read {path}", hint="Move it away, or choose a new folder.") from error
    if text in old:
        return
    joint = "" if not old or old.endswith("\n") else "\n"
    atomic_write(path, old + joint + text)
