"""Intervals, means and rankings against published values; nothing here is computed by the code under test alone."""

from __future__ import annotations

from math import exp, log, sqrt
from random import Random
from statistics import fmean

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.compare.ranking import Outcome
from workbench.compare.stats import (
    Rate,
    Vote,
    bradley_terry,
    mean_spread,
    mean_text,
    means_by_axis,
    rate_text,
    rates_by_axis,
    student,
    wilson,
)

# Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I,
# method 3 (score, no continuity correction).
NEWCOMBE = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
]
# American League 1987, Agresti, "Categorical Data Analysis": wins of the row over the column.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WINS = [
    (0, 7, 9, 7, 7, 9, 11),
    (6, 0, 7, 5, 11, 9, 9),
    (4, 6, 0, 7, 7, 8, 12),
    (6, 8, 6, 0, 6, 7, 10),
    (6, 2, 6, 7, 0, 7, 12),
    (4, 4, 5, 6, 6, 0, 6),
    (2, 4, 1, 3, 1, 7, 0),
]
# Fitted by the R package BradleyTerry2 (its vignette, baseballModel1), Baltimore as zero.
FITTED = (1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0)


@pytest.mark.parametrize(("passes", "n", "low", "high"), NEWCOMBE)
def test_wilson_gives_the_published_bounds(passes: int, n: int, low: float, high: float) -> None:
    assert wilson(passes, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_at_the_edges_stays_within_0_and_1() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(5, 5)[1] == 1.0
    assert wilson(3, 9) == pytest.approx(tuple(1 - bound for bound in reversed(wilson(6, 9))))
    with pytest.raises(ValueError, match="no rate"):
        wilson(3, 2)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_bounds_are_where_the_score_test_turns(counts: tuple[int, int]) -> None:
    passes, n = counts
    for bound in wilson(passes, n):
        # At a bound that is neither 0 nor 1 the score statistic is exactly the normal quantile.
        if 1e-9 < bound < 1 - 1e-9:
            statistic = abs(passes / n - bound) / sqrt(bound * (1 - bound) / n)
            assert statistic == pytest.approx(1.959963985, abs=1e-6)


def test_a_rate_is_never_a_bare_percentage() -> None:
    assert rate_text(7, 9) == "7/9 (45-94 %)"
    assert rate_text(0, 0) == "0/0"
    assert str(Rate(1, 1, unknown=2)) == "1/1 (21-100 %), 2 not checked"


def test_students_t_gives_the_tabled_values() -> None:
    table = {1: 12.706, 2: 4.303, 5: 2.571, 10: 2.228, 30: 2.042, 100: 1.984}
    for freedom, value in table.items():
        assert student(freedom) == pytest.approx(value, abs=5e-4)
    assert student(5, 0.99) == pytest.approx(4.032, abs=5e-4)


def test_a_mean_has_its_spread_and_interval() -> None:
    mean = mean_spread([1, 2, 3, 4, 10])
    # By hand: sd = sqrt(50 / 4), half width = 2.7764 * sd / sqrt(5).
    assert (mean.mean, mean.median, mean.sd) == pytest.approx((4.0, 3.0, 3.5355), abs=1e-4)
    assert (mean.low, mean.high) == pytest.approx((-0.390, 8.390), abs=1e-3)
    assert mean_text(mean) == "4.0 ± 3.5 (n = 5)"
    assert mean_text(mean_spread([7])) == "7.0 (n = 1)"
    assert mean_spread([7]).high == float("inf")


def test_bradley_terry_gives_the_published_ratings() -> None:
    votes = [
        Vote(TEAMS[i], TEAMS[j], "a") if (i + j + k) % 2 else Vote(TEAMS[j], TEAMS[i], "b")
        for i in range(7)
        for j in range(7)
        for k in range(WINS[i][j])
    ]
    ranking = bradley_terry(votes)
    values = {rating.item: rating.value for rating in ranking.ratings}
    assert [rating.item for rating in ranking.ratings] == list(TEAMS)
    fitted = [values[team] - values["Baltimore"] for team in TEAMS]
    assert fitted == pytest.approx(FITTED, abs=5e-5)
    assert sum(values.values()) == pytest.approx(0, abs=1e-9)
    assert ranking.prior == 0


def minorised(wins: list[list[float]]) -> list[float]:
    """Hunter's MM algorithm, another way to the same maximum; strengths as logarithms with mean 0."""
    size = len(wins)
    strength = [1.0] * size
    for _ in range(20_000):
        new = []
        for i in range(size):
            played = sum((wins[i][j] + wins[j][i]) / (strength[i] + strength[j]) for j in range(size) if j != i)
            new.append(sum(wins[i]) / played)
        scale = exp(fmean(map(log, new)))
        new = [value / scale for value in new]
        done = max(abs(log(a / b)) for a, b in zip(new, strength, strict=True)) < 1e-11
        strength = new
        if done:
            break
    return [log(value) for value in strength]


@pytest.mark.parametrize("seed", range(4))
def test_bradley_terry_finds_the_maximum_that_another_algorithm_finds(seed: int) -> None:
    chance = Random(seed)
    names = "abcde"
    wins = [[0.0] * 5 for _ in names]
    votes = []
    for _ in range(150):
        i, j = chance.sample(range(5), 2)
        outcome: Outcome = chance.choice(("a", "a", "b", "tie", "bad")) if i < j else chance.choice(("a", "b"))
        votes.append(Vote(names[i], names[j], outcome))
        share = {"a": 1.0, "b": 0.0}.get(outcome, 0.5)
        wins[i][j] += share
        wins[j][i] += 1 - share
    found = {rating.item: rating.value for rating in bradley_terry(votes).ratings}
    assert [found[name] for name in names] == pytest.approx(minorised(wins), abs=1e-6)


def test_two_items_have_the_error_of_a_log_odds() -> None:
    # With two items r1 - r2 = log(wins / losses), its variance 1/wins + 1/losses; each rating has half the difference.
    votes = [Vote("x", "y", "a")] * 8 + [Vote("x", "y", "b")] * 4
    best, _ = bradley_terry(votes).ratings
    assert best.value == pytest.approx(0.693147 / 2, abs=1e-6)
    assert best.error == pytest.approx((1 / 8 + 1 / 4) ** 0.5 / 2, abs=1e-9)
    assert (best.high - best.value) / best.error == pytest.approx(1.959964, abs=1e-6)


def test_ties_and_bad_pairs_count_half_and_are_told() -> None:
    halves = bradley_terry([Vote("x", "y", "tie"), Vote("y", "x", "bad"), Vote("x", "y", "a"), Vote("x", "y", "a")])
    whole = bradley_terry([Vote("x", "y", "a")] * 3 + [Vote("x", "y", "b")])
    assert halves.ratings[0].value == pytest.approx(whole.ratings[0].value)
    assert (halves.ratings[0].wins, halves.ratings[0].ties, halves.ratings[0].bad) == (2, 1, 1)


def test_an_item_that_never_lost_has_a_finite_rating_and_a_stated_prior() -> None:
    ranking = bradley_terry([Vote("x", "y", "a")] * 3)
    assert ranking.prior > 0
    assert 0 < ranking.ratings[0].value < 5
    assert bradley_terry([]).ratings == ()
    with pytest.raises(ValueError, match="itself"):
        bradley_terry([Vote("x", "x", "a")])


def curvature_errors(votes: list[Vote], prior: float) -> dict[str, float]:
    """Standard errors another way: the likelihood as it is written, its second derivatives by differences."""
    names = sorted({name for vote in votes for name in (vote.a, vote.b)})
    size = len(names)

    def loss(ratings: npt.NDArray[np.float64]) -> float:
        of = dict(zip(names, ratings, strict=True))
        total = 0.0
        for vote in votes:
            share = {"a": 1.0, "b": 0.0}.get(vote.outcome, 0.5)
            total += share * log(1 + exp(of[vote.b] - of[vote.a])) + (1 - share) * log(1 + exp(of[vote.a] - of[vote.b]))
        # So many wins and so many losses against one of rating 0.
        return total + sum(prior * log(1 + exp(-value)) + prior * log(1 + exp(value)) for value in ratings)

    steps, h = np.eye(size), 1e-3
    place = np.zeros(size)

    def slope(at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.array([(loss(at + h * d) - loss(at - h * d)) / (2 * h) for d in steps])

    def bend(at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.array([(slope(at + h * d) - slope(at - h * d)) / (2 * h) for d in steps])

    for _ in range(50):
        place = place - np.linalg.lstsq(bend(place), slope(place), rcond=1e-6)[0]
    less_mean = np.eye(size) - 1 / size
    covariance = less_mean @ np.linalg.pinv(bend(place), rcond=1e-6) @ less_mean
    return dict(zip(names, np.sqrt(np.diag(covariance)).tolist(), strict=True))


@pytest.mark.parametrize(
    "text",
    ["x>y", "x>y x>y x>y", "x>y y>z", "x>y z>u u=z", "x>y y>x", "x>y y>z z>x x=z"],
    ids=["one", "never lost", "a chain", "two that are not linked", "no prior", "no prior, three"],
)
def test_errors_are_those_of_the_likelihood_with_and_without_a_prior(text: str) -> None:
    votes = [Vote(item[0], item[2], "a" if item[1] == ">" else "tie") for item in text.split()]
    ranking = bradley_terry(votes)
    found = {rating.item: rating.error for rating in ranking.ratings}
    assert found == pytest.approx(curvature_errors(votes, ranking.prior), rel=1e-4)


def test_rates_and_means_are_told_for_each_value_of_each_axis() -> None:
    rows = [
        ({"city": "London", "model": "a"}, True),
        ({"city": "London", "model": "b"}, False),
        ({"city": "京都", "model": "a"}, None),
    ]
    rates = rates_by_axis(rows)
    assert rates["city"] == {"London": Rate(1, 2), "京都": Rate(0, 0, 1)}
    assert rates["model"]["a"] == Rate(1, 1, 1)
    means = means_by_axis([({"t": 0.5}, 1.0), ({"t": 0.5}, 3.0)])
    assert means["t"]["0.5"].mean == 2.0
