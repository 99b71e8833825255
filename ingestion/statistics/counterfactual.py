"""What a series would have been without an event: a local level with a weekly pattern and controls.

Belongs here: the model, its posterior, and what is read off it. Does not belong here: which series, dates and
controls are compared (the warehouse decides), tables, and files.

The model is that of Brodersen et al. (2015), y_t = level_t + weekly_t + beta'x_t + noise_t with the level a
random walk, written as statsmodels' `UnobservedComponents` and filtered by its Kalman filter, so that days
without a value are left out, not filled. The posterior is integrated over a grid, not sampled: there is no
seed, and every run gives the same.

- Given the ratio of the level's variance to the noise's, the noise variance has an inverse-gamma posterior
  and a sum of forecasts is Student's t. The ratio is integrated out, so that the interval has the parameters'
  uncertainty.
- The level's step has R CausalImpact's prior: an inverse gamma on its variance, worth 32 observations, around
  a share of the series' standard deviation. R fixes the share at 0.01; maximum likelihood would put the step
  at 0 on quiet series. On series that drift 0.01 is far too stiff: a 90 % interval of the sum then covers 20
  to 70 %. So R's prior holds unless freer ones, equally likely among themselves, explain the days before the
  date better; then those share the posterior, and the interval widens. Fewer than `STIFF_DAYS` days cannot
  tell: a level that drifts looks as one that does not, and of the sums over four weeks after 40 days the
  interval covered 45 to 80 %. There the freer ones hold, and a quiet series pays with a wider interval.
- Controls and the weekly pattern come in one after the other, each only if it raises the marginal likelihood
  under a unit-information prior on its coefficients (where R has spike and slab). In the model that is kept
  the coefficients are diffuse, so that they are not shrunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STIFF_SHARE = 0.01
FREE_SHARES = (0.03, 0.1, 0.3, 0.6)
"""Prior guesses of the level's daily step, in standard deviations of the series before the date."""
STIFF_DAYS = 60
"""Observed days before the date from which on R's prior is considered."""
LEVEL_WEIGHT = 32.0
"""Observations that the guess is worth: R CausalImpact's `sample.size`."""
RATIOS: Floats = np.logspace(-5.0, 2.0, 43)
"""Variance of the level's step over that of the noise."""
DIFFUSE = 1e6
"""Prior variance of what is not known at all, in noise variances."""
MAX_CANDIDATES = 5
"""Controls that are tried: those that moved most like the series before the date."""
MAX_CONTROLS = 3
SEASON = 7
MINIMUM_DAYS = 21
BURN_IN = 14
"""Days before one-step predictions are judged: the weekly pattern is not known earlier."""


class NotEstimableError(ValueError):
    """The series before the date does not carry a model; the message says why."""


@dataclass(frozen=True)
class Predictions:
    """Predictions of several quantities, one an entry: means, central intervals, and tails."""

    mean: Floats
    lower_90: Floats
    upper_90: Floats
    lower_95: Floats
    upper_95: Floats
    tail_probability: Floats
    """Probability of a prediction at least as far out as what was observed, on its side: R's one-sided p.
    NaN where nothing was observed."""


@dataclass(frozen=True)
class Counterfactual:
    """The prediction from the date on, and how well the model did before it."""

    daily: Predictions
    """Of each day from the date on."""
    to_date: Predictions
    """Of the sum over the observed days from the date up to each day."""
    observed_days: NDArray[np.int64]
    """Observed days from the date up to each day."""
    observed_sums: Floats
    controls: tuple[int, ...]
    """Columns of the controls that the model uses."""
    has_weekly_pattern: bool
    has_free_level: bool
    """Whether the level may drift more than R's prior lets it."""
    pre_days: int
    """Observed days before the date."""
    mape: float | None
    """Mean absolute percentage error of one-step predictions before the date, over the days that are not 0;
    None if those are fewer than half."""
    wape: float | None
    """Sum of those predictions' absolute errors over the sum of absolute values; None if that is 0."""


@dataclass(frozen=True)
class _Filtered:
    """A model under every ratio and share: what the Kalman filter gives, in standardised units."""

    log_evidence: float
    is_free: bool
    weights: Floats
    """Posterior, shape (ratios, shares)."""
    noise: Floats
    """Square of the scale of Student's t for a forecast of variance 1, shape (ratios, shares)."""
    freedom: float
    forecasts: Floats
    """One-step predictions before the date and forecasts after it, shape (ratios, days)."""
    states: Floats
    """Variance of the state at the date, in noise variances, shape (ratios, states, states)."""
    loadings: Floats
    """What the state at the date adds to each later day, shape (horizon, states)."""


def estimate(
    values: Sequence[float] | Floats,
    first_post: int,
    controls: Floats | None = None,
    minimum_days: int = MINIMUM_DAYS,
) -> Counterfactual:
    """Predicts `values[first_post:]` from what came before.

    `values` has one entry a day, NaN where there is none. `controls` has shape (days, k) and must have a
    number where `values` has one; its other days are not used, nor is a control that is always the same. A
    weekly pattern is considered from three weeks on. Raises NotEstimableError where fewer than `minimum_days`
    days before the date have a value, or all those values are the same.
    """
    series = np.asarray(values, dtype=np.float64)
    before = series[:first_post]
    seen = before[~np.isnan(before)]
    if len(seen) < minimum_days:
        raise NotEstimableError(
            f"{len(seen)} observed days before the date; at least {minimum_days} are needed"
        )
    spread = float(np.std(seen, ddof=1))
    # A constant that is no binary fraction has a spread in its last digit.
    if spread <= 1e-12 * float(np.max(np.abs(seen))):
        raise NotEstimableError("all observed days before the date have the same value")
    centre = float(np.mean(seen))
    scaled = np.where(np.arange(len(series)) < first_post, (series - centre) / spread, np.nan)
    regressors = _standardised(controls, series, first_post)
    columns, weekly = _selected(scaled, first_post, regressors)
    kept = _filtered(scaled, first_post, regressors[:, list(columns)], weekly, DIFFUSE)
    one_step = centre + spread * (kept.weights.sum(axis=1) @ kept.forecasts)[:first_post]
    mape, wape = _errors(before, one_step)
    after = series[first_post:]
    counts = np.cumsum(~np.isnan(after)).astype(np.int64)
    sums = np.cumsum(np.nan_to_num(after))
    daily, to_date = _read_off(kept, (after - centre) / spread, (sums - counts * centre) / spread)
    return Counterfactual(
        daily=_in_units(daily, np.full(len(after), centre, dtype=np.float64), spread),
        to_date=_in_units(to_date, np.asarray(counts * centre, dtype=np.float64), spread),
        observed_days=counts,
        observed_sums=sums,
        controls=columns,
        has_weekly_pattern=weekly,
        has_free_level=kept.is_free,
        pre_days=len(seen),
        mape=mape,
        wape=wape,
    )


def _standardised(controls: Floats | None, series: Floats, first_post: int) -> Floats:
    """Controls in units of their spread before the date, 0 on the days that do not matter."""
    if controls is None or controls.shape[1] == 0:
        return np.empty((len(series), 0))
    used = controls[:first_post][~np.isnan(series[:first_post])]
    spread = used.std(axis=0, ddof=1)
    varies = spread > 1e-12 * np.abs(used).max(axis=0)
    scaled = (controls - used.mean(axis=0)) / np.where(varies, spread, 1.0)
    return np.where(np.isnan(scaled) | ~varies, 0.0, scaled)


def _candidates(scaled: Floats, regressors: Floats) -> list[int]:
    """Columns of the controls that go with the series before the date, the closest first."""
    seen = ~np.isnan(scaled)
    together = np.abs(scaled[seen] @ regressors[seen])
    order = np.argsort(-together, kind="stable")
    return [int(column) for column in order[:MAX_CANDIDATES] if together[column] > 0]


def _selected(scaled: Floats, first_post: int, regressors: Floats) -> tuple[tuple[int, ...], bool]:
    """The controls and the weekly pattern that raise the evidence, the best first."""
    chosen: tuple[int, ...] = ()
    weekly = False
    best = _filtered(scaled, first_post, regressors[:, []], weekly, 1.0).log_evidence
    candidates = _candidates(scaled, regressors)
    while True:
        options = [
            ((*chosen, column), weekly)
            for column in candidates
            if column not in chosen and len(chosen) < MAX_CONTROLS
        ]
        if not weekly and first_post >= 3 * SEASON:
            options.append((chosen, True))
        evidence = [
            _filtered(scaled, first_post, regressors[:, list(c)], w, 1.0).log_evidence for c, w in options
        ]
        if not evidence or max(evidence) <= best:
            return chosen, weekly
        best = max(evidence)
        chosen, weekly = options[evidence.index(best)]


def _model(scaled: Floats, regressors: Floats, weekly: bool, prior: float) -> Any:
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    count = regressors.shape[1]
    model = UnobservedComponents(
        scaled,
        level="local level",
        seasonal=SEASON if weekly else None,
        stochastic_seasonal=False,
        exog=regressors if count else None,
        mle_regression=False,
    )
    # A dummy that is 1 on one day in seven carries a seventh of what a standardised regressor does.
    variances = [DIFFUSE, *[SEASON * prior] * (SEASON - 1 if weekly else 0), *[prior] * count]
    model.ssm.initialize_known(np.zeros(len(variances)), np.diag(variances))
    return model


def _filtered(scaled: Floats, first_post: int, regressors: Floats, weekly: bool, prior: float) -> _Filtered:
    """Filters the standardised series under every ratio and weighs ratios and shares by their posterior."""
    from scipy.special import gammaln, logsumexp

    model = _model(scaled, regressors, weekly, prior)
    seen = ~np.isnan(scaled)
    # The first day only places the level, and diffuse coefficients take one day each.
    placed = 1 + (model.k_states - 1 if prior == DIFFUSE else 0)
    shape = (int(seen.sum()) - placed + LEVEL_WEIGHT) / 2
    squares, determinants, forecasts, states = [], [], [], []
    for ratio in RATIOS:
        model.update([1.0, ratio])
        filtered = model.ssm.filter()
        errors, variances = filtered.forecasts_error[0, seen], filtered.forecasts_error_cov[0, 0, seen]
        squares.append(np.sum(errors**2 / variances))
        determinants.append(np.sum(np.log(variances)))
        forecasts.append(filtered.forecasts[0].copy())
        states.append(filtered.predicted_state_cov[:, :, first_post].copy())
    prior_scale = LEVEL_WEIGHT / 2 * np.square([STIFF_SHARE, *FREE_SHARES])[None, :]
    ratios = RATIOS[:, None]
    scale = np.array(squares)[:, None] / 2 + prior_scale / ratios
    # Likelihood times the prior of the step's variance, the noise variance integrated out; the grid is even
    # in the logarithm of the ratio.
    log_weights = (
        LEVEL_WEIGHT / 2 * np.log(prior_scale / ratios)
        - gammaln(LEVEL_WEIGHT / 2)
        - np.array(determinants)[:, None] / 2
        + gammaln(shape)
        - shape * np.log(scale)
    )
    by_share = logsumexp(log_weights, axis=0)
    stiff, free = float(by_share[0]), float(logsumexp(by_share[1:])) - float(np.log(len(FREE_SHARES)))
    is_free = free > stiff or seen.sum() < STIFF_DAYS
    log_weights[:, slice(0, 1) if is_free else slice(1, None)] = -np.inf
    return _Filtered(
        log_evidence=free if is_free else stiff,
        is_free=bool(is_free),
        weights=np.exp(log_weights - logsumexp(log_weights)),
        noise=scale / shape,
        freedom=2 * shape,
        forecasts=np.array(forecasts),
        states=np.array(states),
        loadings=_loadings(model, first_post, len(scaled)),
    )


def _loadings(model: Any, first_post: int, days: int) -> Floats:
    """Design of each day after the date times the transitions that lead to it."""
    design, transition = model.ssm["design"], model.ssm["transition"]
    carried, rows = np.eye(model.k_states), []
    for day in range(first_post, days):
        rows.append((design[0, :, day] if design.ndim == 3 else design[0]) @ carried)
        carried = transition @ carried
    return np.array(rows).reshape(days - first_post, model.k_states)


def _read_off(kept: _Filtered, after: Floats, sums: Floats) -> tuple[Predictions, Predictions]:
    """Daily predictions, and predictions of the sum over observed days, in standardised units.

    `after` has the values from the date on, NaN where there is none, `sums` their sums up to each day.
    """
    horizon = len(after)
    steps = np.arange(horizon)
    # A level's step before a day stays in all later days.
    walk = np.minimum.outer(steps, steps).astype(np.float64)
    covariances = (
        kept.loadings @ kept.states @ kept.loadings.T
        + RATIOS[:, None, None] * walk[None]
        + np.eye(horizon)[None]
    )
    means = kept.forecasts[:, kept.forecasts.shape[1] - horizon :]
    adding = np.tril(np.ones((horizon, horizon))) * ~np.isnan(after)[None, :]
    daily = _predictions(kept, means, np.diagonal(covariances, axis1=1, axis2=2), after)
    variances = np.einsum("ij,kjl,il->ki", adding, covariances, adding, optimize=True)
    known = adding.any(axis=1)
    to_date = _predictions(kept, means @ adding.T, variances, np.where(known, sums, np.nan))
    return daily, to_date


def _predictions(kept: _Filtered, means: Floats, variances: Floats, observed: Floats) -> Predictions:
    """Reads a mixture of Student's t, of which each ratio and share is a part.

    `means` and `variances` (in noise variances) have shape (ratios, quantities), `observed` (quantities,).
    """
    from scipy.optimize.elementwise import find_root
    from scipy.special import stdtr

    parts = kept.weights > 1e-9
    rows = np.nonzero(parts)[0]
    weights = kept.weights[parts] / kept.weights[parts].sum()
    centres = means[rows]
    scales = np.sqrt(kept.noise[parts][:, None] * variances[rows])
    # A sum over no observed day is 0 for certain; give it a width so that it can be read like the others.
    scales = np.maximum(scales, 1e-12)

    low, high = (centres - 40 * scales).min(axis=0), (centres + 40 * scales).max(axis=0)
    bounds = []
    for level in (0.05, 0.95, 0.025, 0.975):
        # The root finder narrows a part of the quantities at a time, so that each is asked with its place.
        def excess(value: Floats, place: NDArray[np.int64], level: float = level) -> Floats:
            standing = (value - centres[:, place]) / scales[:, place]
            return np.asarray(weights @ stdtr(kept.freedom, standing)) - level

        bounds.append(find_root(excess, (low, high), args=(np.arange(len(low)),)).x)
    # Each tail by itself: 1 less the other one may round to less than nothing, and a half to more.
    standing = (observed - centres) / scales
    below, above = weights @ stdtr(kept.freedom, standing), weights @ stdtr(kept.freedom, -standing)
    lower_90, upper_90, lower_95, upper_95 = bounds
    return Predictions(
        mean=weights @ centres,
        lower_90=lower_90,
        upper_90=upper_90,
        lower_95=lower_95,
        upper_95=upper_95,
        tail_probability=np.minimum(np.minimum(below, above), 0.5),
    )


def _in_units(scaled: Predictions, offset: Floats, spread: float) -> Predictions:
    return Predictions(
        mean=offset + spread * scaled.mean,
        lower_90=offset + spread * scaled.lower_90,
        upper_90=offset + spread * scaled.upper_90,
        lower_95=offset + spread * scaled.lower_95,
        upper_95=offset + spread * scaled.upper_95,
        tail_probability=scaled.tail_probability,
    )


def _errors(before: Floats, one_step: Floats) -> tuple[float | None, float | None]:
    """MAPE and WAPE of one-step predictions, after the burn-in."""
    judged = ~np.isnan(before) & (np.arange(len(before)) >= BURN_IN)
    actual, missed = np.abs(before[judged]), np.abs(before[judged] - one_step[judged])
    known = actual > 0
    mape = float(np.mean(missed[known] / actual[known])) if 2 * known.sum() >= max(len(actual), 1) else None
    wape = float(missed.sum() / actual.sum()) if known.any() else None
    return mape, wape
