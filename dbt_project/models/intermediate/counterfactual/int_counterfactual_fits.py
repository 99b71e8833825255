"""Counterfactuals of the designed series: a Kalman filter is no SQL."""


def model(dbt, session):
    """One row per episode, series, date (true or placebo) and day from that date on, or one with a reason."""
    dbt.config(materialized="table")
    import pandas as pd

    from ingestion.statistics.counterfactual import NotEstimableError, estimate
    from ingestion.statistics.remembered import code_now, digest_of, remembered

    key = ["episode_id", "platform_id", "series_id", "is_placebo"]
    designs = dbt.ref("int_counterfactual_designs").df().sort_values(key)
    days_known = dbt.ref("int_counterfactual_days").df()
    candidates = dbt.ref("int_counterfactual_candidates").filter("is_clean").df()
    panels = {
        episode: days.pivot(index="series_date", columns="series_id", values="value")
        for episode, days in days_known.groupby("episode_id", sort=True)
    }
    clean = {
        place: sorted(names)
        for place, names in candidates.groupby(["episode_id", "series_id"])["control_series_id"]
    }

    # A fit takes seconds, and most are of days long past.
    code = code_now(session)
    known = remembered(session, str(dbt.this)) if code else {}
    tables = []
    for design in designs.to_dict("records"):
        place = {name: design[name] for name in key}
        days = pd.date_range(design["first_date"], design["last_date"])
        names = clean.get((design["episode_id"], design["series_id"]), [])
        panel = panels.get(design["episode_id"], pd.DataFrame())
        panel = panel.reindex(index=days, columns=[design["series_id"], *names]).to_numpy(float)
        inputs = digest_of(code, *place.values(), days[0], design["event_date"], *names, panel.tobytes())
        if inputs in known:
            tables.append(known[inputs])
            continue
        try:
            found = estimate(panel[:, 0], int(days.searchsorted(design["event_date"])), panel[:, 1:])
        except NotEstimableError as error:
            tables.append(pd.DataFrame([place | {"inputs": inputs, "null_reason": str(error)}]))
            continue
        tables.append(
            pd.DataFrame(
                {
                    "series_date": days[days >= design["event_date"]],
                    "observed_days": found.observed_days,
                    "observed_sum": found.observed_sums,
                    **{f"daily_{name}": bound for name, bound in vars(found.daily).items()},
                    **{f"sum_{name}": bound for name, bound in vars(found.to_date).items()},
                }
            ).assign(
                **place,
                inputs=inputs,
                controls_used=", ".join(names[column] for column in sorted(found.controls)) or None,
                controls_used_count=len(found.controls),
                has_weekly_pattern=found.has_weekly_pattern,
                has_free_level=found.has_free_level,
                pre_days=found.pre_days,
                mape=found.mape,
                wape=found.wape,
            )
        )
    bounds = ("mean", "lower_90", "upper_90", "lower_95", "upper_95", "tail_probability")
    types = {
        **dict.fromkeys(key[:3], "str"), "is_placebo": "bool", "inputs": "str", "null_reason": "str",
        "series_date": "datetime64[us]", "observed_days": "Int64", "observed_sum": "float64",
        **{f"{of}_{name}": "float64" for of in ("daily", "sum") for name in bounds},
        "controls_used": "str", "controls_used_count": "Int64", "has_weekly_pattern": "boolean",
        "has_free_level": "boolean", "pre_days": "Int64", "mape": "float64", "wape": "float64",
    }  # fmt: skip
    fits = pd.concat(tables) if tables else pd.DataFrame()
    return fits.reindex(columns=list(types)).astype(types)
