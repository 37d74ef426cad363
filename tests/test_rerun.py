"""Running again with changes, the tree that comes of it, and the versions of a template."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio

from tests.clitool import cli
from tests.tiny_model import write_tiny
from workbench.error import ModelError, UsageError
from workbench.record import Message
from workbench.service import RunSpec, Workbench, open_workbench
from workbench.service.history import find_version, restore_to, version_diff, versions
from workbench.service.lineage import lineage
from workbench.service.rerun import Changes, compare_runs, rerun, seed_list
from workbench.service.verify import Verifier
from workbench.session.ids import new_ulid
from workbench.session.info import RunRecord
from workbench.session.ingest.arrive import write_run
from workbench.session.ingest.incoming import foreign_run
from workbench.session.store import Session
from workbench.template.document import parse_document
from workbench.workspace import init_workspace

SOURCE = "Say {{ what }} in {{ how }}."


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Workbench]:
    init_workspace(tmp_path / "space")
    workbench = open_workbench(tmp_path / "space", model_dirs=[tmp_path / "models"])
    yield workbench
    await workbench.close()


async def ran(bench: Workbench, source: str = SOURCE, session: Session | None = None) -> tuple[Session, RunRecord]:
    spec = RunSpec(
        parse_document(source, path="templates/say.j2"),
        {"what": "雨", "how": "short"},
        engine="scripted",
        params={"seed": 7},
        session=session,
        script=json.dumps({"echo": True}),
    )
    handle = bench.start_run(spec)
    async for _ in handle.events():
        pass
    assert handle.session is not None
    return handle.session, bench.store.open_run(handle.session, handle.run_id)


async def again(bench: Workbench, session: Session, record: RunRecord, changes: Changes) -> list[RunRecord]:
    made = []
    for handle in rerun(bench, session, record, changes):
        async for _ in handle.events():
            pass
        made.append(bench.store.open_run(session, handle.run_id))
    return made


@pytest.fixture(autouse=True)
def echoing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_SCRIPT", json.dumps({"echo": True}))


async def test_one_thing_is_changed_and_everything_else_stays(bench: Workbench) -> None:
    session, record = await ran(bench)
    (made,) = await again(bench, session, record, Changes(variables={"what": "snow"}))
    assert made.result.text == "Say snow in short."
    assert (made.request.parent, made.request.changed) == (record.request.id, ("variables.what",))
    assert made.request.params == record.request.params
    found = compare_runs(record, made)
    changed = [(item.name, item.before, item.after) for item in found.inputs]
    assert changed == [("variables.what", "雨", "snow"), ("prompt", "Say 雨 in short.", "Say snow in short.")]
    for kind, text in (("right", record.result.text), ("left", made.result.text)):
        assert "".join(part.text for part in found.parts if part.kind != kind) == text
    assert ("tokens", "tokens", 4, 4) in [(delta.name, delta.unit, delta.before, delta.after) for delta in found.deltas]


async def test_a_value_set_to_what_it_was_is_no_change(bench: Workbench) -> None:
    session, record = await ran(bench)
    (same,) = await again(bench, session, record, Changes(variables={"what": "雨"}, params={"temperature": 0.7}))
    assert same.request.changed == ()
    (other,) = await again(bench, session, record, Changes(params={"temperature": 0.1, "top_k": 5}))
    assert other.request.changed == ("params.temperature", "params.top_k")


async def test_another_engine_or_model_is_chosen_and_named_and_rare_parameters_stay(
    bench: Workbench, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    write_tiny(tmp_path / "models" / "tiny.gguf")
    write_tiny(tmp_path / "models" / "other.gguf", layers=1)
    document = parse_document(SOURCE, path="templates/say.j2")
    rare = {"seed": 3, "max_tokens": 5, "stop": ["\n\n", "|"], "logit_bias": {"a": 2.5}, "n_ctx": 128}
    spec = RunSpec(document, {"what": "a", "how": "b"}, model="tiny", engine="llamacpp", params=rare)
    handle = bench.start_run(spec)
    async for _ in handle.events():
        pass
    assert handle.session is not None
    record = bench.store.open_run(handle.session, handle.run_id)
    (same,) = await again(bench, handle.session, record, Changes())
    assert (same.request.changed, same.request.params) == ((), record.request.params)
    (model,) = await again(bench, handle.session, record, Changes(model="other"))
    assert (model.request.changed, model.request.model.file) == (("model",), "other.gguf")
    (engine,) = await again(bench, handle.session, record, Changes(engine="scripted"))
    assert engine.request.changed == ("model", "engine")
    (sized,) = await again(bench, handle.session, record, Changes(params={"n_ctx": 64}))
    assert sized.request.changed == ("params.n_ctx",)


async def test_n_times_takes_the_seeds_that_follow(bench: Workbench) -> None:
    session, record = await ran(bench)
    assert seed_list(record, 1) == ()
    assert seed_list(record, 1, 3) == (3,)
    made = await again(bench, session, record, Changes(seeds=seed_list(record, 3)))
    assert [item.request.params.seed for item in made] == [7, 8, 9]
    assert [item.request.changed for item in made] == [(), ("params.seed",), ("params.seed",)]
    with pytest.raises(UsageError):
        seed_list(record, 0)


async def test_the_stored_template_counts_not_the_file_of_today(bench: Workbench) -> None:
    session, record = await ran(bench)
    (bench.workspace.templates / "say.j2").write_text("Sing {{ what }} in {{ how }}!")
    (stored,) = await again(bench, session, record, Changes(variables={"how": "long"}))
    assert stored.result.text == "Say 雨 in long."
    (new,) = await again(bench, session, record, Changes(template=bench.load_template("say")))
    assert (new.result.text, new.request.changed) == ("Sing 雨 in short!", ("template",))


async def test_the_lineage_is_a_tree_from_the_first_ancestor(bench: Workbench) -> None:
    session, record = await ran(bench)
    (child,) = await again(bench, session, record, Changes(variables={"what": "a"}))
    (grandchild,) = await again(bench, session, child, Changes(params={"seed": 8}))
    verified = await Verifier(bench, session, record.request.id).run()
    root = lineage(bench.store, grandchild.request.id)
    assert [(depth, node.run_id, node.changed) for depth, node in root.walk()] == [
        (0, record.request.id, ()),
        (1, child.request.id, ("variables.what",)),
        (2, grandchild.request.id, ("params.seed",)),
        (1, verified.verify_id, ()),
    ]
    assert [node.verifies for node in root.children] == [False, True]
    for end in ("toml", "jsonl"):
        (session.dir / "runs" / f"{record.request.id}.{end}").unlink()
    gone = lineage(bench.store, child.request.id)
    assert (gone.run_id, gone.head, len(gone.children)) == (record.request.id, None, 2)


async def test_runs_that_name_each_other_as_parents_end(bench: Workbench) -> None:
    session, record = await ran(bench)
    (child,) = await again(bench, session, record, Changes(variables={"what": "a"}))
    path = session.dir / "runs" / f"{record.request.id}.toml"
    path.write_text(path.read_text().replace('app = "', f'parent = "{child.request.id}"\napp = "', 1))
    assert len(list(lineage(bench.store, record.request.id).walk())) == 2


async def test_versions_of_a_template_are_those_that_were_run(bench: Workbench, tmp_path: Path) -> None:
    session, first = await ran(bench, "One\r\n{{ what }}\nend")
    await ran(bench, "One\r\n{{ what }}\nend", session)
    _, last = await ran(bench, "One\r\n{{ how }}\nend")
    for name in ("say", "say.j2", "templates/say.j2"):
        found = versions(bench.store, name)
        assert [(item.runs, item.source, item.sha256) for item in found] == [
            (1, "One\r\n{{ how }}\nend", last.request.template.sha256),
            (2, "One\r\n{{ what }}\nend", first.request.template.sha256),
        ]
    assert (found[1].first_seen, found[0].last_run) == (first.request.created, last.request.id)
    assert versions(bench.store, "other") == []
    changed = [(part.kind, part.text) for part in version_diff(found[1], found[0]) if part.kind != "same"]
    assert changed == [("left", "{{ what }}\n"), ("right", "{{ how }}\n")]
    version = find_version(bench.store, "say", found[1].sha256[:8])
    restore_to(version, tmp_path / "back.j2")
    assert (tmp_path / "back.j2").read_bytes() == b"One\r\n{{ what }}\nend"
    with pytest.raises(UsageError, match="already"):
        restore_to(version, tmp_path / "back.j2")
    for wrong in ("", "ff", "0" * 12):
        with pytest.raises(UsageError):
            find_version(bench.store, "say", wrong)


async def test_the_commands(bench: Workbench) -> None:
    session, record = await ran(bench)
    root, run_id = bench.workspace.root, record.request.id
    script = {"echo": True}
    done = cli("sessions", "rerun", run_id, "--set", "what=snow", "--n", "2", cwd=root, script=script)
    assert done.returncode == 0, done.stderr
    assert "[-雨-]{+snow+}" in done.stdout.decode()
    as_json = cli("sessions", "rerun", run_id, "--param", "top_k=3", "--format", "json", cwd=root, script=script)
    (made,) = json.loads(as_json.stdout)
    assert (made["changed"], made["parent"], made["text"]) == (["params.top_k"], run_id, record.result.text)
    tree = cli("sessions", "history", run_id, cwd=root).stdout.decode().splitlines()
    assert [line.split()[-1] for line in tree[1:]] == ["variables.what", "params.seed", "params.top_k"]
    version = record.request.template.sha256
    listed = cli("sessions", "history", "say", cwd=root).stdout.decode()
    assert version[:12] in listed
    restored = cli("sessions", "history", "say", "--restore", version[:8], cwd=root)
    assert restored.stdout.decode() == SOURCE
    by_hash = cli("sessions", "rerun", run_id, "--template", version[:8], "--format", "json", cwd=root, script=script)
    assert json.loads(by_hash.stdout)[0]["changed"] == []
    slip = cli("sessions", "history", "sya", cwd=root)
    assert (slip.returncode, slip.stdout) == (2, b"")
    assert b"there is no template 'sya'" in slip.stderr
    wrong = cli("sessions", "history", "say", "--diff", "abc", cwd=root)
    assert (wrong.returncode, session.dir.is_dir()) == (2, True)


async def test_a_run_that_is_not_saved_does_not_say_where_it_is(bench: Workbench) -> None:
    session, record = await ran(bench)
    words = ("sessions", "rerun", record.request.id, "--seed", "8", "--no-save")
    done = cli(*words, cwd=bench.workspace.root, script={"echo": True})
    assert (done.returncode, b"not saved" in done.stderr, b"saved as" in done.stderr) == (0, True, False)
    assert [info.id for info in bench.store.runs(session)] == [record.request.id]


async def test_messages_that_came_without_a_template_are_run_again_as_they_are(bench: Workbench) -> None:
    said: list[tuple[Literal["system", "user", "assistant"], str]] = [
        ("system", "Be {brief|long}.\n"),
        ("user", " {{ what }} {% if %} 東\n"),
        ("assistant", "No"),
        ("user", "Why?"),
    ]
    messages = [Message(role, text) for role, text in said]
    run_id = new_ulid()
    before, result = foreign_run(
        source="llm", run_id=run_id, moment=None, model="gpt-9", messages=messages, text="Because."
    )
    session = bench.store.new_session("imported")
    write_run(bench.store, session, before, result)
    record = bench.store.open_run(session, run_id)
    (made,) = await again(bench, session, record, Changes(engine="scripted"))
    assert [(item.role, item.content) for item in made.request.prompt.messages] == said
    assert made.result.status == "finished"
    assert not [name for name in made.request.changed if name.startswith(("variables", "template", "prompt"))]
    (once_more,) = await again(bench, session, made, Changes())
    assert (once_more.request.prompt, once_more.request.changed) == (made.request.prompt, ())
    with pytest.raises(ModelError) as raised:
        await again(bench, session, record, Changes())
    assert "--model NAME" in raised.value.hint
    found = await Verifier(bench, session, run_id).run()
    assert f"sessions rerun {run_id} --model NAME" in found.hint
