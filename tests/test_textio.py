"""Files that are never half written, and TOML that gives every text back."""

from __future__ import annotations

import errno
import os
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faultdisk import FaultDisk
from workbench.error import ConfigError, StorageError
from workbench.textio import atomic_write, read_text, toml_dumps, toml_loads

NASTY = "\r\n\t \"\\'\x00\x1b\x7f\x85\xa0\xad\u200b\u200d\u202e\u2028\u3000\ufeff\U000e0041<=>#{}[]東👩a"
TEXTS = st.text() | st.text(alphabet=NASTY)


@given(TEXTS, TEXTS)
def test_toml_gives_every_text_back(key: str, text: str) -> None:
    data = {"plain": text, "table": {key: text, "more": [text, {"deep": text}]}, "rows": [{"a": text}] * 2}
    assert tomllib.loads(toml_dumps(data)) == data


@given(TEXTS)
def test_toml_survives_editors_and_git(text: str) -> None:
    """What strips line ends, turns LF into CRLF, or puts a mark in front changes nothing."""
    written = toml_dumps({"text": text})
    stripped = "\n".join(line.rstrip() for line in written.split("\n"))
    for changed in (stripped, stripped.replace("\n", "\r\n")):
        assert tomllib.loads(changed) == {"text": text}


@given(TEXTS)
def test_toml_is_safe_to_print(text: str) -> None:
    written = toml_dumps({"k" + text: text})
    assert not set(written) & set("\r\x00\x1b\x7f\x85\xad\u200b\u202e\u2028\ufeff\U000e0041")


def test_toml_looks_as_people_would_write_it() -> None:
    written = toml_dumps(
        {
            "format": 1,
            "created": datetime(2026, 11, 25, 19, 56, 12, 345000, tzinfo=UTC),
            "result": {"status": "finished", "text": 'Say "hi".\n東京 👩‍💻\n'},
        }
    )
    assert written == (
        "format = 1\ncreated = 2026-11-25T19:56:12.345Z\n\n"
        '[result]\nstatus = "finished"\ntext = """\nSay "hi".\n東京 👩‍💻\n"""\n'
    )


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    assert tomllib.loads(toml_dumps({"a": "x\ud800y"})) == {"a": "x�y"}


@pytest.mark.parametrize("text", ["a = ", "a = 1\nb = [", "[" * 50_000, "a = 1\na = 2", "a = 9" + "9" * 5000])
def test_broken_toml_is_a_config_error_with_the_file(text: str) -> None:
    with pytest.raises(ConfigError, match=r"themes/dark\.toml"):
        toml_loads(text, file="themes/dark.toml")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a" + ".b" * 100_000 + " = 1", 1),
        ("x = 1\n[a" + ' . "b"' * 100_000 + "]", 2),
        ('x = {y = """\na""""", ' + "a" + ".b" * 100_000 + " = 1}", 2),
        ('x = "' + '\\".' * 100_000, 0),
        ('x = """' + "'." * 100_000, 0),
    ],
    ids=["key", "table", "inline", "open string", "open text"],
)
@pytest.mark.timeout(10)
def test_a_key_of_endless_parts_is_refused_before_it_is_parsed(text: str, line: int) -> None:
    with pytest.raises(ConfigError, match=f"line {line}," if line else "Unterminated|end of document") as caught:
        toml_loads(text, file="run.toml")
    assert caught.value.message.startswith("run.toml: not valid TOML")


@pytest.mark.parametrize(
    "text",
    ["x = [" + "1.5, " * 5000 + "]", "x = '" + "." * 5000 + "'", '"' + "." * 5000 + '" = 1', "# " + "a." * 5000],
)
def test_points_outside_of_keys_are_not_counted(text: str) -> None:
    assert toml_loads(text) == tomllib.loads(text)


def test_all_toml_is_read_by_the_one_guarded_reader(repo: Path) -> None:
    users = [path for path in (repo / "workbench").rglob("*.py") if "tomllib" in path.read_text(encoding="utf-8")]
    loading = [path.name for path in users if "import tomllib" in path.read_text(encoding="utf-8")]
    assert loading == ["textio.py"]


def test_a_new_file_replaces_the_old_one_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    atomic_write(path, "one")
    path.chmod(0o640)
    atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    target = tmp_path / "real.txt"
    target.write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(target)
    atomic_write(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, call: str, code: int) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    disk = FaultDisk({call: code})
    with pytest.raises(StorageError) as caught:
        atomic_write(path, "new" * 1000, disk=disk)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]
    assert disk.opened == disk.closed


def test_a_disk_that_fills_up_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(StorageError, match="disk full"):
        atomic_write(path, "new" * 1000, disk=FaultDisk(space=100))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"\xef\xbb\xbfa\r\nb", "a\nb"), (b"a\xffb", "a�b"), ("東京".encode(), "東京"), (b"", "")],
)
def test_reading_is_tolerant(tmp_path: Path, data: bytes, text: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    assert read_text(path) == text


def test_reading_has_a_limit_and_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 11)
    with pytest.raises(StorageError, match="larger than 10 bytes"):
        read_text(path, limit=10)
    with pytest.raises(StorageError, match="it is not there"):
        read_text(tmp_path / "none")


def test_what_toml_cannot_hold_is_refused() -> None:
    value: Any = object()
    with pytest.raises(TypeError):
        toml_dumps({"a": value})
