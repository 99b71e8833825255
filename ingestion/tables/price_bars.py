"""Contract of `price_bars`: daily prices as they were seen on one day (their vintage).

Adjusted prices change backwards at every dividend, so a vintage is never mixed with another.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import between, matches, within_dates

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        matches(gxe, "exchange", r"^[A-Z0-9]{4}$", "exchange is not a market identifier code"),
        matches(gxe, "currency", r"^[A-Z]{3}$", "currency is not an ISO 4217 code"),
        between(gxe, "close", "close is not above zero", low=0, above=True),
        between(gxe, "adjusted_close", "adjusted_close is not above zero", low=0, above=True),
        between(gxe, "volume_shares", "volume_shares is negative", low=0),
        *within_dates(gxe, ["session_date", "vintage_date"]),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="vintage_date",
            column_B="session_date",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            severity="critical",
            meta={"rule": "the price was seen before its session"},
        ),
    ]


TABLE = RawTable(
    name="price_bars",
    description="One row per exchange, symbol, session and vintage.",
    columns=(
        Column("exchange", ColumnType.TEXT, "Market identifier code (ISO 10383).", required=True),
        Column("symbol", ColumnType.TEXT, "Ticker on that exchange.", required=True),
        Column("session_date", ColumnType.DATE, "Exchange day, in its own zone.", required=True),
        Column("vintage_date", ColumnType.DATE, "Day on which the series was seen.", required=True),
        Column("close", ColumnType.NUMBER, "Close, not adjusted for dividends.", unit="see currency"),
        Column(
            "adjusted_close",
            ColumnType.NUMBER,
            "Close adjusted for splits and dividends as known at the vintage.",
            unit="see currency",
            required=True,
        ),
        Column("volume_shares", ColumnType.INTEGER, "Shares traded.", unit="shares"),
        Column("currency", ColumnType.TEXT, "ISO 4217 code.", required=True),
        Column("provider", ColumnType.TEXT, "Whose series it is.", required=True),
        Column("source_url", ColumnType.TEXT, "Where it can be read."),
    ),
    key=("exchange", "symbol", "session_date", "vintage_date"),
    partition_by=("vintage_date",),
    rules=rules,
)
