"""Contract of `fx_rates`: reference exchange rates by day."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import ID_PATTERN, between, matches, within_dates

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation

FIRST_ECB_FIXING = "1999-01-04"


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        matches(gxe, "base_currency", r"^[A-Z]{3}$", "base_currency is not an ISO 4217 code"),
        matches(gxe, "quote_currency", r"^[A-Z]{3}$", "quote_currency is not an ISO 4217 code"),
        between(gxe, "rate", "rate is not above zero", low=0, above=True),
        matches(gxe, "provider", ID_PATTERN, "provider is not an id in snake_case"),
        *within_dates(gxe, ["rate_date"], earliest=FIRST_ECB_FIXING),
    ]


TABLE = RawTable(
    name="fx_rates",
    description="One row per provider, currency pair and day; days without a fixing have no row.",
    columns=(
        Column("provider", ColumnType.TEXT, "Who fixes the rate: `ecb`.", required=True),
        Column("base_currency", ColumnType.TEXT, "One unit of this ...", required=True),
        Column("quote_currency", ColumnType.TEXT, "... costs `rate` of this.", required=True),
        Column("rate_date", ColumnType.DATE, "Day of the fixing.", required=True),
        Column("rate", ColumnType.NUMBER, "Price of the base.", unit="quote per base", required=True),
        Column("source_url", ColumnType.TEXT, "Where it can be read."),
    ),
    key=("provider", "base_currency", "quote_currency", "rate_date"),
    partition_by=("rate_date",),
    rules=rules,
)
