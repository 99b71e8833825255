"""Contract of `watch_aliases`: the names under which a platform is talked about."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import matches, on_the_watchlist

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        on_the_watchlist(gxe, "platform_id", watched.platforms),
        matches(gxe, "language", r"^[a-z]{2,3}$", "language is not an ISO 639 code"),
    ]


TABLE = RawTable(
    name="watch_aliases",
    description="One row per platform, alias and language.",
    columns=(
        Column("platform_id", ColumnType.TEXT, "Who is meant.", required=True),
        Column("alias", ColumnType.TEXT, "The name, as written.", required=True),
        Column(
            "language", ColumnType.TEXT, "ISO 639 code, or `mul` where all languages use it.", required=True
        ),
        Column(
            "alias_kind",
            ColumnType.TEXT,
            "How the name came about.",
            required=True,
            allowed=("brand", "former_brand", "transliteration", "translation", "nickname"),
        ),
        Column(
            "is_ambiguous",
            ColumnType.BOOLEAN,
            "Whether it is also an ordinary word or another name.",
            required=True,
        ),
        Column("context_pattern", ColumnType.TEXT, "For ambiguous names: words that must stand near it."),
    ),
    key=("platform_id", "alias", "language"),
    partition_by=("observed_at",),
    rules=rules,
)
