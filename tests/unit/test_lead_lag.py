"""Which of two series goes first: what is found, what is chance, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.tsa.stattools import ccf, grangercausalitytests

from ingestion.statistics.lead_lag import Floats, LeadLag, NotComparableError, compare

DAYS = 82


def dice(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def compared(x: Floats, y: Floats, seed: int = 1) -> LeadLag:
    return compare(x, y, max_lag=14, minimum=20, seed=seed)


def autoregressive(noise: Floats, weight: float) -> Floats:
    series = np.zeros_like(noise)
    for day in range(1, len(noise)):
        series[day] = weight * series[day - 1] + noise[day]
    return series


def leading(lag: int, seed: int = 3, days: int = DAYS) -> tuple[Floats, Floats]:
    """Slow series of which the second repeats the first `lag` days later, with some noise."""
    source = autoregressive(dice(seed).normal(size=days + 30), 0.7)
    return source[20 : 20 + days], source[20 - lag : 20 - lag + days] + 0.3 * dice(seed + 1).normal(size=days)


@pytest.mark.parametrize("lag", [-5, 0, 2])
def test_the_lag_is_found_on_its_side(lag: int) -> None:
    found = compared(*leading(lag))
    assert (found.best.lag, found.lag_lower, found.lag_upper) == (lag, lag, lag)
    assert found.chance <= 0.01
    assert found.next_best is not None
    assert found.next_best.lag != lag
    assert abs(found.next_best.rho or 0) < abs(found.best.rho or 0)
    assert found.order >= 1


def test_turning_the_pair_turns_the_lag() -> None:
    """Which series gives the autoregression matters little."""
    x, y = leading(3)
    assert compared(x, y).best.lag == -compared(y, x).best.lag == 3


def test_slow_series_that_have_nothing_in_common_are_called_chance() -> None:
    """Random walks of 82 days correlate at some lag nearly always; prewhitened, one time in twenty."""
    alarms = 0
    for seed in range(60):
        x, y = (np.cumsum(dice(2 * seed + side).normal(size=DAYS)) for side in (0, 1))
        alarms += compared(x, y).chance <= 0.05
    assert alarms <= 7


def test_missing_days_are_left_out() -> None:
    x, y = leading(2, days=160)
    whole = compared(x, y)
    x[dice(9).random(160) < 0.1] = np.nan
    y[dice(8).random(160) < 0.1] = np.nan
    found = compared(x, y)
    assert found.best.lag == 2
    assert found.shared == int((~np.isnan(x) & ~np.isnan(y)).sum())
    assert found.best.points < whole.best.points
    assert found.best.band == pytest.approx(1.96 / np.sqrt(found.best.points))


def test_white_noise_gives_the_plain_cross_correlation() -> None:
    """With next to nothing to take out, and for many days, the lags are those of statsmodels."""
    x = dice(5).normal(size=2000)
    y = np.roll(x, 1) + dice(6).normal(size=2000)
    found = compared(x, y)
    by_lag = {lag.lag: lag.rho for lag in found.lags}
    expected = ccf(y, x, adjusted=False, nlags=8)
    assert [by_lag[k] for k in range(8)] == pytest.approx(list(expected), abs=0.05)


def test_granger_is_that_of_statsmodels() -> None:
    x, y = leading(2)
    found = compared(x, y)
    assert found.granger_lags == 7
    for told, pair in ((found.granger_x_to_y, (y, x)), (found.granger_y_to_x, (x, y))):
        tests, _ = grangercausalitytests(np.column_stack(pair), maxlag=[7])[7]
        assert told == pytest.approx(tests["ssr_ftest"][1], rel=1e-6)


def test_the_same_seed_gives_the_same_and_the_unit_does_not_matter() -> None:
    x, y = leading(2)
    assert compared(x, y) == compared(x, y)
    scaled = compared(1000 * x + 5, 0.01 * y)
    assert (scaled.best.lag, scaled.lag_lower, scaled.lag_upper) == (2, 2, 2)
    assert scaled.best.rho == pytest.approx(compared(x, y).best.rho)


def test_lags_with_too_few_points_are_not_told() -> None:
    x, y = leading(1, days=30)
    found = compared(x, y)
    short = [lag for lag in found.lags if abs(lag.lag) == 14]
    assert [(lag.rho, lag.band, lag.bootstrap_band) for lag in short] == [(None, None, None)] * 2


def test_what_cannot_be_compared_is_refused_with_the_reason() -> None:
    noise = dice(1).normal(size=DAYS)
    gappy = np.where(np.arange(DAYS) < 19, noise, np.nan)
    flat = np.full(DAYS, 0.1)
    alternating = np.where(np.arange(DAYS) % 3 == 0, noise, np.nan)
    with pytest.raises(
        NotComparableError, match="19 points are observed in both series; at least 20 are needed"
    ):
        compared(noise, gappy)
    with pytest.raises(NotComparableError, match="the second series is always the same"):
        compared(noise, flat)
    with pytest.raises(NotComparableError, match="the first series is always the same"):
        compared(flat, noise)
    assert compared(alternating, noise).order == 0


def test_a_series_that_repeats_another_has_no_granger_test() -> None:
    """The past of the one is the past of the other, and no regression can tell them apart."""
    x = dice(1).normal(size=DAYS + 3)
    found = compared(x[3:], x[:-3])
    assert found.best.lag == 3
    assert (found.granger_lags, found.granger_x_to_y, found.granger_y_to_x) == (None, None, None)
