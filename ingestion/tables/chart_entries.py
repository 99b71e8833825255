"""Contract of `chart_entries`: the apps that a capture found, by rank."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import (
    CHART_PATTERN,
    COUNTRY_PATTERN,
    between,
    matches,
    on_the_watchlist,
    within_dates,
)
from ingestion.tables.chart_captures import CAPTURE_ID, CHART_COLUMNS

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        matches(gxe, "country", COUNTRY_PATTERN, "country is not an ISO 3166-1 alpha-2 code"),
        matches(gxe, "chart", CHART_PATTERN, "chart is not a known kind of list"),
        between(gxe, "rank", "rank is not between 1 and 1000", low=1, high=1000),
        on_the_watchlist(gxe, "platform_id", watched.platforms),
        *within_dates(gxe, ["store_date"]),
    ]


TABLE = RawTable(
    name="chart_entries",
    description="One row per capture and rank: the app that held the rank.",
    columns=(
        CAPTURE_ID,
        *CHART_COLUMNS,
        Column("rank", ColumnType.INTEGER, "Position, 1 is the top.", unit="rank", required=True),
        Column("store_app_id", ColumnType.TEXT, "Numeric id or package name in the store."),
        Column(
            "platform_id",
            ColumnType.TEXT,
            "Only where no store id was given and a person read whose app it is.",
        ),
        Column("app_name", ColumnType.TEXT, "As shown; never a key.", required=True),
    ),
    key=("capture_id", "rank"),
    partition_by=("store_date",),
    rules=rules,
)
