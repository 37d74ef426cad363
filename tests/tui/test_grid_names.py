"""What a grid of the app calls its models, and heads that are cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gguf_bytes import Gguf
from workbench.service import open_workbench
from workbench.template.document import parse_document
from workbench.tui.grid.table import _cut_apart
from workbench.tui.grid.wish import Base, Wish, spec_of
from workbench.workspace import init_workspace


def test_models_are_called_by_their_names_and_by_paths_only_where_names_do_not_tell(tmp_path: Path) -> None:
    init_workspace(tmp_path / "space")
    files = [tmp_path / "models" / name for name in ("one.gguf", "two.gguf", "a/same.gguf", "b/same.gguf")]
    for number, path in enumerate(files):
        path.parent.mkdir(parents=True, exist_ok=True)
        Gguf({"general.name": f"model {number}"}).write(path)
    bench = open_workbench(tmp_path / "space", model_dirs=[str(tmp_path / "models")])
    base = Base(parse_document("Say {{ city }}."), {}, {})
    paths = tuple(str(path) for path in files)
    (axis,) = spec_of(bench, Wish(models=paths), base).axes
    assert [row[0] for row in axis.rows] == ["one", "two", *paths[2:]]
    assert spec_of(bench, Wish(models=paths[:1]), base).model == "one"
    bench.renderer.close()


@pytest.mark.parametrize(
    ("text", "others", "shown"),
    [
        ("model a", ["model b"], "model a "),
        ("days 1, city London", ["days 1, city Oslo"], "… London"),
        ("days 1, city London", ["city Oslo"], "days 1,…"),
        ("/models/京都-a", ["/models/京都-b"], "…/京都-a"),
    ],
)
def test_heads_that_begin_alike_are_cut_at_their_beginning(text: str, others: list[str], shown: str) -> None:
    assert _cut_apart(text, others, 8).rstrip() == shown.rstrip()
