"""Contract of `watch_companies`: the companies behind the platforms, and those whose shares may move."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import ID_PATTERN, matches

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        matches(gxe, "company_id", ID_PATTERN, "company_id is not in snake_case"),
        matches(gxe, "cik", r"^\d{10}$", "cik is not ten digits"),
    ]


TABLE = RawTable(
    name="watch_companies",
    description="One row per company.",
    columns=(
        Column("company_id", ColumnType.TEXT, "Id in snake_case.", required=True),
        Column("name", ColumnType.TEXT, "Name for people.", required=True),
        Column("exchange", ColumnType.TEXT, "Market identifier code (ISO 10383), where listed."),
        Column("symbol", ColumnType.TEXT, "Ticker, where listed."),
        Column("cik", ColumnType.TEXT, "SEC central index key, ten digits, where it files there."),
        Column("currency", ColumnType.TEXT, "Currency of the quote, ISO 4217."),
        Column("benchmark_symbol", ColumnType.TEXT, "What its returns are measured against."),
        Column(
            "role",
            ColumnType.TEXT,
            "Why it is watched.",
            required=True,
            allowed=("platform_owner", "competitor", "beneficiary", "benchmark"),
        ),
    ),
    key=("company_id",),
    partition_by=("observed_at",),
    rules=rules,
)
