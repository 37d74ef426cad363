"""Parameters on their way from a template's header through a run to its record."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.suite import started, text
from tests.tiny_model import write_tiny
from workbench.error import TemplateError, UsageError
from workbench.service import RunSpec, Workbench, open_workbench
from workbench.service.plan import plan_run
from workbench.template.document import parse_document
from workbench.workspace import init_workspace


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Workbench]:
    (tmp_path / "models").mkdir()
    write_tiny(tmp_path / "models" / "tiny.gguf", endless=True)
    made = open_workbench(init_workspace(tmp_path / "space").root, model_dirs=[tmp_path / "models"])
    yield made
    await made.close()


HEADER = """+++
mode = "raw"
[params]
max_tokens = 40
logit_bias = {{ " " = -100, "\\n" = -100, "\\r" = -100, "\\t" = -100 }}
{line}
[params.json_schema]
type = "object"
required = ["a"]
additionalProperties = false
properties.a.enum = [1, 2]
+++
hello"""


async def test_a_template_with_a_schema_runs_and_its_record_opens_again(bench: Workbench) -> None:
    document = parse_document(HEADER.format(line=""), path="t.j2")
    handle = bench.start_run(RunSpec(document, engine="llamacpp"))
    events = [event async for event in handle.events()]
    assert json.loads(text(events))["a"] in (1, 2)
    session = bench.store.list_sessions()[0]
    saved = bench.store.open_run(session, handle.run_id).request.params
    assert saved == started(events).params
    assert json.loads(saved.json_schema)["required"] == ["a"]
    assert saved.logit_bias == tuple((blank, -100.0) for blank in " \n\r\t")


async def test_what_the_engine_lacks_is_said_before_the_run(bench: Workbench) -> None:
    document = parse_document('+++\nmode = "raw"\n[params]\nmirostat = 2\n+++\nhello', path="t.j2")
    plan = plan_run(bench, RunSpec(document, engine="gpt4all"))
    assert any("gpt4all has no mirostat" in notice for notice in plan.notices)
    assert plan.request.params.mirostat == 0
    assert not any("mirostat" in notice for notice in plan_run(bench, RunSpec(document, engine="llamacpp")).notices)
    with pytest.raises(UsageError, match="gpt4all has no"):
        plan_run(bench, RunSpec(parse_document(HEADER.format(line=""), path="t.j2"), engine="gpt4all"))


def test_a_fault_in_the_header_names_its_line() -> None:
    with pytest.raises(TemplateError) as caught:
        parse_document(HEADER.format(line="mirostat = 5"), path="t.j2")
    assert "mirostat must lie between 0 and 2" in caught.value.message
    assert caught.value.line == 6
