"""Which function makes which kind of check. Each gives a score from 0 to 1 and a few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from workbench.compare.check_json import check_json, check_schema
from workbench.compare.check_range import check_length, check_repeat
from workbench.compare.check_script import check_language, check_script
from workbench.compare.check_text import check_contains, check_edge, check_equals, check_finish, check_regex

if TYPE_CHECKING:
    from workbench.compare.check_spec import CheckSpec, Subject

FAMILIES: Mapping[str, Callable[[CheckSpec, Subject], tuple[float, str]]] = {
    "contains": check_contains,
    "icontains": check_contains,
    "regex": check_regex,
    "equals": check_equals,
    "one-of": check_equals,
    "starts": check_edge,
    "ends": check_edge,
    "json": check_json,
    "json-schema": check_schema,
    "words": check_length,
    "chars": check_length,
    "tokens": check_length,
    "script": check_script,
    "language": check_language,
    "no-repeat": check_repeat,
    "finish": check_finish,
}
