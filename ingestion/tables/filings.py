"""Contract of `filings`: filings of watched companies, as the SEC lists them."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, RawTable, WatchedIds
from ingestion.tables._shared import matches, within_dates

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation


def rules(gxe: ModuleType, watched: WatchedIds) -> list[Expectation]:
    return [
        matches(gxe, "cik", r"^\d{10}$", "cik is not ten digits"),
        matches(gxe, "accession_number", r"^\d{10}-\d{2}-\d{6}$", "accession_number is not one"),
        *within_dates(gxe, ["filed_date"], earliest="1993-01-01"),
    ]


TABLE = RawTable(
    name="filings",
    description="One row per company and filing: a filing may be of several companies.",
    columns=(
        Column("accession_number", ColumnType.TEXT, "Names the filing.", required=True),
        Column("cik", ColumnType.TEXT, "SEC central index key, ten digits.", required=True),
        Column("form", ColumnType.TEXT, "10-K, 8-K, ...", required=True),
        Column("filed_date", ColumnType.DATE, "Day of filing, Eastern.", required=True),
        Column("report_date", ColumnType.DATE, "Period that it reports on."),
        Column(
            "accepted_at",
            ColumnType.INSTANT,
            "When the SEC accepted it (UTC): often after the close of the exchange.",
        ),
        Column("items", ColumnType.TEXT, "8-K items."),
        Column("primary_document", ColumnType.TEXT, "File name of the main document."),
        Column("description", ColumnType.TEXT, "As the SEC describes the main document."),
        Column("source_url", ColumnType.TEXT, "Where it can be read."),
    ),
    key=("cik", "accession_number"),
    partition_by=("filed_date",),
    rules=rules,
)
