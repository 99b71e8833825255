"""Contract of `attention`: page views and hot-search counts, with what was monitored and what was cut off."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import (
    SUBJECT_TYPES,
    between,
    known_zone,
    on_the_watchlist,
    watched_subjects,
    within_dates,
)

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        on_the_watchlist(gxe, "subject_id", watched_subjects(watched)),
        between(gxe, "value", "value is negative", low=0),
        between(gxe, "monitored_total", "monitored_total is negative", low=0),
        between(gxe, "best_rank", "best_rank is below 1", low=1),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="monitored_total",
            column_B="value",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            severity="critical",
            meta={"rule": "value is more than all that was monitored"},
        ),
        known_zone(gxe, "day_zone"),
        *_value_goes_with_its_status(gxe),
        *within_dates(gxe, ["attention_date"]),
    ]


def _value_goes_with_its_status(gxe: ModuleType) -> list[Expectation]:
    """A value was observed or it is NULL; a zero must not stand for what nobody saw."""
    from great_expectations.expectations.row_conditions import Column as Condition

    return [
        gxe.ExpectColumnValuesToNotBeNull(
            column="value",
            row_condition=Condition("value_status") == "observed",
            severity="critical",
            meta={"rule": "value is missing though it was observed"},
        ),
        gxe.ExpectColumnValuesToBeNull(
            column="value",
            row_condition=Condition("value_status") != "observed",
            severity="critical",
            meta={"rule": "there is a value though none was observed"},
        ),
    ]


TABLE = RawTable(
    name="attention",
    description="One row per signal, subject, item and day.",
    columns=(
        Column(
            "signal",
            ColumnType.TEXT,
            "`wikipedia_pageviews`, `wikipedia_top_list`, `weibo_hot_search`.",
            required=True,
        ),
        Column(
            "subject_type",
            ColumnType.TEXT,
            "What `subject_id` is.",
            required=True,
            allowed=SUBJECT_TYPES,
        ),
        Column("subject_id", ColumnType.TEXT, "The platform or company.", required=True),
        Column("item", ColumnType.TEXT, "The page, or `all titles` of a search list.", required=True),
        Column("attention_date", ColumnType.DATE, "Day in `day_zone`.", required=True),
        Column("day_zone", ColumnType.TEXT, "IANA zone of the day.", required=True),
        Column("value", ColumnType.NUMBER, "The count; NULL unless observed.", unit="see unit"),
        Column("unit", ColumnType.TEXT, "`views`, `title_hours`.", required=True),
        Column(
            "value_status",
            ColumnType.TEXT,
            "observed; below_cutoff: looked for, less than `cutoff_value`; not_fetched: not looked at.",
            required=True,
            allowed=("observed", "below_cutoff", "not_fetched"),
        ),
        Column("cutoff_value", ColumnType.NUMBER, "The least value that was shown.", unit="see unit"),
        Column("monitored_total", ColumnType.NUMBER, "The same count over all items.", unit="see unit"),
        Column("captures", ColumnType.INTEGER, "Readings that the day is made of.", unit="captures"),
        Column("captures_expected", ColumnType.INTEGER, "Readings of a day without gaps.", unit="captures"),
        Column("distinct_items", ColumnType.INTEGER, "Different titles that matched.", unit="titles"),
        Column(
            "monitored_distinct_items", ColumnType.INTEGER, "Different titles that were shown.", unit="titles"
        ),
        Column("best_rank", ColumnType.INTEGER, "Best position on the day.", unit="rank"),
        Column("max_heat", ColumnType.NUMBER, "Highest score shown (cumulative: never sum).", unit="score"),
        Column("source_url", ColumnType.TEXT, "Where the counts come from."),
        Column("note", ColumnType.TEXT, "What a reader must know about this row."),
    ),
    key=("signal", "subject_type", "subject_id", "item", "attention_date"),
    partition_by=("attention_date",),
    rules=rules,
)
