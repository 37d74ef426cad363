"""The versions of a template that were ever run, from the run records themselves; nothing else keeps them.

Only the first lines of run files are read, and the source of each version once. A version is a source, to the byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.error import StorageError, UsageError
from workbench.record import MissingText, sha256_text
from workbench.session.heads import RunHead, heads

if TYPE_CHECKING:
    from workbench.compare.diff import Part
    from workbench.record import TemplateRef
    from workbench.session.store import SessionStore

SHORTEST = 4


@dataclass(frozen=True, slots=True)
class Version:
    """A source that was run. Times are those of its first and last run; ``last_run`` is the id of the latter."""

    sha256: str
    first_seen: str
    last_seen: str
    runs: int
    source: str
    last_run: str


def template_name(path: str) -> str:
    """How people name it: without the folder of templates and the ending."""
    return path.removeprefix("templates/").removesuffix(".j2")


def versions(store: SessionStore, template_path: str) -> list[Version]:
    """Newest first, by their last run; empty when the template was never run. Blocking, some 0.2 ms a run.

    ``template_path`` with or without ``templates/`` and ``.j2``.
    """
    name = template_name(template_path)
    found: dict[str, list[RunHead]] = {}
    for head in heads(store):
        if template_name(head.template) == name:
            found.setdefault(head.template_sha256, []).append(head)
    versions = [_version(store, sha256, runs) for sha256, runs in found.items()]
    return sorted(versions, key=lambda version: (version.last_seen, version.last_run), reverse=True)


def _version(store: SessionStore, sha256: str, runs: list[RunHead]) -> Version:
    runs.sort(key=lambda head: (head.created, head.id))
    # The newest that can be read: its neighbours have the same source.
    source = next((text for head in reversed(runs) if (text := _source(store, head, sha256)) is not None), "")
    return Version(sha256, runs[0].created, runs[-1].created, len(runs), source, runs[-1].id)


def _source(store: SessionStore, head: RunHead, sha256: str) -> str | None:
    template = _template(store, head)
    if template is None or template.sha256 != sha256 or isinstance(template.source, MissingText):
        return None
    return template.source


def _template(store: SessionStore, head: RunHead) -> TemplateRef | None:
    try:
        return store.open_run(store.open_session(head.session_dir), head.id).request.template
    except (StorageError, UsageError):
        return None


def find_version(store: SessionStore, template_path: str, wanted: str) -> Version:
    """A version by the beginning of its hash. Raises UsageError when there is none, or several."""
    known = versions(store, template_path)
    found = [version for version in known if len(wanted) >= SHORTEST and version.sha256.startswith(wanted.lower())]
    if len(found) == 1:
        return found[0]
    name = template_name(template_path)
    if not known:
        raise UsageError(f"the template {name!r} was never run", hint="Its versions are those that were run.")
    hint = "There are: " + ", ".join(version.sha256[:12] for version in (found or known)[:8])
    many = f"several versions of {name!r} begin with {wanted!r}"
    raise UsageError(many if found else f"no version of {name!r} begins with {wanted!r}", hint=hint)


def version_diff(before: Version, after: Version) -> list[Part]:
    """What changed in the source, by lines."""
    from workbench.compare.diff import line_diff

    return line_diff(before.source, after.source)


def restore_to(version: Version, path: Path) -> None:
    """Write the source to a new file. Raises UsageError when there is one already, StorageError."""
    from workbench.textio import storage_error

    if not version.source and version.sha256 != sha256_text(""):
        raise StorageError(f"the text of version {version.sha256[:12]} is not there any more", hint="Take another one.")
    try:
        # Never over another file, not even one that has just been made.
        with path.open("x", encoding="utf-8", newline="", errors="surrogatepass") as file:
            file.write(version.source)
    except FileExistsError:
        raise UsageError(f"{path} is there already", hint="Name a new file, or move that one away.") from None
    except OSError as error:
        raise storage_error("write", path, error) from error
