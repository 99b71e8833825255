"""Which of two series goes first: cross-correlation after prewhitening, with bands.

Belongs here: the correlations, what they would be by chance, and how sure the best lag is. Does not belong
here: which series are compared, what their days mean, tables, and the verdict in words.

`rho(k)` is the correlation of x at t with y at t + k, so that k > 0 means x leads (Box and Jenkins). An
autoregression of x, its order chosen by AIC, is taken out of both series first: two series that merely move
slowly correlate at any lag. A missing value leaves out what needs it and is never filled.

The band of +-1.96 / sqrt(n) holds for many days. For short windows a bootstrap stands beside it: blocks of
days keep what is left of the autocorrelation. Once x and y are drawn apart, which tells what chance does,
over all lags at once too; and once together, each day of x with the days of y around it, which tells how far
the best lag moves. The dice are seeded by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_ORDER = 7
DRAWS = 999
ROWS_PER_COEFFICIENT = 3


class NotComparableError(ValueError):
    """The two series do not carry a comparison; the message says why."""


@dataclass(frozen=True)
class Lag:
    """One lag; `rho` and its bands are None where too few points are shared."""

    lag: int
    points: int
    rho: float | None
    band: float | None
    """1.96 / sqrt(points)."""
    bootstrap_band: float | None
    """95 % of |rho| of independent blocks lie below."""


@dataclass(frozen=True)
class LeadLag:
    """All lags, and what the best of them is worth."""

    lags: tuple[Lag, ...]
    best: Lag
    next_best: Lag | None
    chance: float
    """Probability of a largest |rho| over all lags at least as large, if the two had nothing to do with each
    other."""
    lag_lower: int
    lag_upper: int
    """Central 95 % of the best lags of resampled days."""
    order: int
    """Of the autoregression taken out."""
    shared: int
    """Times at which both series have a value."""
    granger_lags: int | None
    """Past values in the F-tests: `MAX_ORDER`, or as many as the complete rows carry."""
    granger_x_to_y: float | None
    granger_y_to_x: float | None
    """P-values of the F-test that past x improves an autoregression of y, and the other way round; None with
    too few complete rows, or where the two repeat each other."""


def compare(x: Floats, y: Floats, *, max_lag: int, minimum: int, seed: int) -> LeadLag:
    """Compares two series on one clock, shape (times,), NaN where there is no value.

    Raises NotComparableError where fewer than `minimum` times or prewhitened points are shared, or a series
    is always the same on them.
    """
    both = ~np.isnan(x) & ~np.isnan(y)
    shared = int(both.sum())
    if shared < minimum:
        raise NotComparableError(
            f"{shared} points are observed in both series; at least {minimum} are needed"
        )
    for name, series in (("first", x), ("second", y)):
        if np.ptp(series[both]) == 0:
            raise NotComparableError(f"the {name} series is always the same where both are observed")
    coefficients = _autoregression(x, minimum)
    white_x, white_y = _filtered(x, coefficients), _filtered(y, coefficients)
    lags = np.arange(-max_lag, max_lag + 1)
    ones = np.ones((1, len(x)))
    rho, points = _correlations(white_x, white_y, lags, ones, minimum)
    if np.isnan(rho[0]).all():
        raise NotComparableError(
            f"no lag shares {minimum} points without gaps around them, or nothing varies"
        )
    blocks = _blocks(len(x), DRAWS, np.random.default_rng(seed))
    apart = np.abs(_apart(white_x, white_y[blocks], lags, minimum))
    together = np.abs(_correlations(white_x, white_y, lags, _counts(blocks), minimum)[0])
    told = tuple(
        _lag(int(k), int(n), r, column) for k, n, r, column in zip(lags, points, rho[0], apart.T, strict=True)
    )
    # Of equal correlations the shorter lag, then the earlier one.
    known = [lag for lag in told if lag.rho is not None]
    ranked = sorted(known, key=lambda lag: (-abs(lag.rho or 0), abs(lag.lag), lag.lag))
    by_chance = np.where(np.isnan(apart), -1.0, apart).max(axis=1)
    moved = lags[np.argmax(np.where(np.isnan(together), -1.0, together), axis=1)]
    lower, upper = np.quantile(moved, (0.025, 0.975), method="inverted_cdf")
    granger_lags, forward, backward = _granger(x, y)
    return LeadLag(
        lags=told,
        best=ranked[0],
        next_best=ranked[1] if len(ranked) > 1 else None,
        chance=float((1 + np.sum(by_chance >= np.nanmax(np.abs(rho[0])))) / (DRAWS + 1)),
        lag_lower=int(lower),
        lag_upper=int(upper),
        order=len(coefficients),
        shared=shared,
        granger_lags=granger_lags,
        granger_x_to_y=forward,
        granger_y_to_x=backward,
    )


def _lag(lag: int, points: int, rho: float, by_chance: Floats) -> Lag:
    if np.isnan(rho):
        return Lag(lag, points, None, None, None)
    known = by_chance[~np.isnan(by_chance)]
    band = float(np.quantile(known, 0.95)) if len(known) else None
    return Lag(lag, points, float(rho), float(1.96 / np.sqrt(points)), band)


def _lagged(series: Floats, order: int) -> Floats:
    """The series and its `order` last values at each time, shape (times, order + 1), NaN before the start."""
    padded = np.concatenate([np.full(order, np.nan), series])
    return np.column_stack([padded[order - k : len(padded) - k] for k in range(order + 1)])


def _autoregression(x: Floats, minimum: int) -> Floats:
    """Coefficients of the order with the least AIC, all orders on the same complete rows."""
    from statsmodels.regression.linear_model import OLS

    for most in range(MAX_ORDER, 0, -1):
        rows = _lagged(x, most)
        rows = rows[~np.isnan(rows).any(axis=1)]
        if len(rows) < max(minimum, ROWS_PER_COEFFICIENT * (most + 1)) or not np.ptp(rows[:, 0]) > 0:
            continue
        fits = [
            OLS(rows[:, 0], np.column_stack([np.ones(len(rows)), rows[:, 1 : order + 1]])).fit()
            for order in range(most + 1)
        ]
        best = min(fits, key=lambda fit: float(fit.aic))
        return np.asarray(best.params[1:], dtype=np.float64)
    return np.empty(0)


def _filtered(series: Floats, coefficients: Floats) -> Floats:
    rows = _lagged(series, len(coefficients))
    return np.asarray(rows[:, 0] - rows[:, 1:] @ coefficients, dtype=np.float64)


def _shifted(series: Floats, lag: int) -> Floats:
    """The series `lag` times later, along the last axis, NaN beyond its ends."""
    out = np.full_like(series, np.nan)
    if lag >= 0:
        out[..., : series.shape[-1] - lag] = series[..., lag:]
    else:
        out[..., -lag:] = series[..., :lag]
    return out


def _correlations(
    x: Floats, y: Floats, lags: NDArray[np.int64], weights: Floats, minimum: int
) -> tuple[Floats, NDArray[np.int64]]:
    """Correlation at each lag under each row of weights, shape (rows, lags), and the points of each lag."""
    rho = np.full((len(weights), len(lags)), np.nan)
    points = np.zeros(len(lags), dtype=np.int64)
    for column, lag in enumerate(lags):
        later = _shifted(y, int(lag))
        known = ~np.isnan(x) & ~np.isnan(later)
        points[column] = known.sum()
        if points[column] >= minimum:
            rho[:, column] = _weighted(x[known], later[known], weights[:, known])
    return rho, points


def _weighted(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Correlation under each row of weights; NaN where a series does not vary."""
    x, y = x - x.mean(), y - y.mean()
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y = weights @ x / total, weights @ y / total
        cov = weights @ (x * y) / total - mean_x * mean_y
        var_x, var_y = weights @ (x * x) / total - mean_x**2, weights @ (y * y) / total - mean_y**2
        spread = np.sqrt(np.maximum(var_x, 0) * np.maximum(var_y, 0))
        tiny = 1e-12 * np.sqrt(np.mean(x * x) * np.mean(y * y))
        return np.asarray(np.where(spread > tiny, np.clip(cov / spread, -1.0, 1.0), np.nan))


def _apart(x: Floats, drawn: Floats, lags: NDArray[np.int64], minimum: int) -> Floats:
    """Correlations of x with each drawn y, shape (draws, lags)."""
    rho = np.full((len(drawn), len(lags)), np.nan)
    seen_x = ~np.isnan(x)
    level = np.nanmean(x)
    from_x = np.where(seen_x, x - level, 0.0)
    drawn = drawn - np.nanmean(drawn)
    for column, lag in enumerate(lags):
        later = _shifted(drawn, int(lag))
        known = seen_x & ~np.isnan(later)
        values = np.where(known, later, 0.0)
        n = known.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_x, mean_y = known @ from_x / n, values.sum(axis=1) / n
            cov = values @ from_x / n - mean_x * mean_y
            var_x = known @ from_x**2 / n - mean_x**2
            var_y = (values**2).sum(axis=1) / n - mean_y**2
            rho[:, column] = np.where(
                (n >= minimum) & (var_x > 1e-24) & (var_y > 1e-24), cov / np.sqrt(var_x * var_y), np.nan
            )
    return rho


def _blocks(length: int, draws: int, dice: np.random.Generator) -> NDArray[np.int64]:
    """Places of circular blocks that fill `length` times, shape (draws, length)."""
    size = int(np.ceil(length ** (1 / 3)))
    starts = dice.integers(0, length, size=(draws, -(-length // size)))
    places = (starts[:, :, None] + np.arange(size)) % length
    return np.asarray(places.reshape(draws, -1)[:, :length])


def _counts(places: NDArray[np.int64]) -> Floats:
    """How often each time was drawn, shape (draws, length)."""
    draws, length = places.shape
    rows = np.arange(draws)[:, None] * length + places
    return np.bincount(rows.ravel(), minlength=draws * length).reshape(draws, length).astype(np.float64)


def _granger(x: Floats, y: Floats) -> tuple[int | None, float | None, float | None]:
    """Past values used, and the p-values of x improving y and of y improving x."""
    for order in range(MAX_ORDER, 0, -1):
        rows = np.column_stack([_lagged(x, order), _lagged(y, order)])
        rows = rows[~np.isnan(rows).any(axis=1)]
        if len(rows) >= ROWS_PER_COEFFICIENT * (2 * order + 1):
            of_x, of_y = rows[:, : order + 1], rows[:, order + 1 :]
            forward, backward = _improvement(of_x, of_y), _improvement(of_y, of_x)
            known = forward is not None and backward is not None
            return (order, forward, backward) if known else (None, None, None)
    return None, None, None


def _improvement(of_x: Floats, of_y: Floats) -> float | None:
    """P-value of the F-test that past x improves an autoregression of y; None where columns repeat others."""
    from statsmodels.regression.linear_model import OLS

    own = np.hstack([np.ones((len(of_y), 1)), of_y[:, 1:]])
    both = np.hstack([own, of_x[:, 1:]])
    if np.linalg.matrix_rank(both) < both.shape[1]:
        return None
    restricted = OLS(of_y[:, 0], own).fit()
    p_value = float(OLS(of_y[:, 0], both).fit().compare_f_test(restricted)[1])
    return None if np.isnan(p_value) else p_value
