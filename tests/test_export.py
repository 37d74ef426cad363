"""Exports: the bytes of each format, and hostile texts in all of them."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.clitool import golden
from tests.conftest import REPO
from tests.runtool import pieces, request, result
from workbench import __version__
from workbench.cli.sessions_export import FORMATS as CLI_FORMATS
from workbench.display import display
from workbench.error import UsageError
from workbench.record import Message, Prompt
from workbench.session.export import FORMATS, ExportOptions, ExportRun, export
from workbench.session.info import RunRecord, Session
from workbench.session.reader import RecordingView

# Each of these has been an escape somewhere: formulas, fences, tags, CDATA, titles, clearing, direction, front matter.
HOSTILE = '=1+1\n```\n</pre></script><img src=x onerror=alert(1)>]]>\n````\n\x1b]0;x\x07\x1b[2J\u202eevil\r\n+++\n"""\n'
SESSION = Session(
    Path("20261125T195612Z-tone-7k3f"), "01KBXS3GCSGG000000000000AA", "Tone | *of* <voice>", "2026-11-25T19:56:12.345Z"
)
FILES = {"markdown": "md", "html": "html", "csv": "csv", "cast": "cast", "json": "json", "jsonl": "jsonl"}


def run(text: str = "In 東京 it rains.\n", *, number: int = 1, rating: int = 5, **more: Any) -> ExportRun:
    """A run that never was on a disk, with a recording of three pieces."""
    view = RecordingView(pieces=pieces([text[:4], text[4:9], text[9:]]), marks=[(20, "look")])
    run_id = f"01KBXS3GCSGG00000000{number:06d}"
    record = RunRecord(request(id=run_id, **more), result(text))
    return ExportRun(run_id, SESSION, record, rating, True, "good\nenough", lambda: view)


def exported(form: str, runs: Iterable[ExportRun], **options: Any) -> str:
    return "".join(export(runs, form, ExportOptions(environment={}, **options)))


def test_the_command_offers_every_format() -> None:
    assert tuple(FORMATS) == CLI_FORMATS
    with pytest.raises(UsageError, match="unknown format"):
        exported("word", [])


@pytest.mark.parametrize("form", FILES)
def test_each_format_gives_the_stored_bytes(form: str) -> None:
    runs = [run(), run(HOSTILE, number=2, prompt=Prompt("text", HOSTILE, model_text=HOSTILE))]
    text = exported(form, runs, events=True, idle=0.005).replace(__version__, "VERSION")
    # Every new sampling value would change it.
    text = re.sub(r'"params":\{.*?\}', '"params":{}', text)
    golden(f"export.{FILES[form]}", text.encode())


def test_training_data_takes_what_was_rated_well() -> None:
    said: list[str] = []
    runs = [run("best", number=1), run("fair", number=2, rating=3), run("none", number=3, rating=0)]
    question = {"role": "user", "content": "Say 雨."}
    chats = [json.loads(line) for line in exported("chat", runs, note=said.append).splitlines()]
    assert chats == [{"messages": [question, {"role": "assistant", "content": "best"}]}]
    assert len(exported("chat", runs, min_rating=3).splitlines()) == 2
    pairs = [json.loads(line) for line in exported("pairs", runs, note=said.append).splitlines()]
    chosen, rejected = ([{"role": "assistant", "content": text}] for text in ("best", "fair"))
    assert pairs == [{"prompt": [question], "chosen": chosen, "rejected": rejected}]
    assert said == [
        "2 runs rated below 4 or not at all left out",
        "1 run without an end, or with neither rating nor vote, left out",
    ]


def test_raw_prompts_pair_as_texts_and_other_prompts_never() -> None:
    raw, other = (Prompt("text", text, model_text=text) for text in ("Once", "Twice"))
    runs = [run(f"a{rating}", number=rating, rating=rating, prompt=raw) for rating in (1, 3, 3)]
    runs[1] = run("b", number=9, rating=2, prompt=other)
    (pair,) = exported("pairs", runs).splitlines()
    assert json.loads(pair) == {"prompt": "Once", "chosen": "a3", "rejected": "a1"}


# -- hostile texts ---------------------------------------------------------------------------------------------


def hostile_texts() -> list[str]:
    lines = (REPO / "tests/data/escapes.jsonl").read_text(encoding="utf-8").splitlines()
    return [*(json.loads(line)["text"] for line in lines), HOSTILE, "~~~\n`````x\n", "\ud800 half", "", "\n\n"]


def hostile_run(text: str, number: int) -> ExportRun:
    prompt = Prompt("messages", messages=(Message("system", text), Message("user", text)))
    base = run(text, number=number, prompt=prompt, variables={text: text})
    session = Session(SESSION.dir, SESSION.id, text, SESSION.created, tags=(text,), note=text)
    return ExportRun(base.id, session, base.record, 5, False, text, base.recording)


CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff]")


def test_hostile_texts_stay_within_their_fences() -> None:
    for number, text in enumerate(hostile_texts()):
        page = exported("markdown", [hostile_run(text, number)])
        assert not CONTROL.search(page)
        front, _, body = page.removeprefix("+++\n").partition("\n+++\n")
        assert tomllib.loads(front)["rating"] == 5
        outside, inside, fence = [], [], ""
        for line in body.split("\n"):
            if fence:
                fence = "" if line == fence else fence
                inside.append(line)
            elif found := re.match(r"(`{3,})(?:toml)?$", line):
                fence = found[1]
            else:
                outside.append(line)
        assert not fence
        assert all(re.match(r"$|#{1,3} |Note:$", line) for line in outside), text
        assert "\n".join(inside).count(display(text.replace("\r\n", "\n")).strip("\n")) >= 4


class Page(HTMLParser):
    """Tags and attributes that are there, and the texts of ``pre``."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.texts: list[str] = []
        self.open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(f"{tag}.{name}" for name, _ in attrs)}
        self.open = tag
        if tag == "pre":
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open == "pre":
            self.texts[-1] += data


def test_hostile_texts_stay_text_on_the_page() -> None:
    texts = hostile_texts()
    page = exported("html", [hostile_run(text, number) for number, text in enumerate(texts)])
    assert not CONTROL.search(page)
    parsed = Page()
    parsed.feed(page)
    parsed.close()
    assert parsed.seen <= {
        *("html", "html.lang", "head", "meta", "meta.charset", "meta.http-equiv", "meta.content", "meta.name", "title"),
        *("style", "body", "h1", "h2", "h3", "article", "article.id", "pre", "dl", "dt", "dd", "footer"),
    }
    assert "default-src &#x27;none&#x27;" in page
    shown = [display(text.replace("\r\n", "\n")) for text in texts]
    found = [text.removeprefix("\n") for text in parsed.texts]
    assert found[-4:] == [shown[-1]] * 4
    assert all(text in found for text in shown)


def test_a_cast_cannot_steer_a_terminal() -> None:
    runs = [hostile_run(text, number) for number, text in enumerate(hostile_texts())]
    head, *events = (json.loads(line) for line in exported("cast", runs).splitlines())
    assert (head["version"], head["width"], head["height"]) == (2, 80, 24)
    assert not CONTROL.search(head["title"])
    for _, kind, data in events:
        assert kind == "o"
        assert not CONTROL.search(data.replace("\r\n", "\n"))
    times = [event[0] for event in events]
    assert times == sorted(times)


def test_a_cast_has_true_times_or_short_waits() -> None:
    def times(**options: float) -> list[float]:
        return [json.loads(line)[0] for line in exported("cast", [run()], **options).splitlines()[1:]]

    # The heading; pieces at 10, 17 and 24 ms; the end at 300 ms.
    assert times() == [0.0, 0.01, 0.017, 0.024, 0.3]
    assert times(idle=0.008) == [0.0, 0.008, 0.015, 0.022, 0.03]


def test_cells_are_exact_but_for_formulas() -> None:
    texts, said = hostile_texts(), list[str]()
    csv.field_size_limit(1 << 24)
    runs = [hostile_run(text, number) for number, text in enumerate(texts)]
    head, *rows = csv.reader(io.StringIO(exported("csv", runs, raw=True), newline=""))
    whole = [re.sub("[\ud800-\udfff]", "\ufffd", text) for text in texts]
    assert [row[head.index("output")] for row in rows] == whole
    guarded = list(csv.reader(io.StringIO(exported("csv", runs, note=said.append), newline="")))[1:]
    cells = [cell for row in guarded for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert f"'{HOSTILE}" in cells
    assert "--raw" in said[0]


def test_data_lines_hold_any_text_on_one_line() -> None:
    texts = hostile_texts()
    lines = exported("jsonl", [hostile_run(text, number) for number, text in enumerate(texts)]).split("\n")
    assert lines.pop() == ""
    for line, text in zip(lines, texts, strict=True):
        assert len(line.splitlines()) == 1
        stored = json.loads(line)["result"]["text"]
        assert (json.loads(stored["json"]) if isinstance(stored, dict) else stored) == text
