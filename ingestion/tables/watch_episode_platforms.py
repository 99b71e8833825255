"""Contract of `watch_episode_platforms`: the places people may go to in an episode."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import on_the_watchlist

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        on_the_watchlist(gxe, "episode_id", watched.episodes),
        on_the_watchlist(gxe, "platform_id", watched.platforms),
    ]


TABLE = RawTable(
    name="watch_episode_platforms",
    description="One row per episode and destination platform.",
    columns=(
        Column("episode_id", ColumnType.TEXT, "The episode.", required=True),
        Column("platform_id", ColumnType.TEXT, "A possible destination.", required=True),
    ),
    key=("episode_id", "platform_id"),
    partition_by=("observed_at",),
    rules=rules,
)
