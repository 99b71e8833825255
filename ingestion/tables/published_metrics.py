"""Contract of `published_metrics`: what a vendor, a company or a newspaper reported.

One row is one provider's statement. Providers disagree; nothing here is averaged or preferred.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import (
    DATE_PRECISIONS,
    GEOGRAPHY_PATTERN,
    SUBJECT_TYPES,
    URL_PATTERN,
    matches,
    on_the_watchlist,
    published_columns,
    within_dates,
)

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        matches(gxe, "geography", GEOGRAPHY_PATTERN, "geography is neither a country nor global"),
        matches(gxe, "source_url", URL_PATTERN, "source_url is not an http address", severity="warning"),
        on_the_watchlist(gxe, "platform_id", watched.platforms),
        on_the_watchlist(gxe, "episode_id", watched.episodes),
        *within_dates(gxe, ["observed_date", "published_date"]),
    ]


TABLE = RawTable(
    name="published_metrics",
    description="One row per provider's statement.",
    columns=(
        Column("statement_id", ColumnType.TEXT, "Names the statement.", required=True),
        Column("episode_id", ColumnType.TEXT, "The episode it was collected for."),
        Column(
            "subject_type",
            ColumnType.TEXT,
            "What the statement is about.",
            required=True,
            allowed=SUBJECT_TYPES,
        ),
        Column("subject_id", ColumnType.TEXT, "Platform, company, symbol or topic.", required=True),
        Column(
            "platform_id", ColumnType.TEXT, "The platform that it says something about, where there is one."
        ),
        Column("metric", ColumnType.TEXT, "dau, downloads_day, return_pct, ...", required=True),
        Column("channel", ColumnType.TEXT, "Where it was measured: usage, web, dns, a store, ..."),
        Column("geography", ColumnType.TEXT, "Country, or global, or unknown.", required=True),
        Column("observed_date", ColumnType.DATE, "The day that the figure is for.", required=True),
        Column(
            "date_precision",
            ColumnType.TEXT,
            "How exact `observed_date` is; a week or longer stands on its first day; unknown: a stand-in.",
            required=True,
            allowed=DATE_PRECISIONS,
        ),
        Column("value", ColumnType.NUMBER, "The figure; the middle of a range.", unit="see unit"),
        Column("value_low", ColumnType.NUMBER, "Lower end, where a range was given.", unit="see unit"),
        Column("value_high", ColumnType.NUMBER, "Upper end, where a range was given.", unit="see unit"),
        Column(
            "value_bound",
            ColumnType.TEXT,
            "Whether the true figure equals, is below or is above `value`.",
            required=True,
            allowed=("=", "<", ">"),
        ),
        Column("unit", ColumnType.TEXT, "users, downloads, pct, ...", required=True),
        Column("provider", ColumnType.TEXT, "Who measured it.", required=True),
        *published_columns(),
    ),
    key=("statement_id",),
    partition_by=("observed_date",),
    rules=rules,
)
