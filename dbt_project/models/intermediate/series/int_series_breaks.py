"""One row per series, regime, stretch of days, penalty factor and break."""


def model(dbt, session):
    dbt.config(materialized="table")
    import pandas as pd

    from ingestion.statistics.breaks import PENALTIES, breaks_of

    key = "series_id, regime, stretch"
    stretches = dbt.ref("int_series_stretches").aggregate(
        f"{key}, list(level order by series_date) as levels, list(series_date order by series_date) as dates",
        key,
    )
    # Arrays: a list of Python's own values takes longer to make than to search.
    columns = stretches.order(key).fetchnumpy()
    rows = []
    for series_id, regime, stretch, levels, dates in zip(*columns.values(), strict=True):
        found = breaks_of(levels)
        for factor in PENALTIES:
            breaks = [dates[at] for at in found.positions.get(factor, [])]
            for number, date in enumerate([pd.NaT, *breaks]):
                rows.append(
                    (
                        series_id, regime, stretch, factor, number, date,
                        dates[0], dates[-1], len(dates), found.sigma, found.null_reason,
                    )
                )  # fmt: skip
    types = {
        "series_id": "str", "regime": "int64", "stretch": "str", "penalty_factor": "float64",
        "break_number": "int64", "break_date": "datetime64[us]", "first_date": "datetime64[us]",
        "last_date": "datetime64[us]", "days": "int64", "sigma": "float64", "null_reason": "str",
    }  # fmt: skip
    return pd.DataFrame(rows, columns=list(types)).astype(types)
