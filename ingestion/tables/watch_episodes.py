"""Contract of `watch_episodes`: the migrations that are followed."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import GEOGRAPHY_PATTERN, matches, on_the_watchlist, within_dates

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        on_the_watchlist(gxe, "origin_platform_id", watched.platforms),
        matches(gxe, "geography", GEOGRAPHY_PATTERN, "geography is neither a country nor global"),
        *within_dates(gxe, ["window_start", "window_end"]),
    ]


TABLE = RawTable(
    name="watch_episodes",
    description="One row per episode.",
    columns=(
        Column("episode_id", ColumnType.TEXT, "Id in snake_case.", required=True),
        Column("title", ColumnType.TEXT, "What it is about, in one line.", required=True),
        Column("origin_platform_id", ColumnType.TEXT, "The platform that people leave.", required=True),
        Column("geography", ColumnType.TEXT, "Where they leave it.", required=True),
        Column(
            "window_start",
            ColumnType.DATE,
            "First day of interest, in the geography's own zone.",
            required=True,
        ),
        Column("window_end", ColumnType.DATE, "Last day of interest.", required=True),
    ),
    key=("episode_id",),
    partition_by=("observed_at",),
    rules=rules,
)
