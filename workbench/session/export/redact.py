"""What must not leave this machine is masked: secrets everywhere, paths and names where this program wrote them.

Secrets are the values of environment variables whose names say so, those that the caller names, and what has the form
of a key of a well-known service. Texts of people and models are otherwise left alone, paths in them too: they are what
is exported. Error texts, native output, file names and addresses also lose absolute paths, the user and the host.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from workbench.record import RunRequest, RunResult
from workbench.session.blob import Packer
from workbench.session.export.item import ExportOptions, ExportRun
from workbench.session.runfile import request_to_dict
from workbench.session.runread import request_from_dict

MASK = "•••"
# Whole parts of a name: an AUTHOR is not AUTH, a COMPASS is no PASS. Written together they are APIKEY, PGPASSWORD.
_SECRET_NAME = re.compile(
    r"(?<![A-Z])(?:(?:API|APP|ACCESS|AUTH|PRIVATE|SECRET)?KEYS?|[A-Z]*(?:TOKENS?|SECRETS?|PASSWORDS?|PASSWD|PASSPHRASE)"
    r"|PASS|PWD|CREDENTIALS?|O?AUTH)(?![A-Z])",
    re.I,
)
_KEY_FORM = re.compile(
    r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{20,}|\bhf_[A-Za-z0-9]{30,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bAKIA[A-Z0-9]{16}\b"
)
_KEY_STARTS = ("sk-", "pk-", "rk-", "hf_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "AKIA")
_PATH = re.compile(r"(?<![\w:/.])(?:/|[A-Za-z]:\\)(?:[^\s/\\'\"<>|:]+[/\\])+")
_USER_INFO = re.compile(r"(?<=://)[^/@\s]*@")
_SHORTEST = 8


def redacted(run: ExportRun, options: ExportOptions) -> ExportRun:
    """The run without secrets, paths and names. A text that had to be changed is told, for its hash no longer fits."""
    secrets = known_secrets(options.secrets, os.environ if options.environment is None else options.environment)

    def mask(text: str) -> str:
        return mask_secrets(text, secrets)

    record = run.record
    request, result = _request(record.request, mask), _result(record.result, mask)
    if result.text != record.result.text:
        options.note(f"{run.id}: a secret in its text was masked")
    title, note = mask(run.session.title), mask(run.session.note)
    tags = tuple(mask(tag) for tag in run.session.tags)
    session = replace(run.session, title=title, note=note, tags=tags)
    changed = replace(record, request=request, result=result, edited=record.edited or result.text != record.result.text)
    return replace(run, session=session, record=changed, note=mask(run.note), recording=_recording(run, mask))


def _recording(run: ExportRun, mask: Callable[[str], str]) -> Callable[[], Any]:
    def read() -> Any:
        view = run.recording()
        if view is None:
            return None
        pieces = [replace(piece, text=mask(piece.text)) for piece in view.pieces]
        if mask(view.text) != "".join(piece.text for piece in pieces):
            # It stands across pieces: better no events than a secret.
            return None
        chatter = [(at, machine_text(mask(text))) for at, text in view.chatter]
        thoughts = [(at, mask(text)) for at, text in view.thoughts]
        # As above: one that stands across them is not kept.
        thoughts = thoughts if mask(view.reasoning) == "".join(text for _, text in thoughts) else []
        marks = [(at, mask(text)) for at, text in view.marks]
        return replace(view, head=None, started=None, pieces=pieces, chatter=chatter, thoughts=thoughts, marks=marks)

    return read


def known_secrets(more: tuple[str, ...], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values to mask, the longest first."""
    named = {value.strip() for name, value in environment.items() if _SECRET_NAME.search(name)}
    found = {value for value in named if not _is_path(value)} | set(more)
    return tuple(sorted((value for value in found if len(value) >= _SHORTEST), key=lambda value: (-len(value), value)))


def _is_path(value: str) -> bool:
    """Where a secret is, as in SSH_AUTH_SOCK. A secret may begin with a slash as well, so it must be there."""
    path = os.path.expanduser(value)
    return os.path.isabs(path) and "\0" not in path and os.path.lexists(path)


def mask_secrets(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, MASK)
    # Texts are long, and the expression is slow.
    return _KEY_FORM.sub(MASK, text) if any(start in text for start in _KEY_STARTS) else text


def machine_text(text: str) -> str:
    """A text that a program wrote: paths become names, user and host are masked."""
    text = _USER_INFO.sub("", _PATH.sub("", text))
    for name in _names():
        text = re.sub(rf"\b{re.escape(name)}\b", MASK, text)
    return text


def _names() -> tuple[str, ...]:
    """The user and the host, as far as they are more than a syllable."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = ""
    return tuple(name for name in (user, socket.gethostname()) if len(name) > 2)


def _request(request: RunRequest, mask: Callable[[str], str]) -> RunRequest:
    plain = request_to_dict(request, Packer(limit=1 << 62))
    masked = _walk(plain, mask)
    if masked != plain:
        request = request_from_dict(masked, lambda _sha256: None)
    model, template = request.model, request.template
    return replace(
        request,
        model=replace(model, file=_name(model.file)),
        template=replace(template, path=_name(template.path)),
        endpoint=machine_text(request.endpoint.partition("?")[0]) if request.endpoint else "",
    )


def _name(path: str) -> str:
    """An absolute path has no place in a record; an odd one is cut to its name."""
    return re.split(r"[/\\]", path)[-1] if re.match(r"/|[A-Za-z]:\\|\\\\|~", path) else path


def _result(result: RunResult, mask: Callable[[str], str]) -> RunResult:
    error, stderr = machine_text(mask(result.error)), machine_text(mask(result.stderr))
    reasoning = mask(result.reasoning)
    return replace(result, text=mask(result.text), error=error, stderr=stderr, reasoning=reasoning)


def _walk(value: Any, mask: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: _walk(item, mask) for key, item in value.items()}
    return [_walk(item, mask) for item in value] if isinstance(value, list | tuple) else value
