"""Contract of `article_claims`: figures that articles state, as they state them, traps included.

A claim is kept as it was made; whether it holds is judged in the warehouse (`fct_claims`).
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import (
    DATE_PRECISIONS,
    GEOGRAPHY_PATTERN,
    URL_PATTERN,
    matches,
    on_the_watchlist,
    within_dates,
)

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        matches(gxe, "url", URL_PATTERN, "url is not an http address"),
        matches(gxe, "geography", GEOGRAPHY_PATTERN, "geography is neither a country nor global"),
        on_the_watchlist(gxe, "platform_id", watched.platforms),
        *within_dates(gxe, ["as_of_date"]),
    ]


TABLE = RawTable(
    name="article_claims",
    description="One row per figure that an article states.",
    columns=(
        Column("claim_id", ColumnType.TEXT, "Names the claim.", required=True),
        Column("article_id", ColumnType.TEXT, "The article that makes it.", required=True),
        Column("url", ColumnType.TEXT, "Where it can be read.", required=True),
        Column("platform_id", ColumnType.TEXT, "Whom it is about.", required=True),
        Column("metric", ColumnType.TEXT, "What is claimed: dau, mau, revenue, ...", required=True),
        Column("value", ColumnType.NUMBER, "The figure, spelled out.", unit="see unit", required=True),
        Column("unit", ColumnType.TEXT, "users, downloads, usd, percent, ...", required=True),
        Column(
            "qualifier",
            ColumnType.TEXT,
            "How the article bounds it: exactly, about, less or more than.",
            required=True,
            allowed=("=", "~", "<", ">"),
        ),
        Column("geography", ColumnType.TEXT, "Country, or global, or unknown.", required=True),
        Column("as_of_date", ColumnType.DATE, "The day that the figure is said to stand for."),
        Column(
            "as_of_precision",
            ColumnType.TEXT,
            "How exact `as_of_date` is.",
            required=True,
            allowed=DATE_PRECISIONS,
        ),
        Column("as_of_text", ColumnType.TEXT, "The date as given, where it is not a plain day."),
        Column("attributed_to", ColumnType.TEXT, "Whom the article names as the figure's source."),
        Column("note", ColumnType.TEXT, "What a reader of the article noticed."),
    ),
    key=("claim_id",),
    partition_by=("as_of_date", "observed_at"),
    rules=rules,
)
