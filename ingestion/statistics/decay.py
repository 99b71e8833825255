"""Decays of attention after a peak.

Belongs here: curves that least squares on lines cannot fit. Not here: which days are fitted; the dbt models
say that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Four parameters need several times as many days.
LEAST_DAYS = 14


@dataclass(frozen=True)
class Biexponential:
    """`N / (p + r - q) * ((p - q) e^(-(p + r) d) + r e^(-q d))`: Candia et al. 2019, Nature Human Behaviour.

    `n` in the unit of the series, `p`, `r`, `q` per day; `aic` of the residuals of the level's logarithm.
    """

    n: float
    p: float
    r: float
    q: float
    aic: float


def fit_biexponential(
    days: NDArray[np.float64], values: NDArray[np.float64], baseline: float
) -> Biexponential | None:
    """Fits what `values` are above `baseline` at `days` since the peak; `values` are above it, and positive.

    None for fewer than 14 days, or where no fit with two different rates was found: then one exponential
    says all.
    """
    import numpy as np
    from scipy.optimize import least_squares

    if len(days) < LEAST_DAYS:
        return None
    target = np.log(values)
    top = float((values - baseline).max())

    def residuals(x: NDArray[np.float64]) -> NDArray[np.float64]:
        quick, slow, slow_rate, difference = np.exp(x)
        curve = quick * np.exp(-(slow_rate + difference) * days) + slow * np.exp(-slow_rate * days)
        return np.asarray(np.log(baseline + curve) - target)

    # Logarithms keep sizes and rates positive; the bounds keep half-lives from hours to a thousand years.
    lower = np.log([top * 1e-6, top * 1e-6, 1e-6, 1e-6])
    upper = np.log([top * 1e2, top * 1e2, 10.0, 10.0])
    starts = [(0.5, 0.5, 0.02, 0.3), (0.8, 0.2, 0.005, 0.1), (0.3, 0.7, 0.1, 1.0)]
    fits = [
        least_squares(residuals, np.log([top * a, top * b, slow, fast]), bounds=(lower, upper))
        for a, b, slow, fast in starts
    ]
    best = min(fits, key=lambda fit: fit.cost)
    if not best.success:
        return None
    quick, slow, q, difference = (float(x) for x in np.exp(best.x))
    n = quick + slow
    r = slow * difference / n
    mean_square = max(2 * float(best.cost) / len(days), 1e-300)
    return Biexponential(n=n, p=q + difference - r, r=r, q=q, aic=len(days) * float(np.log(mean_square)) + 8)
