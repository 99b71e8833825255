"""Contract of `watch_platforms`: the platforms that are watched, with their owners."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import ID_PATTERN, matches

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        matches(gxe, "platform_id", ID_PATTERN, "platform_id is not in snake_case"),
    ]


TABLE = RawTable(
    name="watch_platforms",
    description="One row per watched platform.",
    columns=(
        Column("platform_id", ColumnType.TEXT, "Id in snake_case.", required=True),
        Column("name", ColumnType.TEXT, "Name for people.", required=True),
        Column("owner_company_id", ColumnType.TEXT, "Company that owns it, where it is on the watchlist."),
        Column(
            "kind",
            ColumnType.TEXT,
            "What people do there: short_video, social, chat_assistant, ...",
            required=True,
        ),
    ),
    key=("platform_id",),
    partition_by=("observed_at",),
    rules=rules,
)
