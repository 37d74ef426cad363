"""Axes: values, joined axes, rows of files, order, and errors that say what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.template.axis import (
    Axis,
    AxisError,
    AxisKind,
    axis_from_table,
    axis_values,
    label,
    ordered,
    parse_axis,
    replace_text,
    total,
)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("int", "10-4 (-3)", [10, 7, 4]),
        ("int", "5-1", [5, 4, 3, 2, 1]),
        ("int", " 1 , ,3,", [1, 3]),
        ("int", "1-1", [1]),
        ("int", "1-10 (+4)", [1, 5, 9]),
        ("float", "0-1 [5]", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("float", "1-0 (-0.25)", [1.0, 0.75, 0.5, 0.25, 0.0]),
        ("float", "-.5-.5 (+.5)", [-0.5, 0.0, 0.5]),
        ("float", "0.7, 0.9", [0.7, 0.9]),
        ("str", '"say ""hi""", b', ['say "hi"', "b"]),
        ("str", "a,   b", ["a", "b"]),
    ],
)
def test_values(kind: AxisKind, text: str, expected: list[object]) -> None:
    assert axis_values(kind, text) == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("int", "1-5 (-1)"), ("int", "5-1 (+1)"), ("int", "1-5 (+0)"), ("int", "1.5"), ("int", "x"), ("float", "nan"),
        ("float", "1e999999999-2"), ("int", "1-1000000000"), ("float", "0-1 [0]"), ("int", "1-2 (+0.5)"),
        ("float", "inf"), ("int", "1e400"), ("int", "1-1e99999"), ("str", "__lost__"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_are_refused_with_advice(kind: AxisKind, text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        axis_values(kind, text)
    assert isinstance(caught.value, AxisError)
    assert caught.value.hint


def test_values_of_files_and_lists(tmp_path: Path) -> None:
    (tmp_path / "artists.txt").write_text("Monet\n\nKlee, Paul\n")
    assert axis_values("str", "@artists.txt", folder=tmp_path) == ["Monet", "Klee, Paul"]
    assert axis_values("str", "__art/x__", lists={"art/x": ["a", "b"]}) == ["a", "b"]
    with pytest.raises(AxisError, match="outside"):
        axis_values("str", "@../secret", folder=tmp_path)


def test_the_target_tells_the_kind() -> None:
    assert parse_axis("temperature = 0-1 (+0.5)") == Axis(("temperature",), ((0.0,), (0.5,), (1.0,)))
    assert parse_axis("seed = 1-3").rows == ((1,), (2,), (3,))
    assert parse_axis("0 = 1-3").rows == (("1-3",),)
    assert parse_axis('replace "dog" = cat, bird').targets == ('replace "dog"',)
    assert parse_axis("colour = *") == Axis(("colour",), (), every=True)


def test_joined_axes() -> None:
    axis = parse_axis('(artist, seed) = (Monet, 1872), ("Klee, P", 1925)')
    assert axis == Axis(("artist", "seed"), (("Monet", 1872), ("Klee, P", 1925)))
    assert axis.labels == ("Monet, 1872", "Klee, P, 1925")


@pytest.mark.parametrize("line", ["nothing", "(a, b) = (1)", "(a, b) = x", "a =", "(a, seed) = (1, x)"])
def test_lines_that_are_no_axis_are_refused(line: str) -> None:
    with pytest.raises(AxisError):
        parse_axis(line)


def test_rows_of_files(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("artist,year\nMonet,1872\nKlee,1925\n")
    (tmp_path / "rows.jsonl").write_text('{"artist": "Monet", "seed": 1}\n')
    assert parse_axis("@rows.csv", folder=tmp_path) == Axis(("artist", "year"), (("Monet", "1872"), ("Klee", "1925")))
    assert parse_axis("(year) = @rows.csv", folder=tmp_path).rows == (("1872",), ("1925",))
    assert parse_axis("@rows.jsonl", folder=tmp_path).rows == (("Monet", 1),)
    with pytest.raises(AxisError, match="colour"):
        parse_axis("(colour) = @rows.csv", folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "r.jsonl",
            '{"city": "Rome", "temperature": 1}\n\n{"city": "Oslo"}\n',
            "r.jsonl, line 3: no value for 'temperature'",
        ),
        ("r.jsonl", '{"city": "Rome"}\n{"city"\n', "r.jsonl, line 2: "),
        ("r.jsonl", '{"city": "Rome"}\n[1]\n', "r.jsonl, line 2: this is no object"),
        ("r.csv", "city,city\nRome,Oslo\n", "r.csv, line 1: two columns are named 'city'"),
        ("r.csv", "city;temperature\nRome;1\n", "r.csv, line 1: its columns stand between semicolons"),
        ("r.csv", 'city,temperature\n"Ro\nme",1\nOslo,\n', "r.csv, line 4, temperature: '' is not a number"),
        ("r.csv", "city,temperature\nRome\n", "r.csv, line 2: no value for 'temperature'"),
        ("r.csv", "city\nRome, Italy\n", "r.csv, line 2: 2 values for 1 columns"),
        ("r.csv", "city\n", "r.csv: no rows"),
    ],
)
def test_what_is_wrong_in_a_file_of_rows_is_told_with_its_line(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(AxisError) as caught:
        parse_axis(f"@{name}", folder=tmp_path)
    assert caught.value.message.startswith(told)
    assert caught.value.hint


def test_tables_of_files() -> None:
    assert axis_from_table({"target": "temperature", "values": "0-1 (+0.5)"}).rows == ((0.0,), (0.5,), (1.0,))
    assert axis_from_table({"target": "0", "values": ["a", "b"]}).rows == (("a",), ("b",))
    assert axis_from_table({"target": "(a, b)", "values": [["x", 1]]}).rows == (("x", 1),)
    with pytest.raises(AxisError):
        axis_from_table({"target": "x"})


def test_models_are_outermost_then_the_earliest_slot() -> None:
    axes = [parse_axis(line) for line in ("style = a, b", "temperature = 0, 1", "artist = x, y", "model = m, n")]
    names = [axis.targets[0] for axis in ordered(axes, "In {artist}: {{ style }}")]
    assert names == ["model", "artist", "style", "temperature"]
    assert total(axes, prompts=3, repeats=2) == 96


def test_search_and_replace_takes_whole_words() -> None:
    assert replace_text("a dog, dogs, dog", "dog", "c\\1t") == "a c\\1t, dogs, c\\1t"
    assert replace_text("(x:1)", "(x", "(y") == "(y:1)"
    with pytest.raises(AxisError, match="'cat'"):
        replace_text("a dog", "cat", "x")


def test_long_labels_are_cut() -> None:
    assert label(("x" * 100,)) == "x" * 39 + "…"
