"""The table of parameters: what it takes, what it refuses, and what it says then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest

from workbench.error import UsageError
from workbench.param import (
    PARAMS,
    PRESETS,
    SPECS,
    Params,
    ParamSpec,
    params_from,
    params_from_record,
    params_to_dict,
    parse_param,
)


def test_every_field_is_declared_in_the_table_and_the_other_way_round() -> None:
    assert [spec.name for spec in PARAMS] == [field.name for field in fields(Params)]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("temperature", "0", 0.0),
        ("temperature", "0.8", 0.8),
        ("max_tokens", "60", 60),
        ("max_tokens", 60.0, 60),
        ("seed", "", None),
        ("seed", "7", 7),
        ("stop", "###", ("###",)),
        ("stop", ["a", "b"], ("a", "b")),
        ("cold_cache", "yes", True),
        ("logit_bias", "15043:-100, the:2.5", ((15043, -100.0), ("the", 2.5))),
        ("logit_bias", {"15043": -100, "the": 2}, ((15043, -100.0), ("the", 2.0))),
        ("logit_bias", '[["42", -1], [42, 1]]', (("42", -1.0), (42, 1.0))),
        ("logit_bias", "", ()),
        ("json_schema", {"type": "object"}, '{"type": "object"}'),
        ("json_schema", ' {"type":"object"}', ' {"type":"object"}'),
        ("json_schema", {}, ""),
        ("grammar", " \n", ""),
        ("dry_sequence_breakers", '["\\n", "x"]', ("\n", "x")),
        ("dry_sequence_breakers", ";", (";",)),
    ],
)
def test_text_and_toml_values_become_the_parameters_type(name: str, text: object, value: object) -> None:
    assert parse_param(name, text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("temperature", "hot"),
        ("temperature", "nan"),
        ("temperature", "-1"),
        ("temperature", "inf"),
        ("top_p", "1.01"),
        ("max_tokens", "0"),
        ("max_tokens", "1.5"),
        ("max_tokens", True),
        ("seed", "-1"),
        ("stop", [1]),
        ("cold_cache", "perhaps"),
        ("logit_bias", "the"),
        ("logit_bias", {"the": "much"}),
        ("logit_bias", {"the": 2000}),
        ("logit_bias", [["", 1]]),
        ("logit_bias", "[" * 9999),
        ("json_schema", "{"),
        ("json_schema", "[1]"),
        ("grammar", 5),
        ("dry_sequence_breakers", []),
        ("mirostat", 3),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, text: object) -> None:
    with pytest.raises(UsageError) as caught:
        parse_param(name, text)
    assert name in caught.value.message


def test_an_unknown_name_gets_its_near_match() -> None:
    with pytest.raises(UsageError) as caught:
        parse_param("temprature", 1)
    assert "temperature" in caught.value.hint


def test_the_dictionary_makes_the_same_parameters_again() -> None:
    params = params_from({"temperature": 0.2, "stop": ["x"], "seed": 5})
    assert params_from(params_to_dict(params)) == params
    assert "seed" not in params_to_dict(Params())


def test_all_values_survive_the_way_through_a_record() -> None:
    params = params_from(
        {
            "logit_bias": {"7": -100, "of": 3},
            "json_schema": {"a": 1},
            "dry_sequence_breakers": ["x"],
            "mirostat": 2,
            "ignore_eos": True,
            "seed": 3,
            "grammar": "root ::= x",
        }
    )
    assert params_from_record(params_to_dict(params)) == params
    # Of a record the range is no matter, the kind is.
    strange = {"temperature": 99, "top_k": "5", "stop": [1], "logit_bias": 3, "mirostat": True, "json_schema": [1]}
    assert params_from_record(strange) == replace(Params(), temperature=99.0)


@pytest.mark.parametrize(
    ("values", "greedy"),
    [
        ({"temperature": 0}, True),
        ({"top_k": 1}, True),
        ({"temperature": 0, "xtc_probability": 0.5}, False),
        ({"temperature": 0, "xtc_probability": 0.5, "xtc_threshold": 0.6}, True),
        ({"temperature": 0, "dynatemp_range": 1}, False),
        ({"top_k": 1, "mirostat": 2}, False),
        ({"temperature": 0, "mirostat": 2}, True),
        ({}, False),
    ],
)
def test_greedy_is_what_leaves_nothing_to_chance(values: Mapping[str, object], greedy: bool) -> None:
    assert params_from(values).greedy is greedy


def test_presets_are_valid_and_change_known_values() -> None:
    for values in PRESETS.values():
        params_from(values)
    assert all(SPECS[name].off == value for name, value in PRESETS["neutral"].items())


TITLES = {
    "common": "Common",
    "repetition": "Repetition",
    "samplers": "Other samplers",
    "constraints": "What the answer must be",
    "engine": "Engine",
}


def shown(value: object) -> str:
    if value in ("", (), None):
        return "empty"
    if isinstance(value, tuple):
        return " ".join(f"`{item!r}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def row(spec: ParamSpec) -> str:
    engines = ", ".join(name for name in spec.engines if name != "scripted")
    has_off = spec.name not in ("max_tokens", "n_ctx", "n_threads", "repeat_last_n", "cold_cache")
    off = shown(spec.off) if has_off and not spec.only_with and spec.off not in ("", (), None) else ""
    with_it = f" (with `{spec.only_with}`)" if spec.only_with else ""
    return f"| `{spec.name}` | {spec.range_text} | {shown(spec.default)} | {off} | {engines} | {spec.help}{with_it} |"


def params_page() -> str:
    """The tables of ``docs/params.md``."""
    parts = []
    for group, title in TITLES.items():
        rows = [row(spec) for spec in PARAMS if spec.group == group]
        head = "| name | takes | default | without effect | engines | what it does |\n|---|---|---|---|---|---|"
        parts.append(f"## {title}\n\n{head}\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def test_the_page_of_parameters_is_the_table(repo: Path) -> None:
    assert params_page() in (repo / "docs" / "params.md").read_text(encoding="utf-8")
