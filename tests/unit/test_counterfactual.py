"""The counterfactual model: what it finds, what it does not, and what it refuses."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from ingestion.statistics.counterfactual import Counterfactual, Floats, NotEstimableError, estimate

PRE, POST = 84, 28


def noise(seed: int = 20250113, days: int = PRE + POST) -> Floats:
    return np.random.default_rng(seed).normal(size=days)


def average_effect(found: Counterfactual) -> tuple[float, float, float]:
    """The effect a day, and its 95 % interval."""
    days, total = int(found.observed_days[-1]), found.observed_sums[-1]
    to_date = found.to_date
    mean, upper, lower = to_date.mean[-1], to_date.upper_95[-1], to_date.lower_95[-1]
    return (total - mean) / days, (total - upper) / days, (total - lower) / days


def test_a_step_is_found_with_its_size_and_its_absence_too() -> None:
    quiet = 50 + noise()
    stepped = quiet + 5.0 * (np.arange(PRE + POST) >= PRE)
    effect, lower, upper = average_effect(estimate(stepped, PRE))
    assert lower < 5 < upper
    assert effect == pytest.approx(5, abs=0.5)
    _, lower, upper = average_effect(estimate(quiet, PRE))
    assert lower < 0 < upper


def test_missing_days_are_left_out_and_no_zeros() -> None:
    """Filled with zeros, the level before the date would be halved; the days after it would be an effect."""
    values = 50 + noise()
    values[::2] = np.nan
    found = estimate(values, PRE)
    assert (found.pre_days, found.observed_days[-1]) == (PRE // 2, POST // 2)
    assert found.daily.mean == pytest.approx(np.full(POST, 50.0), abs=1.0)
    assert np.isnan(found.daily.tail_probability[::2]).all()
    assert not np.isnan(found.daily.tail_probability[1::2]).any()
    assert average_effect(found)[0] == pytest.approx(0, abs=1.0)


def test_a_sum_over_no_observed_day_has_no_tail() -> None:
    values = 50 + noise()
    values[PRE : PRE + 3] = np.nan
    found = estimate(values, PRE)
    assert found.observed_days[:4].tolist() == [0, 0, 0, 1]
    assert np.isnan(found.to_date.tail_probability[:3]).all()
    assert found.to_date.mean[3] == pytest.approx(found.daily.mean[3])


def test_a_weekly_pattern_is_kept_where_there_is_one() -> None:
    days = np.arange(PRE + POST)
    weekend = 20.0 * (days % 7 >= 5)
    found = estimate(50 + weekend + noise(), PRE)
    assert found.has_weekly_pattern
    assert found.daily.mean == pytest.approx(50 + weekend[PRE:], abs=2.0)
    assert not estimate(50 + noise(), PRE).has_weekly_pattern


def test_a_control_that_explains_the_past_is_used_and_others_are_not() -> None:
    """The shared shock after the date is no effect with the control, and is one without it."""
    shared = np.cumsum(noise(1)) + 8.0 * (np.arange(PRE + POST) >= PRE)
    constant = np.full(PRE + POST, 3.1)
    controls = np.column_stack([noise(2), shared, constant, noise(3)])
    series = 50 + 2 * shared + noise(4)
    found = estimate(series, PRE, controls)
    assert found.controls == (1,)
    _, lower, upper = average_effect(found)
    assert lower < 0 < upper
    assert average_effect(estimate(series, PRE))[1] > 0


def test_a_control_matters_only_on_days_that_the_series_has() -> None:
    shared = np.cumsum(noise(1))
    series = 50 + 2 * shared + noise(4)
    series[::3] = np.nan
    whole = estimate(series, PRE, shared[:, None])
    shared[::3] = np.nan
    gappy = estimate(series, PRE, shared[:, None])
    seen = ~np.isnan(series[PRE:])
    assert gappy.daily.mean[seen] == pytest.approx(whole.daily.mean[seen])


def test_the_level_is_freed_only_where_it_drifts() -> None:
    drifting = 50 + np.cumsum(noise(7)) + noise(8)
    assert not estimate(50 + noise(), PRE).has_free_level
    found = estimate(drifting, PRE)
    assert found.has_free_level
    widths = found.daily.upper_90 - found.daily.lower_90
    assert widths[-1] > 1.5 * widths[0]


@pytest.mark.parametrize("drift", [0.0, 0.3])
def test_ninety_percent_intervals_cover_about_nine_days_in_ten(drift: float) -> None:
    dice = np.random.default_rng(4)
    inside = []
    for _ in range(30):
        values = 20 + np.cumsum(drift * dice.normal(size=PRE + POST)) + dice.normal(size=PRE + POST)
        found = estimate(values, PRE).daily
        inside.append(np.mean((found.lower_90 <= values[PRE:]) & (values[PRE:] <= found.upper_90)))
    assert 0.85 <= np.mean(inside) <= 0.95


def test_after_few_days_a_level_that_may_drift_is_not_taken_for_one_that_does_not() -> None:
    """A level that R's prior takes as good as fixed: the sum is covered in 65 of 100."""
    dice = np.random.default_rng(99)
    days, inside = 40, []
    for _ in range(40):
        values = np.cumsum(0.1 * dice.normal(size=days + POST)) + dice.normal(size=days + POST)
        found = estimate(values, days)
        sums = found.to_date
        inside.append(sums.lower_90[-1] <= found.observed_sums[-1] <= sums.upper_90[-1])
    assert np.mean(inside) >= 0.8


def test_intervals_are_nested_and_move_with_the_unit() -> None:
    values = 50 + noise()
    found, scaled = estimate(values, PRE), estimate(1000 * values - 7, PRE)
    for predicted in (found.daily, found.to_date):
        assert (predicted.lower_95 < predicted.lower_90).all()
        assert (predicted.lower_90 < predicted.mean).all()
        assert (predicted.mean < predicted.upper_90).all()
        assert (predicted.upper_90 < predicted.upper_95).all()
    for bound, other in zip(astuple(found.daily)[:5], astuple(scaled.daily)[:5], strict=True):
        assert other == pytest.approx(1000 * bound - 7, rel=1e-6)


def test_two_runs_agree_in_every_digit() -> None:
    values = 50 + np.cumsum(noise())
    first, second = estimate(values, PRE), estimate(values, PRE)
    assert all((a == b).all() for a, b in zip(astuple(first.daily), astuple(second.daily), strict=True))


def test_errors_before_the_date_are_those_of_one_step_predictions() -> None:
    """White noise of 2 % is missed by its mean absolute deviation; zeros have no percentage."""
    found = estimate(50 + noise(), PRE)
    assert found.mape == pytest.approx(0.02 * np.sqrt(2 / np.pi), rel=0.25)
    assert found.wape == pytest.approx(found.mape, rel=0.05)
    rare = (np.arange(PRE + POST) % 5 == 0) * 3.0
    assert estimate(rare, PRE).mape is None
    assert estimate(rare, PRE).wape is not None


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.0, 2.0] * 10 + [5.0], "20 observed days before the date; at least 21 are needed"),
        ([0.1] * 30 + [5.0], "all observed days before the date have the same value"),
        ([0.0] * 30 + [5.0], "all observed days before the date have the same value"),
        ([np.nan] * 30 + [5.0], "0 observed days before the date; at least 21 are needed"),
    ],
)
def test_what_carries_no_model_is_refused_with_the_reason(values: list[float], told: str) -> None:
    with pytest.raises(NotEstimableError, match=told):
        estimate(values, len(values) - 1)
