"""A run as people read it: request and result as TOML, in the key order of ``docs/sessions.md``.

Exact for every text. ``runread.py`` is the way back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workbench.record import PatternRef, Prompt, RunRequest, RunResult, TemplateRef
from workbench.session.blob import Packer
from workbench.session.ids import iso
from workbench.textio import toml_dumps

FORMAT = 1
STDERR_LIMIT = 8 * 1024


def request_to_dict(request: RunRequest, packer: Packer, *, build: str = "") -> dict[str, Any]:
    """Plain data for TOML and JSON; long texts go to ``packer``."""
    data: dict[str, Any] = {"id": request.id, "created": request.created}
    if request.group:
        data["group"] = request.group
    if request.pane:
        data["pane"] = request.pane
    if request.parent:
        data["parent"] = request.parent
    if request.parent or request.changed:
        data["changed"] = list(request.changed)
    data["app"] = request.app
    data["template"] = _template(request.template, packer)
    data["variables"] = {key: packer.value(item) for key, item in request.variables.items()}
    if request.pattern is not None:
        data["pattern"] = _pattern(request.pattern, packer)
    if request.cell:
        data["cell"] = {key: packer.value(item) for key, item in request.cell.items()}
    data["prompt"] = _prompt(request.prompt, packer)
    data["engine"] = _engine(request, build)
    model = request.model
    data["model"] = {"file": packer.text(model.file), "bytes": model.bytes, "sha256": model.sha256}
    for name in ("fingerprint", "arch", "quant", "name"):
        if value := getattr(model, name):
            data["model"][name] = packer.text(value)
    params = {key: packer.value(value) for key, value in request.used_params.items() if value is not None}
    data["params"] = params | {"seed_mode": request.seed_mode}
    if request.not_sent:
        data["params"]["not_sent"] = list(request.not_sent)
    return data


def _template(template: TemplateRef, packer: Packer) -> dict[str, Any]:
    data = {
        "path": packer.text(template.path),
        "sha256": template.sha256,
        "source": packer.text(template.source),
    }
    if template.engine:
        data["engine"] = packer.text(template.engine)
    if template.includes:
        data["include"] = [
            {"path": packer.text(item.path), "sha256": item.sha256, "source": packer.text(item.source)}
            for item in template.includes
        ]
    return data


def _pattern(pattern: PatternRef, packer: Packer) -> dict[str, Any]:
    data: dict[str, Any] = {} if pattern.seed is None else {"seed": pattern.seed}
    data |= {"index": pattern.index, "order": pattern.order, "count": pattern.count}
    if pattern.picks:
        data["pick"] = [
            {"key": packer.text(pick.key)}
            | ({"name": packer.text(pick.name)} if pick.name else {})
            | {"option": pick.option, "text": packer.text(pick.text)}
            for pick in pattern.picks
        ]
    return data


def _prompt(prompt: Prompt, packer: Packer) -> dict[str, Any]:
    data: dict[str, Any] = {"form": prompt.form}
    if prompt.text or prompt.form == "text":
        data["text"] = packer.text(prompt.text)
    if prompt.model_text != (prompt.text if prompt.form == "text" else ""):
        data["model_text"] = packer.text(prompt.model_text)
    data["sha256"] = prompt.sha256
    if prompt.chat_template != "none" or prompt.chat_template_sha256:
        data["chat_template"] = {"source": prompt.chat_template, "sha256": prompt.chat_template_sha256}
    if prompt.messages:
        data["messages"] = [
            {"role": message.role, "content": packer.text(message.content)} for message in prompt.messages
        ]
    return data


def _engine(request: RunRequest, build: str) -> dict[str, Any]:
    data: dict[str, Any] = {"name": request.engine, "version": request.engine_version}
    if build:
        data["build"] = build
    data |= {"device": request.device, "threads": request.threads, "n_ctx": request.n_ctx}
    data |= {"n_batch": request.n_batch, "cache": request.cache}
    if request.endpoint:
        data["endpoint"] = request.endpoint
    return data


def result_to_dict(result: RunResult) -> dict[str, Any]:
    """Plain data, the text last. The text stays in the record however long it is."""
    packer = Packer(limit=1 << 62)
    data: dict[str, Any] = {"status": result.status, "finish_reason": result.finish_reason}
    if result.exit is not None:
        data["exit"] = result.exit
    for name in ("tokens_in", "tokens_out", "unit", "ms_load", "ms_first", "ms_total", "sha256"):
        data[name] = getattr(result, name)
    if result.tokens_cached:
        # Of ``tokens_in``: a warm cache had them.
        data["tokens_cached"] = result.tokens_cached
    if result.error:
        data["error"] = packer.text(result.error)
    if result.stderr:
        data["stderr"] = packer.text(result.stderr[-STDERR_LIMIT:])
    data["repro"] = result.repro
    if result.reasoning:
        data["reasoning"] = packer.text(result.reasoning)
    data["text"] = packer.text(result.text)
    return data


def run_toml(request: Mapping[str, Any], result: RunResult) -> str:
    """The run file of a request in its plain form, as ``request_to_dict`` gave it."""
    data: dict[str, Any] = {"format": FORMAT, "kind": "run"} | dict(request)
    data["created"] = _moment(str(data.get("created", "")))
    data["result"] = result_to_dict(result)
    return toml_dumps(data)


def _moment(created: str) -> datetime | str:
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    return moment if moment.tzinfo is not None and iso(moment) == created else created
