"""Blind judging: the order is drawn, the vote says no more than was seen, the names come last."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from itertools import combinations

import pytest

from workbench.compare.blind import BAD, TIE, blind_round, last_votes, votes_of
from workbench.compare.check import CheckResult, Score
from workbench.compare.ranking import Vote, bradley_terry
from workbench.compare.score import Scored, summarise
from workbench.error import UsageError


def test_the_order_is_drawn_from_the_seed_and_shows_no_side_more_often() -> None:
    names = ("model a", "model b")
    assert blind_round(names, seed=1, key="x") == blind_round(names, seed=1, key="x")
    first = Counter(blind_round(names, seed=seed).reveal()["A"] for seed in range(400))
    assert 150 < first["model a"] < 250


def test_a_vote_for_a_label_is_a_vote_for_what_stood_under_it() -> None:
    shown = blind_round(("x", "y"), seed=3)
    names = shown.reveal()
    assert shown.vote("A") == (Vote(names["A"], names["B"], "a"),)
    assert shown.vote("B") == (Vote(names["B"], names["A"], "a"),)
    assert shown.names[shown.shown("B")] == names["B"]
    assert {vote.outcome for vote in shown.vote(TIE)} == {"tie"}
    assert {vote.outcome for vote in shown.vote(BAD)} == {"bad"}
    with pytest.raises(UsageError):
        shown.vote("C")


def test_the_best_of_three_says_nothing_about_the_others() -> None:
    shown = blind_round(("x", "y", "z"), seed=1)
    best = shown.reveal()["C"]
    votes = shown.vote("C")
    assert {vote.a for vote in votes} == {best}
    assert {vote.b for vote in votes} == {"x", "y", "z"} - {best}


def test_votes_make_a_ranking_and_come_back_from_a_file_of_marks() -> None:
    rounds = [blind_round(pair, seed=9, key=str(pair)) for pair in combinations("xyz", 2)]
    votes: list[Vote] = []
    for item in rounds:
        best = min(item.names)
        votes += item.vote(next(label for label, name in item.reveal().items() if name == best))
    assert [rating.item for rating in bradley_terry(votes).ratings] == ["x", "y", "z"]
    assert votes_of([*map(asdict, votes), {"a": "x", "b": "x", "outcome": "a"}, {"a": 1}]) == votes


def test_judging_the_same_two_again_counts_once() -> None:
    cast = [asdict(Vote("x", "y", "a")), asdict(Vote("x", "z", "a")), asdict(Vote("y", "x", "a"))]
    assert votes_of(last_votes(cast)) == [Vote("y", "x", "a"), Vote("x", "z", "a")]


def test_what_cannot_be_judged_blind_is_refused() -> None:
    for names in (("x",), ("x", "x"), tuple("abcdefg")):
        with pytest.raises(UsageError):
            blind_round(names, seed=1)


def test_a_rating_goes_before_the_checks_and_can_be_taken_back() -> None:
    failed = CheckResult("words<=5", "words", False, 0.5)
    checked = Scored("r1", (failed,), Score(False, 0.5), cell={"city": "Rome"})
    rated = Scored("r1", (failed,), Score(False, 0.5), rating=5, cell={"city": "Rome"})
    assert checked.verdict == Score(False, 0.5)
    assert rated.verdict == Score(True, 1.0)
    assert Scored("r1", (), Score(True, 1.0), rating=2).verdict.passed is False
    summary = summarise([checked, rated])
    assert str(summary.verdicts).startswith("1/2 (")
    assert str(summary.checks["words<=5"]).startswith("0/2 (")
    assert summary.axes["city"]["Rome"].passes == 1
    assert (summary.rated, summary.failed, summary.open) == (1, True, False)
