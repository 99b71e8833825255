"""Breaks in the level of a series by PELT.

Belongs here: where a series breaks, for a penalty, and what its noise is taken to be. Does not belong here:
which series are looked at, and what is known of their sources.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

PENALTIES: Final = (30.0, 60.0, 120.0)
"""Factors of the penalty: a break that all three find does not depend on the choice."""
FEWEST_DAYS: Final = 28
MIN_SIZE: Final = 3
_NORMAL_QUARTILE: Final = 0.6745


@dataclass(frozen=True)
class Breaks:
    """Breaks of one series.

    positions: for each penalty factor, the indices at which a new level begins, ascending.
    sigma: the noise that the penalty was scaled with; NaN where the reason says why there is none.
    """

    positions: dict[float, list[int]]
    sigma: float
    null_reason: str | None


def noise(values: NDArray[np.float64]) -> float:
    """The standard deviation of what varies from value to value, told by medians: steps do not count."""
    steps = np.diff(values)
    spread = float(np.median(np.abs(steps - np.median(steps))))
    return spread / _NORMAL_QUARTILE / math.sqrt(2)


def breaks_of(values: Sequence[float], penalties: Sequence[float] = PENALTIES) -> Breaks:
    """Where the mean of `values`, one a day in order, changes: `factor * sigma^2 * ln n` is a break's price.

    Segments are at least three days. The cost is the squared error; ruptures' linear kernel is that cost, and
    PELT over it finds the same breaks as `ruptures.Pelt(model="l2", jump=1)` in a thousandth of the time.
    """
    import ruptures

    signal = np.asarray(values, dtype=np.float64)
    if len(signal) < FEWEST_DAYS:
        return Breaks({}, math.nan, f"only {len(signal)} of the {FEWEST_DAYS} days that breaks need")
    sigma = noise(signal)
    if sigma == 0:
        return Breaks({}, math.nan, "most days are like the day before: no noise to measure a break by")
    fitted = ruptures.KernelCPD(kernel="linear", min_size=MIN_SIZE).fit(signal.reshape(-1, 1))
    price = sigma**2 * math.log(len(signal))
    positions: dict[float, list[int]] = {}
    for factor in sorted(penalties):
        # Where no break is worth its price, none is worth a higher one.
        is_calm = [] in positions.values()
        positions[factor] = [] if is_calm else fitted.predict(pen=factor * price)[:-1]
    return Breaks(positions, sigma, None)
