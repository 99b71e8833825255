"""Cross-correlations of the pairs of series: autoregressions and resampling are no SQL."""


def model(dbt, session):
    """One row per pair and lag, or one without a lag and with the reason."""
    dbt.config(materialized="table")
    from zlib import crc32

    import numpy as np
    import pandas as pd

    from ingestion.statistics.lead_lag import NotComparableError, compare

    key = ["episode_id", "platform_id", "leader_series_id", "follower_series_id", "scale"]
    pairs = dbt.ref("int_lead_lag_pairs").df().sort_values(key)
    values = dbt.ref("int_lead_lag_values").df()
    levels = {
        place: rows.set_index("time_at")["level"].sort_index()
        for place, rows in values.groupby(["episode_id", "scale", "series_id"])
    }

    rows = []
    for pair in pairs.to_dict("records"):
        place = {name: pair[name] for name in key}
        # The last day of an hourly comparison is a whole one.
        end = pair["last_date"] + pd.Timedelta(hours=24 - pair["step_hours"])
        clock = pd.date_range(pair["first_date"], end, freq=f"{pair['step_hours']}h")
        x, y = (
            levels[pair["episode_id"], pair["scale"], pair[side]].reindex(clock).to_numpy(float)
            for side in ("leader_series_id", "follower_series_id")
        )
        try:
            found = compare(
                x,
                y,
                max_lag=pair["max_lag"],
                minimum=pair["minimum"],
                seed=crc32("|".join(place.values()).encode()),
            )
        except NotComparableError as error:
            shared = int((np.isfinite(x) & np.isfinite(y)).sum())
            rows.append(place | {"shared": shared, "null_reason": str(error)})
            continue
        told = {
            "shared": found.shared,
            "ar_order": found.order,
            "best_lag": found.best.lag,
            "next_best_lag": found.next_best and found.next_best.lag,
            "chance": found.chance,
            "lag_lower": found.lag_lower,
            "lag_upper": found.lag_upper,
            "granger_lags": found.granger_lags,
            "granger_forward": found.granger_x_to_y,
            "granger_backward": found.granger_y_to_x,
        }
        rows.extend(place | told | vars(lag) for lag in found.lags)
    counts = ("shared", "ar_order", "best_lag", "next_best_lag", "lag_lower", "lag_upper", "granger_lags")
    types = {
        **dict.fromkeys(key, "str"),
        **dict.fromkeys((*counts, "lag", "points"), "Int64"),
        **dict.fromkeys(("rho", "band", "bootstrap_band", "chance"), "float64"),
        **dict.fromkeys(("granger_forward", "granger_backward"), "float64"),
        "null_reason": "str",
    }
    return pd.DataFrame(rows, columns=list(types)).astype(types)
