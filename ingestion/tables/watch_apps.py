"""Contract of `watch_apps`: the store listings of the watched platforms."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import STORES, on_the_watchlist

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        on_the_watchlist(gxe, "platform_id", watched.platforms),
    ]


TABLE = RawTable(
    name="watch_apps",
    description="One row per platform and store.",
    columns=(
        Column("platform_id", ColumnType.TEXT, "Whose app it is.", required=True),
        Column("store", ColumnType.TEXT, "The app store.", required=True, allowed=STORES),
        Column("store_app_id", ColumnType.TEXT, "Numeric id or package; NULL where unknown."),
        Column("bundle_id", ColumnType.TEXT, "Bundle id or package."),
        Column(
            "id_status",
            ColumnType.TEXT,
            "How sure the id is.",
            required=True,
            allowed=("verified", "unverified", "unknown"),
        ),
        Column("app_name", ColumnType.TEXT, "Name in the store; never a key.", required=True),
        Column("note", ColumnType.TEXT, "What a reader must know about this row."),
    ),
    key=("platform_id", "store"),
    partition_by=("observed_at",),
    rules=rules,
)
