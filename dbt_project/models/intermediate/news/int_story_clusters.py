"""Which story each article tells. What counts as a copy is said, and tested, in `ingestion.syndication`."""

READ = (
    "article_id",
    "url",
    "outlet",
    "language",
    "published_date",
    "published_at",
    "published_precision",
    "title",
    "story_cluster_id",
    "relation",
    "observed_at",
)


def model(dbt, session):
    """All articles at once: a story does not depend on the order in which its articles came."""
    import pandas as pd

    from ingestion.syndication import Telling, tellings

    dbt.config(materialized="table")
    articles = dbt.ref("stg_raw__articles").select(", ".join(READ))
    rows = (dict(zip(READ, row, strict=True)) for row in articles.fetchall())
    told = pd.DataFrame(tellings(rows), columns=Telling._fields)
    # Without rows pandas knows no types.
    return told.astype({name: "bool" if name == "is_first_telling" else "str" for name in told.columns})
