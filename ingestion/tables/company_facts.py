"""Contract of `company_facts`: figures that companies filed with the SEC, each as often as it was filed."""

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
        *within_dates(gxe, ["period_end", "filed_date"], earliest="1990-01-01"),
    ]


TABLE = RawTable(
    name="company_facts",
    description="One row per company, concept, unit, period and filing.",
    columns=(
        Column("cik", ColumnType.TEXT, "SEC central index key, ten digits.", required=True),
        Column("taxonomy", ColumnType.TEXT, "us-gaap, ifrs-full, dei, srt.", required=True),
        Column("concept", ColumnType.TEXT, "The tag, such as `Revenues`.", required=True),
        Column("unit", ColumnType.TEXT, "USD, CNY, shares, USD/shares, ...", required=True),
        Column("period_start", ColumnType.DATE, "First day; NULL for instants."),
        Column("period_end", ColumnType.DATE, "Last day, or the instant's day.", required=True),
        Column(
            "period_key",
            ColumnType.TEXT,
            "`start/end` or `end`: the period as one value, for the key.",
            required=True,
        ),
        Column("value", ColumnType.NUMBER, "The figure as filed.", unit="see unit", required=True),
        Column("accession_number", ColumnType.TEXT, "The filing that states it.", required=True),
        Column("form", ColumnType.TEXT, "10-K, 10-Q, 20-F, 6-K, ...", required=True),
        Column("filed_date", ColumnType.DATE, "When it was filed.", required=True),
        Column(
            "filing_fiscal_year",
            ColumnType.INTEGER,
            "Fiscal year of the FILING, not of the period.",
            unit="year",
        ),
        Column("filing_fiscal_period", ColumnType.TEXT, "Fiscal period of the FILING: FY, Q1, ..."),
        Column("frame", ColumnType.TEXT, "SEC's name of the calendar period; on one row a period at most."),
        Column("company_name", ColumnType.TEXT, "As filed."),
    ),
    key=("cik", "taxonomy", "concept", "unit", "period_key", "accession_number"),
    partition_by=("observed_at",),
    rules=rules,
)
