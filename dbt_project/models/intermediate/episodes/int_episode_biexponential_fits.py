"""Bi-exponential decays of the episodes' series: what least squares on a curve needs, and SQL lacks."""

from typing import Any


def model(dbt: Any, session: Any) -> Any:
    import pandas as pd

    from ingestion.statistics.decay import fit_biexponential

    dbt.config(materialized="table")
    points = dbt.ref("int_episode_decay_points").df()
    points = points.sort_values(["episode_id", "platform_id", "series_id", "series_date"])
    rows = []
    for key, days in points.groupby(["episode_id", "platform_id", "series_id"], sort=True):
        fit = fit_biexponential(
            days["days_since_peak"].to_numpy(float), days["value"].to_numpy(float), days["baseline"].iloc[0]
        )
        if fit is not None:
            rows.append((*key, fit.n, fit.p, fit.r, fit.q, fit.aic))
    types = dict.fromkeys(("episode_id", "platform_id", "series_id"), "str")
    types |= dict.fromkeys(("n", "p", "r", "q", "aic"), "float64")
    return pd.DataFrame(rows, columns=list(types)).astype(types)
