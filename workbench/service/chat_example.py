"""A model's own chat template at work on an example: a template that fails does so here, not in the first run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.error import WorkbenchError
from workbench.record import Message

if TYPE_CHECKING:
    from workbench.engine.gguf import GgufHeader
    from workbench.service import Workbench

EXAMPLE = (Message("system", "You are brief."), Message("user", "Hello!"))


def chat_example(bench: Workbench, header: GgufHeader) -> tuple[str, str]:
    """The text that the model would see of an example, and what is wrong with the template; one of them is "".

    Made as a run makes it. Both are "" for a file without a template. Blocking, bounded.
    """
    from workbench.service.plan import apply_chat_template

    if not header.chat_template or header.problem:
        return "", ""
    try:
        return apply_chat_template(bench, header.chat_template, EXAMPLE, header, []), ""
    except WorkbenchError as error:
        way = 'only templates with mode = "raw" run on this model'
        return "", f"its chat template does not render ({error.message}): {way}"
