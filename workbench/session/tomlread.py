"""TOML of strangers: parsed as ever, but for keys of so many parts that the parser would take minutes.

``tomllib`` takes time with the square of a dotted key's parts; a file of 200 kB can keep it busy for hours.
"""

from __future__ import annotations

import re
from typing import Any

from workbench.error import ConfigError
from workbench.textio import toml_loads

PARTS_LIMIT = 1000
_STRING_OR_COMMENT = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*', re.DOTALL
)


def foreign_toml(text: str, *, file: str = "") -> dict[str, Any]:
    """The data. Raises ConfigError."""
    if text.count(".") > PARTS_LIMIT:
        bare = _STRING_OR_COMMENT.sub("", text)
        if any(line.count(".") > PARTS_LIMIT for line in bare.split("\n")):
            raise ConfigError(f"{file}: not valid TOML: a key of more than {PARTS_LIMIT} parts")
    return toml_loads(text, file=file)
