"""Fetching from plain addresses: whole and verified or not at all, through cuts, stops, lies and full disks."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from http.client import HTTPMessage
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.clitool import cli
from tests.fileserver import Plan, serving
from tests.gguf_bytes import TENSORS, Gguf, Tensor
from workbench.engine.catalog_file import find_listed, load_catalog, parse_catalog
from workbench.engine.download import FetchCancelled, FetchProgress
from workbench.engine.fetch_http import Redirects, Source, source_of
from workbench.engine.fetch_url import fetch_url, unfinished
from workbench.engine.shelf import entry_of
from workbench.engine.verify import verify_model
from workbench.error import ModelError, NetworkError, StorageError, UsageError, WorkbenchError

DATA = Gguf(
    tensors=(
        *TENSORS,
        Tensor("a.weight", (1 << 18,), 0, bytes=1 << 20),
    )
).bytes()
SHA256 = hashlib.sha256(DATA).hexdigest()


def nothing(_progress: FetchProgress) -> None:
    """For fetches whose progress does not matter."""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[Plan]:
    with serving(files={"m.gguf": DATA}) as plan:
        yield plan


def left(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir()) if folder.exists() else []


def test_a_file_gets_its_name_when_it_is_right(server: Plan, tmp_path: Path) -> None:
    steps: list[FetchProgress] = []
    source = source_of(f"{server.url}/folder/m.gguf?download=true", sha256=SHA256.upper())
    path = fetch_url(source, tmp_path / "models", on_progress=steps.append)
    assert path.read_bytes() == DATA
    assert left(path.parent) == ["m.gguf"]
    assert [step.phase for step in steps if step.phase != steps[0].phase][-1] == "done"
    assert steps[-1].done == steps[-1].total == len(DATA)
    assert verify_model(entry_of(path), on_progress=nothing).against == "source"
    asked = len(server.asked)
    assert fetch_url(source, tmp_path / "models", on_progress=nothing) == path
    assert len(server.asked) == asked
    sent = {name.lower() for name in server.asked[0]}
    assert sent <= {"host", "user-agent", "accept-encoding", "connection"}


def test_a_connection_that_breaks_goes_on_where_it_stopped(server: Plan, tmp_path: Path) -> None:
    server.cuts = [300_000, 300_000]
    path = fetch_url(source_of(f"{server.url}/m.gguf", sha256=SHA256), tmp_path, on_progress=nothing)
    assert path.read_bytes() == DATA
    assert [request.get("Range", "") for request in server.asked] == ["", "bytes=300000-", "bytes=600000-"]


def test_a_pause_keeps_what_came_and_the_next_call_goes_on(server: Plan, tmp_path: Path) -> None:
    source, stop = source_of(f"{server.url}/m.gguf", sha256=SHA256), threading.Event()

    def pause(step: FetchProgress) -> None:
        if step.done > 500_000:
            stop.set()

    with pytest.raises(FetchCancelled):
        fetch_url(source, tmp_path, on_progress=pause, cancel=stop)
    assert left(tmp_path) == [".fetch-m"]
    assert unfinished(tmp_path) == [(source, len(DATA))]
    assert fetch_url(source, tmp_path, on_progress=nothing).read_bytes() == DATA
    assert int(server.asked[-1]["Range"].removeprefix("bytes=").rstrip("-")) > 500_000
    assert left(tmp_path) == ["m.gguf"]


def test_a_fetch_whose_address_is_not_kept_is_not_offered_again(server: Plan, tmp_path: Path) -> None:
    source, stop = source_of(f"{server.url}/m.gguf?token=secret", sha256=SHA256), threading.Event()
    with pytest.raises(FetchCancelled):
        fetch_url(source, tmp_path, on_progress=lambda step: stop.set() if step.done else None, cancel=stop)
    assert left(tmp_path) == [".fetch-m"]
    assert unfinished(tmp_path) == []
    for broken in ("{ not json", "[]", '{"url": 3}', '{"url": "https://h/x.gguf", "file": "../x.gguf"}'):
        (tmp_path / ".fetch-m" / "state.json").write_text(broken)
        assert unfinished(tmp_path) == []


def test_a_stop_does_not_wait_for_a_server_that_says_nothing(server: Plan, tmp_path: Path) -> None:
    server.cuts, server.stall, stop = [1000], threading.Event(), threading.Event()

    def pause(step: FetchProgress) -> None:
        if step.done == 1000:
            threading.Timer(0.05, stop.set).start()

    with pytest.raises(FetchCancelled):
        fetch_url(source_of(f"{server.url}/m.gguf", sha256=SHA256), tmp_path, on_progress=pause, cancel=stop)
    assert not server.stall.is_set()


def test_a_file_that_changed_on_the_server_is_fetched_anew(server: Plan, tmp_path: Path) -> None:
    source, stop = source_of(f"{server.url}/m.gguf", sha256=SHA256), threading.Event()
    server.files["m.gguf"], server.cuts = DATA[:-1] + b"?", [400_000]
    with pytest.raises(FetchCancelled):
        fetch_url(source, tmp_path, on_progress=lambda step: stop.set() if step.done else None, cancel=stop)
    server.files["m.gguf"] = DATA
    assert fetch_url(source, tmp_path, on_progress=nothing).read_bytes() == DATA
    assert server.asked[-1]["Range"]


def test_a_crash_never_joins_two_versions(server: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, stop = source_of(f"{server.url}/m.gguf"), threading.Event()
    server.files["m.gguf"], server.cuts = DATA[:100] + b"?" + DATA[101:], [400_000]
    with pytest.raises(FetchCancelled):
        fetch_url(source, tmp_path, on_progress=lambda step: stop.set() if step.done else None, cancel=stop)
    server.files["m.gguf"] = DATA

    def crash(path: object, *_args: object) -> None:
        raise SystemExit(str(path))

    # The changed file has been answered and noted, none of its bytes is written yet.
    with monkeypatch.context() as broken:
        broken.setattr("workbench.engine.fetch_url.open", crash, raising=False)
        with pytest.raises(SystemExit, match="part"):
            fetch_url(source, tmp_path, on_progress=nothing)
    assert fetch_url(source, tmp_path, on_progress=nothing).read_bytes() == DATA


def test_a_server_that_breaks_off_again_and_again_is_given_up(server: Plan, tmp_path: Path) -> None:
    server.cuts = [1000, 1000]
    server.ranges = False
    server.files["m.gguf"] = DATA

    def only_cuts(step: FetchProgress) -> None:
        server.cuts = server.cuts or [1000]

    with pytest.raises(NetworkError, match="broke off after 1 kB"):
        fetch_url(source_of(f"{server.url}/m.gguf", sha256=SHA256), tmp_path, on_progress=only_cuts)


@pytest.mark.parametrize("trouble", ["no ranges", "no mark"])
def test_a_server_that_cannot_resume_sends_it_all_again(server: Plan, tmp_path: Path, trouble: str) -> None:
    server.ranges, server.etag = trouble != "no ranges", trouble != "no mark"
    server.cuts = [700_000]
    path = fetch_url(source_of(f"{server.url}/m.gguf", sha256=SHA256), tmp_path, on_progress=nothing)
    assert path.read_bytes() == DATA


class Case(NamedTuple):
    settings: dict[str, object]
    source: dict[str, object]
    error: type[WorkbenchError]
    words: str


LIES = [
    Case({}, {"sha256": "0" * 64}, NetworkError, "its hash differs"),
    Case({}, {"sha256": "", "md5": "0" * 32}, NetworkError, "its hash differs"),
    Case({}, {"bytes": 77}, NetworkError, "77 were expected"),
    Case({"status": 404}, {}, NetworkError, "answered 404"),
    Case({"status": 403}, {}, NetworkError, "answered 403"),
    Case({"status": 503}, {}, NetworkError, "answered 503"),
    Case({"no_length": True}, {}, NetworkError, "does not say how large"),
    Case({"headers": {"Content-Encoding": "gzip"}}, {}, NetworkError, "packs the file"),
    Case({"redirect": "file:///etc/passwd"}, {}, NetworkError, "answered 302"),
    Case({"files": {"m.gguf": b"<html>log in</html>" * 9}}, {"sha256": ""}, ModelError, "web page"),
    Case({"files": {"m.gguf": b"<html>log in</html>" * 9}}, {}, NetworkError, "web page"),
    Case({"headers": {"Content-Length": str(10**15)}}, {}, UsageError, "1000.0 TB, more than the 1.1 TB allowed"),
    Case({"files": {"m.gguf": DATA[:-100]}}, {"sha256": ""}, ModelError, "cut short"),
]


@pytest.mark.parametrize("case", LIES, ids=lambda case: case.words)
def test_what_is_wrong_is_said_and_nothing_is_installed(case: Case, tmp_path: Path) -> None:
    with serving(**{"files": {"m.gguf": DATA}, **case.settings}) as plan:
        source = Source(**{"url": f"{plan.url}/m.gguf", "file": "m.gguf", "sha256": SHA256, **case.source})  # type: ignore[arg-type]
        with pytest.raises(case.error, match=case.words) as caught:
            fetch_url(source, tmp_path, on_progress=nothing)
    assert caught.value.hint
    assert left(tmp_path) in ([], [".fetch-m"])
    assert not list(tmp_path.rglob("part"))


def test_a_redirect_is_followed(server: Plan, tmp_path: Path) -> None:
    server.redirect = f"{server.url}/moved/m.gguf"
    assert fetch_url(source_of(f"{server.url}/m.gguf", sha256=SHA256), tmp_path, on_progress=nothing).exists()


def test_no_redirect_leads_from_https_to_http() -> None:
    request = urllib.request.Request("https://models.example/m.gguf")
    with pytest.raises(NetworkError, match="from https to http"):
        Redirects().redirect_request(request, io.BytesIO(), 302, "", HTTPMessage(), "http://models.example/m.gguf")


def test_space_and_size_are_checked_before_a_byte_is_kept(
    server: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(f"{server.url}/m.gguf", sha256=SHA256)
    with pytest.raises(UsageError, match="allowed"):
        fetch_url(source, tmp_path, on_progress=nothing, largest=1000)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("workbench.engine.fetch_url.shutil.disk_usage", lambda _path: usage._replace(free=1000))
    with pytest.raises(StorageError, match="are free"):
        fetch_url(source, tmp_path, on_progress=nothing)
    assert not list(tmp_path.rglob("part"))


def test_another_file_of_that_name_is_not_overwritten(server: Plan, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"mine")
    with pytest.raises(UsageError, match="another file"):
        fetch_url(source_of(f"{server.url}/m.gguf", sha256=SHA256), tmp_path, on_progress=nothing)
    assert (tmp_path / "m.gguf").read_bytes() == b"mine"


def test_nobody_there_is_a_network_error(tmp_path: Path) -> None:
    with serving() as plan:
        url = plan.url
    with pytest.raises(NetworkError, match="no connection to 127"):
        fetch_url(source_of(f"{url}/m.gguf", sha256=SHA256), tmp_path, on_progress=nothing)


@pytest.mark.parametrize(
    "url",
    ["ftp://h/m.gguf", "file:///m.gguf", "https:///m.gguf", "https://h/m.bin", "https://h/..%2Fm.gguf", "https://h/",
     "https://h/.m.gguf", "https://user:secret@h/m.gguf"],
)  # fmt: skip
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(UsageError):
        source_of(url)


LIST = [
    {"name": "Little", "filename": "m.gguf", "filesize": str(len(DATA)), "md5sum": hashlib.md5(DATA).hexdigest(),
     "ramrequired": "4", "parameters": "1 million", "quant": "q4_0", "description": "<ul><li>Quick &amp; small</ul>"},
    {"name": "Sure", "filename": "s.gguf", "filesize": "5", "md5sum": "0" * 32, "sha256sum": SHA256,
     "url": "https://models.example/s.gguf"},
    {"name": "Bad", "filename": "../bad.gguf", "filesize": "5", "md5sum": "0" * 32},
    {"name": "No hash", "filename": "n.gguf", "filesize": "5"},
    {"name": "No size", "filename": "n.gguf", "filesize": "many", "md5sum": "0" * 32},
    {"name": "Odd", "filename": ["x"], "filesize": {}, "md5sum": None}, "nonsense", None,
]  # fmt: skip


def test_a_list_of_gpt4all_is_read_and_what_makes_no_sense_is_left_out() -> None:
    entries = parse_catalog(json.dumps(LIST))
    assert [entry.title for entry in entries] == ["Little", "Sure"]
    assert entries[0].source.url == "https://gpt4all.io/models/gguf/m.gguf"
    assert entries[0].description == "Quick & small"
    assert (entries[1].source.sha256, entries[1].source.bytes) == (SHA256, 5)
    assert find_listed("little", entries) is find_listed("m", entries)
    with pytest.raises(UsageError, match="no model 'smalll'"):
        find_listed("smalll", entries)
    for text in ("{", "{}", "[" * 100_000):
        with pytest.raises(UsageError):
            parse_catalog(text)


def test_a_list_and_its_models_come_from_an_address(server: Plan, tmp_path: Path) -> None:
    server.files["models3.json"] = json.dumps([{**LIST[0], "url": f"{server.url}/m.gguf"}]).encode()  # type: ignore[dict-item]
    place = f"{server.url}/models3.json"
    assert [entry.id for entry in load_catalog(place)] == ["m"]
    listed = cli("models", "list", "--catalog", place, cwd=tmp_path)
    assert b"Quick & small" in listed.stdout
    assert b"md5" in listed.stdout
    got = cli("models", "get", "--catalog", place, "Little", "--models", str(tmp_path / "new"), cwd=tmp_path)
    assert got.stdout.decode().strip() == str(tmp_path / "new" / "m.gguf")
    with pytest.raises(NetworkError, match="answered 404"):
        load_catalog(f"{server.url}/none.json")
    with pytest.raises(UsageError, match="there is no list"):
        load_catalog("nowhere.json")


def test_get_by_address_wants_a_hash(server: Plan, tmp_path: Path) -> None:
    words = ("models", "get", f"{server.url}/m.gguf", "--models", str(tmp_path / "new"))
    refused = cli(*words, cwd=tmp_path)
    assert (refused.returncode, b"which sha256" in refused.stderr) == (2, True)
    assert cli(*words, "--sha256", "0" * 64, cwd=tmp_path).returncode == 7
    assert cli(*words, "--sha256", SHA256, cwd=tmp_path).returncode == 0
    assert cli(*words, "--sha256", "none", cwd=tmp_path).returncode == 0
    assert b"smollm2-135m" in cli("models", "list", "--catalog", cwd=tmp_path).stdout
