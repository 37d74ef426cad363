"""A damaged recording never raises, loses only what was hit, and invents nothing."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runtool import intact, pieces, request, result, started
from workbench.event import Chatter
from workbench.session.journal import RunJournal
from workbench.session.reader import FILE_LIMIT, RecordingView, _Reader, read_recording

TEXTS = [f"tok{index} 東 " for index in range(40)]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A recording with a line for every two pieces."""
    journal = RunJournal.create(tmp_path_factory.mktemp("recorded"), request())
    journal.write(started())
    for piece in pieces(TEXTS):
        journal.write(piece)
        if piece.index % 2:
            journal.flush()
        if piece.index == 20:
            journal.write(Chatter(200, "ggml warning"))
    journal.finish(result("".join(TEXTS)))
    return journal.path.with_suffix(".jsonl").read_bytes()


def read(data: bytes) -> RecordingView:
    view = _Reader().read(io.BytesIO(data))
    # Whatever it is, it can be shown.
    assert isinstance(view.text, str)
    assert isinstance(view.damage, str)
    assert isinstance(intact(view), bool)
    assert view.owner is None or view.owner.pid > 0
    times = [piece.t_ms for piece in view.pieces]
    assert times == sorted(times)
    return view


def nothing_invented(view: RecordingView) -> None:
    assert {piece.text for piece in view.pieces} <= set(TEXTS)


def test_the_whole_one_is_intact(recorded: bytes) -> None:
    view = read(recorded)
    assert intact(view)
    assert (view.damage, view.text) == ("", "".join(TEXTS))


def test_cut_at_every_byte_of_the_last_records(recorded: bytes) -> None:
    lines = recorded.splitlines(keepends=True)
    for cut in range(len(b"".join(lines[:-3])), len(recorded)):
        view = read(recorded[:cut])
        nothing_invented(view)
        whole = recorded[:cut].count(b"\n")
        # A record that is complete but for its line end counts.
        assert len(view.pieces) >= len(read(b"".join(lines[:whole])).pieces)
        assert view.bad_lines <= 1


def test_tails_of_zeros_and_of_noise(recorded: bytes) -> None:
    noise = random.Random(1)
    for cut in range(len(recorded) - 300, len(recorded), 7):
        for tail in (b"\0" * 512, noise.randbytes(512), b"\xff" * 3):
            nothing_invented(read(recorded[:cut] + tail))


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits_lose_only_their_own_lines(recorded: bytes, seed: int) -> None:
    noise = random.Random(seed)
    for _ in range(60):
        data = bytearray(recorded)
        flips = noise.randint(1, 6)
        for _ in range(flips):
            data[noise.randrange(len(data))] ^= 1 << noise.randrange(8)
        view = read(bytes(data))
        # Two pieces a line; a flipped line end takes its neighbour along.
        same = sum(piece.text in TEXTS for piece in view.pieces)
        assert same >= len(TEXTS) - 4 * flips


def test_one_wrong_piece_number_is_not_believed(recorded: bytes) -> None:
    view = read(recorded.replace(b'"n":10,', b'"n":4106,'))
    assert view.missing == 0
    assert view.text == "".join(TEXTS)
    assert read(recorded.replace(b'"n":10,', b'"n":"x",')).text == "".join(TEXTS)


def test_lost_lines_are_counted_where_they_are_missing(recorded: bytes) -> None:
    lines = recorded.splitlines(keepends=True)
    at = next(place for place, line in enumerate(lines) if b'"n":10,' in line)
    view = read(b"".join(lines[:at] + lines[at + 2 :]))
    assert (view.missing, view.gaps[0].place) == (4, 10)
    assert "~4 tokens missing" in view.damage
    assert view.pieces[10].t_ms == pieces(TEXTS)[14].t_ms
    lost_end = read(b"".join([*lines[:-4], lines[-1]]))
    assert lost_end.missing > 0


def test_what_git_and_editors_do(recorded: bytes) -> None:
    text = "".join(TEXTS)
    lines = recorded.splitlines(keepends=True)
    assert intact(read(recorded.replace(b"\n", b"\r\n")))
    assert intact(read(b"\xef\xbb\xbf" + recorded))
    assert intact(read(b"".join(line + b"\n" for line in lines)))
    doubled = read(b"".join([*lines[:9], *lines[5:]]))
    assert (doubled.text, doubled.duplicates, doubled.missing) == (text, 4, 0)
    marked = [*lines[:9], b"<<<<<<< HEAD\n", *lines[9:12], b"=======\n", *lines[9:12], b">>>>>>> b\n", *lines[12:]]
    merged = read(b"".join(marked))
    assert (merged.text, merged.bad_lines, merged.missing) == (text, 3, 0)


def test_glued_lines_give_every_complete_record(recorded: bytes) -> None:
    lines = recorded.splitlines(keepends=True)
    glued = read(b"".join([*lines[:8], lines[8].rstrip(), lines[9], lines[10][:20], *lines[11:]]))
    assert glued.text == read(b"".join([*lines[:10], *lines[11:]])).text
    assert glued.missing == 2


def test_a_torn_first_line_never_gives_a_record_out_of_the_request(tmp_path: Path) -> None:
    """Variables may look like records; they are none."""
    fake = {"k": "o", "n": 0, "t": [1], "s": ["invented"]}
    journal = RunJournal.create(tmp_path, request(variables={"a": fake, "b": [fake, {"k": "end", "n": 1}]}))
    journal.write(pieces(["real"])[0])
    journal.flush()
    journal.abandon()
    data = journal.path.with_suffix(".jsonl").read_bytes()
    head = data.index(b"\n")
    for cut in range(0, head, 3):
        for torn in (data[:cut] + data[head + 1 :], data[cut:], b"\0" * cut + data[cut:]):
            view = read(torn)
            assert view.end is None
            assert "invented" not in view.text


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b'{"k":"o"', b'"n":0', b',"s":["a"]', b"}", b"\n", b"\0"])).map(b"".join)
)
def test_any_bytes_can_be_read(data: bytes) -> None:
    read(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)
RECORDS = st.fixed_dictionaries(
    {"k": st.sampled_from(["run", "s", "o", "p", "e", "x", "end", "new"]) | JSON},
    optional=dict.fromkeys(("v", "n", "at", "t", "s", "w", "d", "part", "req", "res", "pid", "host", "boot"), JSON),
)


@given(st.lists(RECORDS, max_size=6))
def test_any_records_can_be_read(records: list[dict[str, object]]) -> None:
    read("\n".join(json.dumps(record) for record in records).encode())


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"k":' * 100_000,
        b'{"k":"o","s":' + b"[" * 100_000,
        b'{"k":"o","n":' + b"9" * 5000 + b',"s":["a"]}',
        b'{"k":"o","n":1e999,"t":[1e999,-5,NaN],"s":["a","b","c"]}',
        b'{"v":999,"k":"run","req":{"id":"x"}}',
        b"x" * (3 << 20),
    ],
    ids=["deep", "deep-start", "deep-list", "long-number", "endless", "newer", "3-MB-line"],
)
def test_hostile_lines_cost_only_themselves(recorded: bytes, line: bytes) -> None:
    first, rest = recorded.split(b"\n", 1)
    view = read(first + b"\n" + line + b"\n" + rest)
    assert "".join(TEXTS) in view.text
    assert view.head is not None


def test_a_newer_version_is_noticed_and_read_as_far_as_it_goes(recorded: bytes) -> None:
    view = read(recorded.replace(b'{"v":1,', b'{"v":2,', 1).replace(b'{"k":"e"', b'{"k":"new"'))
    assert view.newer
    assert (view.text, view.bad_lines) == ("".join(TEXTS), 0)


def test_a_file_without_end_is_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    with path.open("wb") as file:
        file.write(b'{"k":"o","n":0,"t":[1],"s":["a"]}\n')
        file.truncate(FILE_LIMIT + 10)
    view = read_recording(path)
    assert (view.text, view.truncated) == ("a", True)
