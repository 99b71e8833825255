"""P-values against printed tables and against scipy's own tests."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ingestion.statistics.p_values import LARGEST_EXACT, two_sided_p


def test_normal_and_t_agree_with_printed_tables() -> None:
    assert two_sided_p([1.959964, -1.959964, 0], "normal", float("nan")) == pytest.approx([0.05, 0.05, 1])
    assert two_sided_p([2.446912, -12.706205], "t", [6, 1]) == pytest.approx([0.05, 0.05])


@pytest.mark.parametrize("n", [1, 2, 7, 20, LARGEST_EXACT])
def test_wilcoxons_distribution_is_scipys(n: int) -> None:
    dice = np.random.default_rng(20250113)
    for _ in range(20):
        moves = dice.normal(0.3, 1, n)
        ranks = stats.rankdata(np.abs(moves))
        expected = stats.wilcoxon(moves, mode="exact").pvalue
        assert two_sided_p(ranks[moves > 0].sum(), "signed_rank", n) == pytest.approx([expected])


def test_wilcoxons_distribution_goes_over_into_the_normal_one() -> None:
    n = LARGEST_EXACT
    largest = n * (n + 1) / 2
    below = two_sided_p(0.35 * largest, "signed_rank", n)
    above = two_sided_p(0.35 * (n + 1) * (n + 2) / 2, "signed_rank", n + 1)
    assert above == pytest.approx(below, abs=0.01)


def test_equal_ranks_may_add_up_to_halves() -> None:
    at_half, below, above = (two_sided_p(value, "signed_rank", 7)[0] for value in (4.5, 4, 5))
    assert below == at_half < above


@pytest.mark.parametrize(("distribution", "degrees"), [("cauchy", 3), ("t", 0), ("signed_rank", -1)])
def test_what_has_no_p_is_refused(distribution: str, degrees: float) -> None:
    with pytest.raises(ValueError, match=r"distribution|degrees"):
        two_sided_p(1, distribution, degrees)


def test_none_gives_none() -> None:
    assert two_sided_p([], "t", []).size == 0
