"""What must hold for every text: nothing eaten, every character in one span, exact counts, orders and draws."""

from __future__ import annotations

import itertools
import json
import random
import string
import tracemalloc
from typing import Any

import pytest
from dynamicprompts.generators import CombinatorialPromptGenerator

from tests.patterntool import cpu_seconds, every, tree_of
from workbench.template.choice import Context, choose, count, prompts, sample, shuffled
from workbench.template.count import picks_at, picks_count
from workbench.template.draw import permute
from workbench.template.scan import parse_body
from workbench.template.tree import GroupNode, Text

PIECES = [
    "{", "}", "|", "$$", "2$$", "2of$$", "any$$", "c:=", "{c}", "{0}", "{name}", "\\", "\\{", "\\}", '"', "'", ":",
    "::", "3::", "[", "]", "\n", " ", "a", "b", "word", "__w__", "__", "`", "```\n", "(x:1.3)", "{{ x }}", "{% if x %}",
    "{% endif %}", "{# c #}", "{a|b}", '{"k": ', ";", "é", "\r\n",
]  # fmt: skip


def noise(chance: random.Random, most: int = 30) -> str:
    return "".join(chance.choice(PIECES) for _ in range(chance.randint(0, most)))


def test_every_character_belongs_to_exactly_one_span() -> None:
    chance = random.Random(1)
    for _ in range(3000):
        source = noise(chance)
        tree = tree_of(source, {"0": 1, "name": 2}, {"w": ["x", "{y|z}"]})
        position = 0
        for span in tree.spans:
            assert span.start == position, source
            assert span.end > span.start, source
            assert span.depth >= 0, source
            position = span.end
        assert position == len(source)


def test_items_cover_the_source_and_nothing_raises() -> None:
    chance = random.Random(2)
    for _ in range(2000):
        source = noise(chance)
        tree = tree_of(source, {"0": 1}, {"w": ["x"]})
        assert [item.start for item in tree.items[1:]] == [item.end for item in tree.items[:-1]]
        assert sum(item.end - item.start for item in tree.items) == len(source)


def test_text_that_is_not_recognised_is_kept_byte_for_byte() -> None:
    chance = random.Random(3)
    kept = 0
    for _ in range(4000):
        source = noise(chance, 12)
        tree = parse_body(source, ())
        if tree.has_jinja or any(not isinstance(item, Text) for item in tree.items):
            continue
        assert choose(tree).text == source
        kept += 1
    assert kept > 1000


def random_json(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randint(0, 7 if depth < 4 else 4)
    if kind == 0:
        return chance.choice([None, True, False])
    if kind == 1:
        return chance.randint(-100, 100)
    if kind <= 4:
        return random_string(chance)
    if kind == 5:
        return [random_json(chance, depth + 1) for _ in range(chance.randint(0, 4))]
    return {random_string(chance): random_json(chance, depth + 1) for _ in range(chance.randint(0, 4))}


def random_string(chance: random.Random) -> str:
    """Bars, quotes, backslashes, ``$$`` and braces that do not make a group inside this one string."""
    brace = chance.choice(["{", "}", "}{", ""])
    alphabet = ["|", " | ", "||", "$$", '"', "\\", "'", ":", ",", "a", "bc", " ", "\n", "2$$", "::", brace, brace]
    text = "".join(chance.choice(alphabet) for _ in range(chance.randint(0, 8)))
    cut = text.find("{")
    return text if cut < 0 or "}" not in text[cut:] else text[:cut]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("inner", [False, True])
def test_json_objects_pass_unchanged(indent: int | None, inner: bool) -> None:
    chance = random.Random(4)
    changed = []
    for _ in range(750):
        data = {random_string(chance): random_json(chance) for _ in range(chance.randint(1, 4))}
        if inner:
            data["payload"] = json.dumps(data)
        source = json.dumps(data, indent=indent)
        tree = parse_body(source, (), jinja=False)
        if choose(tree).text != source:
            changed.append(source)
    assert changed == []


def shared_template(chance: random.Random, letters: list[str], depth: int = 0) -> str:
    """A template of the subset that dynamicprompts and we read alike; all literals differ."""
    parts = []
    for _ in range(chance.randint(1, 3 if depth == 0 else 2)):
        if depth > 2 or chance.random() < 0.4:
            parts.append(letters.pop())
            continue
        options = [shared_template(chance, letters, depth + 1) for _ in range(chance.randint(2, 3))]
        head = chance.choice(["", "", "", "2$$+$$", "1-2$$/$$", "1$$-$$"])
        weight = chance.choice(["", "", "2::"]) if not head else ""
        parts.append("{" + head + weight + "|".join(options) + "}")
    return "".join(parts)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_lists_and_orders_are_those_of_dynamicprompts() -> None:
    chance = random.Random(5)
    compared = 0
    for _ in range(150):
        letters = [first + second for first in string.ascii_lowercase for second in string.ascii_lowercase]
        source = shared_template(chance, letters)
        tree = parse_body(source, jinja=False)
        if count(tree) > 400:
            continue
        expected = [str(item) for item in CombinatorialPromptGenerator(ignore_whitespace=False).generate(source, 500)]
        assert [chosen.text for chosen in prompts(tree)] == expected, source
        compared += 1
    assert compared > 80


def test_an_index_is_a_prompt_and_a_prompt_an_index() -> None:
    chance = random.Random(6)
    for _ in range(60):
        letters = [first + second for first in string.ascii_lowercase for second in string.ascii_lowercase]
        tree = parse_body(shared_template(chance, letters))
        total = count(tree)
        if total > 3000:
            continue
        picks = {choose(tree, index=index).picks for index in range(total)}
        assert len(picks) == total


@pytest.mark.parametrize("ordered", [False, True])
def test_picks_come_in_the_order_of_itertools(ordered: bool) -> None:
    chance = random.Random(7)
    for _ in range(60):
        counts = [chance.randint(1, 3) for _ in range(chance.randint(1, 5))]
        high = chance.randint(0, len(counts))
        low = chance.randint(0, high)
        combine = itertools.permutations if ordered else itertools.combinations
        expected = []
        for size in range(low, high + 1):
            for places in combine(range(len(counts)), size):
                readings = 1
                for place in places:
                    readings *= counts[place]
                expected += [(list(places), reading) for reading in range(readings)]
        assert picks_count(counts, low, high, ordered) == len(expected)
        assert [picks_at(counts, low, high, ordered, index) for index in range(len(expected))] == expected


@pytest.mark.parametrize("size", [1, 2, 3, 10, 97, 1000, 4097])
def test_a_shuffle_is_a_permutation(size: int) -> None:
    for seed in (0, 1, 12345678901234567890):
        assert sorted(permute(index, size, seed) for index in range(size)) == list(range(size))


def test_ten_to_the_thirty_prompts_need_no_memory() -> None:
    source = " ".join("{" + "|".join(f"o{place}x{digit}" for digit in range(10)) + "}" for place in range(30))
    tree = parse_body(source)
    context = Context()
    assert count(tree, context) == 10**30
    assert choose(tree, index=10**30 - 1, ctx=context).text.split() == [f"o{place}x9" for place in range(30)]
    tracemalloc.start()
    found = {shuffled(tree, 3, item, context).text for item in range(300)}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 300
    assert peak < 2_000_000


def test_draws_do_not_move_when_another_group_is_added() -> None:
    short, long = parse_body("{red|green|blue} {2$$a|b|c}"), parse_body("{big|small} {red|green|blue} {2$$a|b|c}")
    for item in range(50):
        assert sample(long, 5, item).text.split(" ", 1)[1] == sample(short, 5, item).text


def test_a_draw_needs_no_earlier_draw() -> None:
    tree = parse_body("{a|b|c} {x|y|{1|2|3}}")
    forward = [sample(tree, 1, item).text for item in range(20)]
    assert [sample(parse_body(tree.source), 1, item).text for item in reversed(range(20))] == forward[::-1]
    assert len(set(forward)) > 5


def test_draws_follow_the_weights() -> None:
    tree = parse_body("{3::a|b|0::c}")
    found = [sample(tree, 1, item).text for item in range(4000)]
    assert 0.72 < found.count("a") / 4000 < 0.78
    assert "c" not in found


HOSTILE = [
    "{", "}", "{a|", "{a|b}", '{"', '{"a": ', "{'", "|", "[", "{[", "\\", "\\{", "{\\", "__", "__a", "`", "``", "```\n",
    "{{", "{{ (", "{{ '", "{%", "{#", "{% raw %}", "{{ x }}", "{c:=", "{2$$", "{2$$ ", "(", "(a", "(:1.1)", "{\n",
    "{a|b\n c",
    '{"a": "', '{\\"a\\": \\"', "{ |x| ", "{x | x", "a{", "\\a{0}", "{0}", "\n", " ", "{ ", "{{ ( {{}} ",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_repeats_stay_linear(piece: str) -> None:
    def seconds(times: int) -> float:
        source = piece * times
        return cpu_seconds(lambda: count(parse_body(source, {"0"})))

    # Eight times the text; quadratic work would be 64 times, a busy machine doubles either side.
    assert seconds(16000) < 32 * max(seconds(2000), 0.01)


def test_nesting_is_capped() -> None:
    source = "{a|" * 200 + "b" + "}" * 200
    tree = parse_body(source)
    assert any(item.code == "too-deep" for item in tree.diagnostics)
    assert count(tree) == 65
    assert max(group.height for group in tree.groups) == 64


def test_a_group_of_ten_thousand_options_is_quick() -> None:
    source = "{" + "|".join(f"option{number}" for number in range(10_000)) + "}"
    tree = parse_body(source)
    assert choose(tree, index=9_999).text == "option9999"
    (group,) = tree.items
    assert isinstance(group, GroupNode)
    assert len(group.options) == 10_000


def test_values_are_never_read_again() -> None:
    value = "{a|b} __w__ {{ 7 * 7 }} {0} \\{x|y}"
    assert every("{0} {1|2} {{ name }}", {"0": value, "name": value}, w=["no"]) == [
        f"{value} 1 {value}",
        f"{value} 2 {value}",
    ]
