"""Where in a TOML text a key is set, however it is written: in its table, dotted or inline."""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.error import ConfigError
from workbench.textio import toml_loads

# Each row is tried as an end of the text; beyond this many that is slow, and a search has to do.
ROWS_LIMIT = 400


def line_of(text: str, path: Sequence[str]) -> int:
    """The line, from 1, on which the key of ``path`` is set; 1 when it is not."""
    rows = text.splitlines()
    if len(rows) > ROWS_LIMIT:
        pattern = re.compile(rf"\s*[\"']?{re.escape(path[-1])}[\"']?\s*=")
        return next((number for number, row in enumerate(rows, 1) if pattern.match(row)), 1)
    # Cut off within a value of several rows the text is no TOML: the value begins after the last end that was.
    begin = 0
    for end in range(len(rows) + 1):
        try:
            data: object = toml_loads("\n".join(rows[:end]))
        except ConfigError:
            continue
        for key in path:
            if not isinstance(data, dict) or key not in data:
                break
            data = data[key]
        else:
            return begin + 1
        begin = end
    return 1
