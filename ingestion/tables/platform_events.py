"""Contract of `platform_events`: the laws, courts, delistings, outages and milestones of an episode."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import (
    GEOGRAPHY_PATTERN,
    ID_PATTERN,
    known_zone,
    matches,
    on_the_watchlist,
    published_columns,
    within_dates,
)

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation

EVENT_TYPES = (
    "law",
    "court",
    "executive_order",
    "press",
    "delisted",
    "relisted",
    "service_dark",
    "service_restored",
    "chart_milestone",
)


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        matches(gxe, "event_id", ID_PATTERN, "event_id is not in snake_case"),
        matches(gxe, "geography", GEOGRAPHY_PATTERN, "geography is neither a country nor global"),
        on_the_watchlist(gxe, "platform_id", watched.platforms),
        on_the_watchlist(gxe, "episode_id", watched.episodes),
        known_zone(gxe, "event_zone"),
        *within_dates(gxe, ["event_date"]),
    ]


TABLE = RawTable(
    name="platform_events",
    description="One row per event and platform that it touches.",
    columns=(
        Column("event_id", ColumnType.TEXT, "Names the event.", required=True),
        Column("platform_id", ColumnType.TEXT, "A platform that it touches.", required=True),
        Column("episode_id", ColumnType.TEXT, "The episode it belongs to.", required=True),
        Column("event_type", ColumnType.TEXT, "What kind it is.", required=True, allowed=EVENT_TYPES),
        Column("title", ColumnType.TEXT, "What happened, in the project's own words.", required=True),
        Column("event_date", ColumnType.DATE, "Day in `event_zone`.", required=True),
        Column("event_zone", ColumnType.TEXT, "IANA zone of the day.", required=True),
        Column("event_at", ColumnType.INSTANT, "The instant, where known (UTC)."),
        Column(
            "event_at_precision",
            ColumnType.TEXT,
            "How exact `event_at` is.",
            allowed=("minute", "hour", "part_of_day"),
        ),
        Column("geography", ColumnType.TEXT, "Where it holds.", required=True),
        Column(
            "is_market_event",
            ColumnType.BOOLEAN,
            "Whether stock prices are studied around it.",
            required=True,
        ),
        *published_columns(),
    ),
    key=("event_id", "platform_id"),
    partition_by=("event_date",),
    rules=rules,
    may_look_ahead=True,
)
