"""The table of parameters: what it takes, what it refuses, and what it says then."""

from __future__ import annotations

from dataclasses import fields

import pytest

from workbench.error import UsageError
from workbench.param import PARAMS, Params, params_from, params_to_dict, parse_param


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
