"""What an index holds, for the tests that compare one with another."""

from __future__ import annotations

from typing import Any

from workbench.session.index import SessionIndex
from workbench.session.index_db import COLUMNS
from workbench.session.index_hit import HIT_COLUMNS


def dump(index: SessionIndex) -> list[tuple[Any, ...]]:
    """Everything it says but row numbers and stamps, sorted: equal for equal workspaces."""
    columns = ", ".join(f"doc.{name}" for name in COLUMNS)
    rows = index._database.execute(
        f"SELECT {HIT_COLUMNS}, {columns} FROM entry JOIN doc ON doc.number = entry.number"
        " JOIN session ON session.dir = entry.dir ORDER BY entry.dir, entry.run"
    )
    return [tuple(row[1:]) for row in rows]
