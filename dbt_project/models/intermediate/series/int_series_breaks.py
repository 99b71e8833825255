"""One row per series, regime, stretch of days, penalty factor and break."""


def model(dbt, session):
    dbt.config(materialized="table")
    import pandas as pd

    from ingestion.statistics.breaks import PENALTIES, breaks_of

    stretches = dbt.ref("int_series_stretches").df()
    rows = []
    key = ["series_id", "regime", "stretch"]
    ordered = stretches.sort_values([*key, "series_date"])
    for (series_id, regime, stretch), days in ordered.groupby(key, sort=True):
        found = breaks_of(days["level"].to_numpy())
        for factor in PENALTIES:
            dates = [days["series_date"].iloc[at] for at in found.positions.get(factor, [])]
            for number, date in enumerate([pd.NaT, *dates]):
                rows.append(
                    (
                        series_id, int(regime), stretch, factor, number, date,
                        days["series_date"].iloc[0], days["series_date"].iloc[-1], len(days),
                        found.sigma, found.null_reason,
                    )
                )  # fmt: skip
    types = {
        "series_id": "str", "regime": "int64", "stretch": "str", "penalty_factor": "float64",
        "break_number": "int64", "break_date": "datetime64[us]", "first_date": "datetime64[us]",
        "last_date": "datetime64[us]", "days": "int64", "sigma": "float64", "null_reason": "str",
    }  # fmt: skip
    return pd.DataFrame(rows, columns=list(types)).astype(types)
