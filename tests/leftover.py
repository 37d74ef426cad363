"""After a fault nothing is left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def leaves_nothing() -> Iterator[None]:
    """No child, no zombie, and no descriptor more than before."""
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert psutil.Process().children(recursive=True) == []
    assert len(os.listdir("/proc/self/fd")) == before
