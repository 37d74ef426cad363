"""The bounded worker that runs Jinja: templates and the chat templates of models, both may come from strangers."""

from __future__ import annotations

from workbench.sandbox.client import Renderer
from workbench.sandbox.faults import TemplateSyntaxError, UndefinedError
from workbench.sandbox.limits import PREVIEW, RUN, Limits, RenderReply, RenderRequest, SlotName, SlotReply

__all__ = [
    "PREVIEW",
    "RUN",
    "Limits",
    "RenderReply",
    "RenderRequest",
    "Renderer",
    "SlotName",
    "SlotReply",
    "TemplateSyntaxError",
    "UndefinedError",
]
