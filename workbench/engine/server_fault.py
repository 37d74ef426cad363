"""What can go wrong between the workbench and a server, and how a server's error becomes a sentence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from workbench.display import display_line

FaultKind = Literal["refused", "network", "disconnected", "timeout", "protocol"]


class HttpFault(Exception):
    """A request that did not succeed. ``status`` 0: no answer came. ``retry_after`` is in seconds, -1 unknown."""

    def __init__(
        self,
        kind: FaultKind,
        message: str,
        hint: str = "",
        *,
        status: int = 0,
        body: object = None,
        retry_after: float = -1,
        transient: bool = False,
    ) -> None:
        super().__init__(message)
        self.kind: FaultKind = kind
        self.message = message
        self.hint = hint
        self.status = status
        self.body = body
        self.retry_after = retry_after
        self.transient = transient


def error_text(body: object) -> str:
    """The message in an error's JSON, in the forms that servers use; "" when there is none."""
    if isinstance(body, str):
        return body
    if isinstance(body, dict):
        for key in ("error", "message", "detail"):
            if key in body and (text := error_text(body[key])):
                return text
    if isinstance(body, list) and body:
        # FastAPI's validation errors.
        first = body[0]
        return str(first.get("msg", "")) if isinstance(first, dict) else ""
    return ""


def plain_text(raw: bytes, content_type: str) -> str:
    """An error's body when it is no JSON; a page of HTML says nothing to people."""
    return "" if "html" in content_type else raw.decode("utf-8", "replace").strip()


def reason_of(error: Exception, mask: Callable[[str], str] = str) -> str:
    """The system's or library's own word, short and safe to show."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return display_line(mask(text) or type(error).__name__, 120)


def retry_seconds(value: str | None) -> float:
    """Of a Retry-After header: seconds, or a date; -1 when it says nothing."""
    if not value:
        return -1
    try:
        return max(0.0, float(int(value)))
    except (ValueError, OverflowError):
        pass
    # A date is rare, and the module that reads it is large.
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return -1
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
