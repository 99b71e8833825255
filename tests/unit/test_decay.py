"""The bi-exponential decay, on curves whose parameters are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from ingestion.statistics.decay import fit_biexponential

N, P, R, Q = 1000.0, 0.5, 0.08, 0.01
DAYS = np.arange(61, dtype=float)


def candia(days: NDArray[np.float64]) -> NDArray[np.float64]:
    quick, slow = (P - Q) * np.exp(-(P + R) * days), R * np.exp(-Q * days)
    return np.asarray(N / (P + R - Q) * (quick + slow))


def test_known_parameters_are_found() -> None:
    fit = fit_biexponential(DAYS, 200 + candia(DAYS), 200.0)
    assert fit is not None
    assert [fit.n, fit.p, fit.r, fit.q] == pytest.approx([N, P, R, Q], rel=1e-4)


def test_noise_moves_them_little_and_the_fit_beats_one_exponential() -> None:
    dice = np.random.default_rng(20250113)
    values = 200 + candia(DAYS) * np.exp(dice.normal(0, 0.03, len(DAYS)))
    fit = fit_biexponential(DAYS, values, 200.0)
    assert fit is not None
    assert [fit.n, fit.p, fit.r, fit.q] == pytest.approx([N, P, R, Q], rel=0.25)
    slope, start = np.polyfit(DAYS, np.log(values - 200), 1)
    errors = np.log(values) - np.log(200 + np.exp(start + slope * DAYS))
    assert fit.aic < len(DAYS) * math.log(float(errors @ errors) / len(DAYS)) + 4


def test_the_same_days_give_the_same_fit_and_too_few_give_none() -> None:
    values = 5 + candia(DAYS)
    assert fit_biexponential(DAYS, values, 5.0) == fit_biexponential(DAYS, values, 5.0)
    assert fit_biexponential(DAYS[:13], values[:13], 5.0) is None
