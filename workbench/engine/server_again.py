"""When a request that a server did not take is made again, and after how long: one rule for all requests.

A server that is busy is asked twice more. One that is still loading its model says so, and is waited for: minutes are
usual with large models.
"""

from __future__ import annotations

from workbench.engine.server_fault import HttpFault, error_text
from workbench.error import NetworkError

RETRIES = 2
BACKOFF_SECONDS = 0.5
LONGEST_WAIT = 30.0  # seconds
LOADING_EVERY = 1.0  # seconds
LOADING_SECONDS = 900.0


def is_loading(fault: HttpFault) -> bool:
    """Whether the server says that its model is not there yet."""
    return fault.status == 503 and "loading" in error_text(fault.body).lower()


class ServerBusy(NetworkError):
    """The server answers, but takes nothing now: it is loading its model, or asked too often. ``fault`` says when to
    ask again.
    """

    def __init__(self, name: str, fault: HttpFault) -> None:
        hint = "Wait until it has loaded its model, then run again." if is_loading(fault) else fault.hint
        super().__init__(f"{name}: {fault.message}", hint=hint)
        self.fault = fault


class Again:
    """The tries of one request. ``words`` say what the last ``wait`` decided; empty when it was said already."""

    def __init__(self) -> None:
        self._tried = 0
        self._waited = 0.0
        self.words = ""

    def wait(self, fault: HttpFault) -> float:
        """Seconds until the next try; negative when there is to be none."""
        if is_loading(fault):
            seconds = min(max(fault.retry_after, LOADING_EVERY), LONGEST_WAIT)
            self.words = "" if self._waited else f"{fault.message}; waiting until it has loaded"
            self._waited += seconds
            return seconds if self._waited <= LOADING_SECONDS else -1
        seconds = BACKOFF_SECONDS * 2**self._tried if fault.retry_after < 0 else fault.retry_after
        if not fault.transient or self._tried == RETRIES or seconds > LONGEST_WAIT:
            return -1
        self._tried += 1
        self.words = f"{fault.message}; trying again in {seconds:g} s ({self._tried} of {RETRIES})"
        return seconds
