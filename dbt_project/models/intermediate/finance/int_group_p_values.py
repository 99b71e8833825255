"""P-values of the tests over firms: Student's t with any degrees of freedom and Wilcoxon's are no SQL."""


def model(dbt, session):
    """One row per event, group, window and test that has a statistic."""
    dbt.config(materialized="table")
    from ingestion.statistics.p_values import two_sided_p

    key = ["event_id", "group_kind", "group_id", "window_start", "window_end", "test"]
    kinds = dbt.ref("event_study_test_kinds").df().set_index("test")["distribution"]
    rows = dbt.ref("int_group_statistics").filter("statistic is not null").df().sort_values(key)
    rows["distribution"] = rows["test"].map(kinds)
    rows["p_value"] = rows["statistic"].astype("float64")
    for distribution, members in rows.groupby("distribution", sort=True):
        p = two_sided_p(members["statistic"], distribution, members["degrees_of_freedom"])
        rows.loc[members.index, "p_value"] = p
    # Columns without a row have no type of their own.
    types = dict.fromkeys(("event_id", "group_kind", "group_id", "test"), "str")
    types |= dict.fromkeys(("window_start", "window_end"), "int64")
    return rows[[*key, "p_value"]].astype(types)
