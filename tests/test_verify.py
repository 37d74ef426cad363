"""Verifying: the same again, to the byte, or a word on why not."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.clitool import cli
from tests.serverlab import KEY, KEY_ENV, llamacpp_server
from tests.tiny_model import write_tiny
from workbench.error import ExitCode
from workbench.service import RunSpec, Workbench, open_workbench
from workbench.service.rerun import Changes, rerun
from workbench.service.verify import Check, Verification, Verifier, preflight, verify_session
from workbench.session.store import Session
from workbench.template.document import parse_document
from workbench.workspace import init_workspace, user_config_dir

PIECES = ["In ", "東京", " it ", "rains 👩‍💻", ".\n"]
DOCUMENT = parse_document("Say {{ what }}.", path="templates/say.j2")


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Workbench]:
    init_workspace(tmp_path / "space")
    workbench = open_workbench(tmp_path / "space", model_dirs=[tmp_path / "models"])
    yield workbench
    await workbench.close()


def says(monkeypatch: pytest.MonkeyPatch, pieces: list[str] = PIECES, **more: Any) -> None:
    """What the scripted engine says from now on."""
    monkeypatch.setenv("WORKBENCH_SCRIPT", json.dumps({"pieces": pieces, **more}))


async def ran(bench: Workbench, *, stop_after: int = 0, **more: Any) -> tuple[Session, str]:
    values: dict[str, Any] = {"variables": {"what": "雨"}, "engine": "scripted", "params": {"seed": 7}, **more}
    handle = bench.start_run(RunSpec(DOCUMENT, **values))
    async for _ in handle.events():
        if stop_after and len(handle.text) >= stop_after:
            await handle.cancel()
    assert handle.session is not None
    return handle.session, handle.run_id


async def verified(bench: Workbench, session: Session, run_id: str) -> Verification:
    return await Verifier(bench, session, run_id).run()


def differing(checks: Iterable[Check]) -> list[Check]:
    return [check for check in checks if check.state == "differs"]


async def test_the_same_text_is_identical_and_saved_with_its_parent(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch)
    session, run_id = await ran(bench)
    found = await verified(bench, session, run_id)
    assert (found.verdict, found.repro, found.exit_code) == ("identical", "exact", ExitCode.OK)
    assert found.drift.state == "equal"
    assert {check.state for check in found.checks} == {"equal"}
    again = bench.store.open_run(session, found.verify_id)
    assert (again.request.parent, again.request.changed, again.request.cache) == (run_id, (), "cold")
    assert again.request.prompt == bench.store.open_run(session, run_id).request.prompt


async def test_the_piece_and_both_continuations_are_named_where_they_part(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch)
    session, run_id = await ran(bench)
    says(monkeypatch, [*PIECES[:2], " it snows", "."])
    found = await verified(bench, session, run_id)
    assert (found.verdict, found.exit_code) == ("differs", ExitCode.DIFFERS)
    assert found.difference is not None
    assert (found.difference.piece, found.difference.before) == (2, "In 東京")
    assert (found.difference.recorded, found.difference.now) == (" it rains 👩‍💻.\n", " it snows.")
    assert "piece 2" in found.reason


@pytest.mark.parametrize("now", [PIECES[:3], [*PIECES, "More."], []])
async def test_a_shorter_or_longer_text_differs(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, now: list[str]
) -> None:
    says(monkeypatch)
    session, run_id = await ran(bench)
    says(monkeypatch, now)
    found = await verified(bench, session, run_id)
    assert found.verdict == "differs"
    assert found.difference is not None
    assert found.difference.piece == min(len(now), len(PIECES))
    old, new = "".join(PIECES), "".join(now)
    assert (found.difference.recorded, found.difference.now) == (old[len(new) :], new[len(old) :])


async def test_of_a_cancelled_run_the_beginning_is_compared(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, ["x", "y"], repeat=500, delay_ms=2)
    session, run_id = await ran(bench, stop_after=6)
    found = await verified(bench, session, run_id)
    assert (found.verdict, found.repro) == ("identical", "exact")
    assert "cut short" in found.reason
    assert len(bench.store.open_run(session, found.verify_id).result.text) < 900


async def test_what_cannot_be_repeated_says_so_by_itself(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch)
    session, run_id = await ran(bench)
    path = session.dir / "runs" / f"{run_id}.toml"
    path.write_text(path.read_text().replace('repro = "exact"', 'repro = "none"'))
    found = await verified(bench, session, run_id)
    assert (found.verdict, found.repro, found.verify_id) == ("cannot", "none", "")
    assert "not reproducible by nature" in found.reason
    assert "rerun" in found.hint
    assert found.exit_code == ExitCode.USAGE


async def test_an_engine_that_fails_is_no_verdict(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch)
    session, run_id = await ran(bench)
    says(monkeypatch, fail_at=2, crash="SIGSEGV")
    found = await verified(bench, session, run_id)
    assert found.verdict == "cannot"
    assert "failed" in found.reason


async def test_what_changed_is_named(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch)
    session, run_id = await ran(bench)
    path = session.dir / "runs" / f"{run_id}.toml"
    text = path.read_text()
    version = bench.store.open_run(session, run_id).request.engine_version
    path.write_text(text.replace(f'version = "{version}"', 'version = "0.0.1"').replace("top_k = 40", "top_k = 41"))
    says(monkeypatch, ["Other."])
    found = await verified(bench, session, run_id)
    lines = {check.name: (check.recorded, check.now) for check in differing(found.checks)}
    assert lines["engine"] == ("scripted 0.0.1", f"scripted {version}")
    assert lines["recorded params.top_k"] == ("40", "41")
    assert "engine" in found.reason


async def test_an_edited_text_is_compared_with_the_recording(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch)
    session, run_id = await ran(bench)
    path = session.dir / "runs" / f"{run_id}.toml"
    path.write_text(path.read_text().replace(" it rains", " it snows"))
    found = await verified(bench, session, run_id)
    assert found.verdict == "identical"
    assert [check.note for check in differing(found.checks) if check.name == "text"]


async def test_a_template_that_renders_differently_today_is_drift_not_a_difference(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch)
    session, run_id = await ran(bench)
    path = session.dir / "runs" / f"{run_id}.toml"
    path.write_text(path.read_text().replace("Say {{ what }}.", "Sing {{ what }}!"))
    found = await verified(bench, session, run_id)
    assert found.verdict == "identical"
    assert (found.drift.state, found.drift.before, found.drift.after) == ("differs", "Say 雨.", "Sing 雨!")


async def test_a_changed_model_file_is_named_and_a_missing_one_cannot_run(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    model = write_tiny(tmp_path / "models" / "tiny.gguf")
    session, run_id = await ran(bench, model="tiny", engine="llamacpp", params={"seed": 7, "max_tokens": 6})
    assert (await verified(bench, session, run_id)).verdict == "identical"
    renamed = model.rename(model.with_name("other.gguf"))
    found = await verified(bench, session, run_id)
    assert (found.verdict, [check.name for check in differing(found.checks)]) == ("identical", ["model file"])
    data = bytearray(renamed.read_bytes())
    data[-2000:] = os.urandom(2000)
    model.write_bytes(data)
    renamed.unlink()
    names = {check.name for check in differing(preflight(bench, session, run_id).checks)}
    assert {"model fingerprint", "model sha256"} <= names
    model.unlink()
    lost = await verified(bench, session, run_id)
    assert (lost.verdict, lost.checks[0].name, lost.checks[0].now) == ("cannot", "model file", "missing")


async def test_a_run_on_a_server_goes_to_the_same_address_again(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)
    config = user_config_dir() / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    params = {"temperature": 0, "repeat_penalty": 1, "max_tokens": 6}
    with llamacpp_server(write_tiny(tmp_path / "tiny.gguf", endless=True), n_ctx=256) as url:
        for name, api in (("lab", "auto"), ("talk", "chat")):
            entry = f'[[server]]\nname = "{{}}"\nurl = "{{}}"\nkey_env = "{KEY_ENV}"\napi = "{api}"\n'
            config.write_text(entry.format(name, url))
            asker = open_workbench(bench.workspace.root)
            session, run_id = await ran(asker, model=f"{name}/lab", engine="server", params=params)
            await asker.close()
            # Another server first, and the same one under a new name.
            config.write_text(entry.format("other", "http://127.0.0.1:9/v1") + entry.format("renamed", url))
            asker = open_workbench(bench.workspace.root)
            found = await verified(asker, session, run_id)
            (again,) = rerun(asker, session, asker.store.open_run(session, run_id), Changes())
            async for _ in again.events():
                pass
            await asker.close()
            assert (found.verdict, found.repro, found.reason) == ("identical", "likely", "all 6 pieces are the same")
            assert (found.drift.state, {item.name for item in differing(found.checks)}) == ("equal", {"prompt cache"})
            assert again.request is not None
            assert (again.request.endpoint, again.request.changed) == (url, ())


async def test_a_session_is_verified_without_its_verifications(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch)
    session, first = await ran(bench)
    says(monkeypatch, ["Other."])
    _, second = await ran(bench, session=session)
    begun: list[tuple[int, int, str]] = []

    def begin(number: int, count: int, run_id: str) -> None:
        begun.append((number, count, run_id))

    for _ in range(2):
        begun.clear()
        found = [(item.run_id, item.verdict) async for item in verify_session(bench, session, on_begin=begin)]
        assert found == [(first, "differs"), (second, "identical")]
        assert begun == [(1, 2, first), (2, 2, second)]


def test_the_command_says_verdict_and_exit_code(tmp_path: Path) -> None:
    root = init_workspace(tmp_path / "space").root
    (root / "templates" / "say.j2").write_text("Say rain.")
    words = ("run", "say", "--engine", "scripted", "--session", "mine")
    first: dict[str, Any] = {"pieces": PIECES}
    other: dict[str, Any] = {"pieces": [*PIECES[:3], "snows"]}
    run_id = json.loads(cli(*words, "--format", "json", cwd=root, script=first).stdout)["run"]
    same = cli("sessions", "verify", run_id, cwd=root, script=first)
    assert (same.returncode, same.stdout.decode().splitlines()[0]) == (0, "identical: all 5 pieces are the same")
    parted = cli("sessions", "verify", run_id, "--no-save", cwd=root, script=other)
    assert parted.returncode == 1
    assert "the same until piece 3" in parted.stdout.decode()
    assert "now:       'snows'" in parted.stdout.decode()
    as_json = json.loads(cli("sessions", "verify", run_id, "--format", "json", cwd=root, script=other).stdout)
    assert (as_json["verdict"], as_json["class"], as_json["difference"]["piece"]) == ("differs", "exact", 3)
    cli(*words, cwd=root, script=other)
    table = cli("sessions", "verify", "mine", cwd=root, script=first)
    assert table.returncode == 1
    assert [line.split()[1] for line in table.stdout.decode().splitlines()] == ["VERDICT", "identical", "differs"]
    broken = cli("sessions", "verify", run_id, cwd=root, script={"fail_at": "load"})
    assert broken.returncode == 2


async def test_the_margin_between_the_two_tokens_is_told(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    write_tiny(tmp_path / "models" / "tiny.gguf")
    drawn = {"max_tokens": 6, "top_k": 15, "top_p": 1}
    greedy_session, greedy = await ran(bench, model="tiny", engine="llamacpp", params={**drawn, "top_k": 1})
    likeliest = bench.store.open_run(greedy_session, greedy).result.text
    for seed in range(9):
        other, sampled = await ran(bench, model="tiny", engine="llamacpp", params={**drawn, "seed": seed})
        if bench.store.open_run(other, sampled).result.text[:1] != likeliest[:1]:
            break
    # Edited so that it would now be greedy: the likeliest token comes, and the margin cannot be negative.
    path = other.dir / "runs" / f"{sampled}.toml"
    path.write_text(path.read_text().replace("top_k = 15", "top_k = 1"))
    found = await verified(bench, other, sampled)
    assert found.verdict == "differs"
    assert found.difference is not None
    assert found.difference.piece == 0
    assert found.difference.margin is not None
    assert found.difference.margin.value > 0
    assert likeliest.startswith(found.difference.margin.now)
    told = found.difference.margin.told
    assert f"nats: {found.difference.margin.now!r} is " in told
    assert f"as likely as {found.difference.margin.recorded!r}" in told
    assert "recorded params.top_k" in found.reason
