"""The processes of a renderer, for the tests that stop and count them."""

from __future__ import annotations

from workbench.sandbox import Renderer


def pids(renderer: Renderer) -> tuple[int, ...]:
    """Process ids of the worker and its spare, as far as they were started."""
    return tuple(worker.process.pid for worker in (renderer._worker, renderer._spare) if worker is not None)
