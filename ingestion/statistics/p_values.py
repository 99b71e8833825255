"""Two-sided p-values of test statistics, by the distribution that each has where there is no effect.

Belongs here: probabilities. Does not belong here: the statistics themselves, which are SQL.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

LARGEST_EXACT = 50
"""Firms up to which Wilcoxon's distribution is counted out; above, the normal one is close enough."""


def two_sided_p(statistics: ArrayLike, distribution: str, degrees: ArrayLike) -> NDArray[np.float64]:
    """Probabilities, in [0, 1], of values at least as far out as `statistics`, in either direction.

    `distribution`: `normal`, `t`, or `signed_rank` (Wilcoxon's sum of positive ranks). `degrees`, one for
    each statistic: degrees of freedom of `t` (any number above 0), the count of differences other than zero
    for `signed_rank`, anything for `normal`. Raises ValueError for another distribution or degrees of 0 or
    less.
    """
    import numpy as np
    from scipy import stats

    values = np.atleast_1d(np.asarray(statistics, dtype=np.float64))
    counts = np.broadcast_to(np.asarray(degrees, dtype=np.float64), values.shape)
    if distribution == "normal":
        return np.asarray(2 * stats.norm.sf(np.abs(values)))
    if distribution not in {"t", "signed_rank"}:
        raise ValueError(f"not a distribution that is known: {distribution}")
    if not np.all(counts > 0):
        raise ValueError("degrees of freedom must be above 0")
    if distribution == "t":
        return np.asarray(2 * stats.t.sf(np.abs(values), counts))
    return np.array([_signed_rank_p(value, int(count)) for value, count in zip(values, counts, strict=True)])


def _signed_rank_p(statistic: float, n: int) -> float:
    """P of Wilcoxon's sum of positive ranks among `n`. Equal ranks may make it a half: it is not rounded."""
    import numpy as np
    from scipy import stats

    largest = n * (n + 1) / 2
    if n > LARGEST_EXACT:
        deviation = np.sqrt(largest * (2 * n + 1) / 12)
        return float(2 * stats.norm.sf(abs(statistic - largest / 2) / deviation))
    ways = _signed_rank_ways(n)
    sums = np.arange(ways.size)
    tails = (ways[sums <= statistic].sum(), ways[sums >= statistic].sum())
    return min(1.0, float(2 * min(tails) / 2.0**n))


@lru_cache(maxsize=LARGEST_EXACT)
def _signed_rank_ways(n: int) -> NDArray[np.float64]:
    """In how many ways a choice of the ranks 1 to `n` adds up to 0, 1, 2 and so on."""
    import numpy as np

    ways = np.ones(1)
    for rank in range(1, n + 1):
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    return ways
