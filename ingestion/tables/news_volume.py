"""Contract of `news_volume`: how many items a news source showed on a subject, out of how many in all."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import (
    SUBJECT_TYPES,
    between,
    known_zone,
    matches,
    on_the_watchlist,
    watched_subjects,
    within_dates,
)

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation

BATCH_PATTERN = r"^(?:day|\d{14})$"


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        on_the_watchlist(gxe, "subject_id", watched_subjects(watched)),
        matches(gxe, "batch", BATCH_PATTERN, "batch is neither day nor a stamp of fourteen digits"),
        between(gxe, "matching_items", "matching_items is negative", low=0),
        between(gxe, "monitored_items", "monitored_items is negative", low=0),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="monitored_items",
            column_B="matching_items",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            severity="critical",
            meta={"rule": "more items match than were monitored"},
        ),
        known_zone(gxe, "day_zone"),
        *within_dates(gxe, ["news_date"]),
    ]


TABLE = RawTable(
    name="news_volume",
    description="One row per news source, subject, news day and batch: both counts, never only their ratio.",
    columns=(
        Column("signal", ColumnType.TEXT, "The news source that was counted.", required=True),
        Column(
            "subject_type",
            ColumnType.TEXT,
            "What `subject_id` is.",
            required=True,
            allowed=SUBJECT_TYPES,
        ),
        Column("subject_id", ColumnType.TEXT, "The platform or company.", required=True),
        Column("news_date", ColumnType.DATE, "Day in `day_zone`.", required=True),
        Column("day_zone", ColumnType.TEXT, "IANA zone of the day.", required=True),
        Column(
            "batch",
            ColumnType.TEXT,
            "The part of the day that was counted: `day`, or a stamp, `YYYYMMDDHHMMSS` in UTC. Parts add up.",
            required=True,
        ),
        Column("item_kind", ColumnType.TEXT, "What is counted: topics, articles.", required=True),
        Column("matching_items", ColumnType.INTEGER, "Items that name the subject.", unit="items"),
        Column("monitored_items", ColumnType.INTEGER, "Items in all.", unit="items"),
        Column("distinct_outlets", ColumnType.INTEGER, "Outlets behind the matches.", unit="outlets"),
        Column("source_url", ColumnType.TEXT, "Where the counts come from."),
        Column("note", ColumnType.TEXT, "What a reader must know about this row."),
    ),
    key=("signal", "subject_type", "subject_id", "news_date", "batch"),
    partition_by=("news_date",),
    rules=rules,
)
