"""Contract of `article_mentions`: which platforms an article names, and by which name."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import between, on_the_watchlist, within_dates

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        on_the_watchlist(gxe, "platform_id", watched.platforms),
        between(gxe, "mentions", "mentions is below 1", low=1),
        *within_dates(gxe, ["published_date"]),
    ]


TABLE = RawTable(
    name="article_mentions",
    description="One row per article and platform that it names.",
    columns=(
        Column("article_id", ColumnType.TEXT, "The article.", required=True),
        Column("platform_id", ColumnType.TEXT, "The platform that is meant.", required=True),
        Column(
            "alias", ColumnType.TEXT, "The name that was found, as the watchlist writes it.", required=True
        ),
        Column(
            "found_in",
            ColumnType.TEXT,
            "Where it was found: the first of title, entities, text, url.",
            required=True,
            allowed=("title", "entities", "text", "url"),
        ),
        Column("mentions", ColumnType.INTEGER, "How often.", unit="mentions"),
        Column("context", ColumnType.TEXT, "For ambiguous names: the word that settled it."),
        Column("published_date", ColumnType.DATE, "Day of the article, as in `articles`."),
    ),
    key=("article_id", "platform_id"),
    partition_by=("published_date", "observed_at"),
    rules=rules,
)
