"""Contract of `watch_storefronts`: the countries whose charts are watched, with the zone of their days."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import COUNTRY_PATTERN, matches

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        matches(gxe, "country", COUNTRY_PATTERN, "country is not an ISO 3166-1 alpha-2 code"),
    ]


TABLE = RawTable(
    name="watch_storefronts",
    description="One row per country.",
    columns=(
        Column("country", ColumnType.TEXT, "ISO 3166-1 alpha-2.", required=True),
        Column("store_zone", ColumnType.TEXT, "IANA zone of the storefront's days.", required=True),
    ),
    key=("country",),
    partition_by=("observed_at",),
    rules=rules,
)
