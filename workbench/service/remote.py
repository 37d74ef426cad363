"""Models behind servers, for a plan: whether a run goes to one, and what is known of it beforehand.

Asks the server for its list, and llama.cpp's for its chat template, so that the prompt is made here, with the same
bytes as for the same model on this machine. Blocking, within a few seconds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.engine.gguf_types import GgufHeader
from workbench.engine.server_models import identity_of, listed_model, named_server, require_model
from workbench.engine.server_target import Target
from workbench.error import ModelError
from workbench.record import ModelRef, Prompt, RunRequest

if TYPE_CHECKING:
    from workbench.service import Workbench


@dataclass(frozen=True)
class Remote:
    """A model on a server. ``header`` holds its chat template and special tokens; None: the server has to be given
    messages, and what the model sees of them is not known.
    """

    target: Target
    model: ModelRef
    header: GgufHeader | None
    n_ctx: int
    reason: str


def remote_model(bench: Workbench, name: str, asked: str, prefer: str) -> Remote | None:
    """The server's model that was asked for by its server's name or by the engine; None: look for a file.

    Raises ModelError, NetworkError.
    """
    name = name or bench.config.model
    if asked == "server" or (not asked and prefer == "server"):
        return _described(require_model(bench.config, name))
    if asked or os.path.isfile(os.path.expanduser(name)):
        return None
    target = named_server(bench.config, name)
    return _described(target) if target is not None else None


def instead_of_file(bench: Workbench, name: str, asked: str, missing: ModelError) -> Remote:
    """The server's model of that name, as no file has it. Raises ``missing`` when no server lists it either."""
    target = None if asked else listed_model(bench.config, name or bench.config.model)
    if target is None:
        raise missing
    return _described(target)


def same_server(bench: Workbench, request: RunRequest) -> str:
    """``SERVER/MODEL`` for the server that a recorded run used, by its address: another may have a model of that name.

    Raises ModelError when it is not in the settings.
    """
    for server in bench.config.servers:
        if Target(server).public_url == request.endpoint:
            return f"{server.name}/{request.model.file}"
    raise ModelError(
        f"no server of the settings has the address {request.endpoint}",
        hint="The run used it: name it in config.toml, [[server]].",
    )


def _described(target: Target) -> Remote:
    target, identity = identity_of(target)
    header = None
    if identity.chat_template and target.server.api == "auto":
        header = GgufHeader(
            path=target.model,
            kind="model",
            chat_template=identity.chat_template,
            bos_token=identity.bos_token,
            eos_token=identity.eos_token,
        )
    software = f" of {identity.software}" if identity.software else ""
    reason = f"a model{software} at {target.public_url}"
    return Remote(target, ModelRef(file=target.model, name=target.model), header, identity.n_ctx, reason)


def wire_messages(prompt: Prompt) -> tuple[Mapping[str, str], ...]:
    """The prompt's messages as a server takes them; empty for a raw prompt, and when there is nothing in them."""
    if prompt.form == "text" or not any(message.content.strip() for message in prompt.messages):
        return ()
    return tuple({"role": message.role, "content": message.content} for message in prompt.messages)
