"""Columns and rules that several raw tables share.

Belongs here: what at least two contracts say in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING

from ingestion.contract import Column, ColumnType, WatchedIds

if TYPE_CHECKING:
    from great_expectations.expectations import Expectation

STORES = ("app_store", "google_play")
CONFIDENCES = ("A", "B", "C")
DATE_PRECISIONS = ("minute", "day", "week", "month", "quarter", "year", "unknown")
SUBJECT_TYPES = ("platform", "company", "symbol", "topic")

COUNTRY_PATTERN = r"^[A-Z]{2}$"
GEOGRAPHY_PATTERN = r"^(?:[A-Z]{2}|global|unknown)$"
ID_PATTERN = r"^[a-z0-9][a-z0-9_]*$"
URL_PATTERN = r"^https?://\S+$"
CHART_PATTERN = r"^top_(?:free|paid|grossing)_[a-z0-9_]+$"
EARLIEST_DATE = "2008-07-10"
"""The day the App Store opened: an earlier event date is a mistake of units or of the clock."""
LATEST_DATE = "2100-01-01"


def published_columns() -> tuple[Column, ...]:
    """Who said it, where it can be read, and how far it is to be trusted."""
    return (
        Column("publisher", ColumnType.TEXT, "The outlet where the statement was read."),
        Column("published_date", ColumnType.DATE, "The day the outlet published it, where known."),
        Column("source_url", ColumnType.TEXT, "Where it can be read."),
        Column(
            "confidence",
            ColumnType.TEXT,
            "A: named primary or wire source, or two outlets; B: one secondary outlet; C: weak.",
            allowed=CONFIDENCES,
        ),
        Column("note", ColumnType.TEXT, "What a reader must know about this row."),
    )


def within_dates(gxe: ModuleType, columns: Iterable[str], earliest: str = EARLIEST_DATE) -> list[Expectation]:
    """Event dates lie between `earliest` and the end of the century."""
    import pandas as pd

    return [
        gxe.ExpectColumnValuesToBeBetween(
            column=column,
            min_value=pd.Timestamp(earliest),
            max_value=pd.Timestamp(LATEST_DATE),
            severity="critical",
            meta={"rule": f"{column} is before {earliest} or after {LATEST_DATE}"},
        )
        for column in columns
    ]


def matches(
    gxe: ModuleType, column: str, pattern: str, wrong: str, severity: str = "critical"
) -> Expectation:
    """Values of `column` match `pattern`; `wrong` is the sentence said of those that do not."""
    return gxe.ExpectColumnValuesToMatchRegex(
        column=column, regex=pattern, severity=severity, meta={"rule": wrong}
    )


def between(
    gxe: ModuleType,
    column: str,
    wrong: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: bool = False,
    severity: str = "critical",
) -> Expectation:
    """Values of `column` lie in [low, high], or in (low, high] with `above`."""
    return gxe.ExpectColumnValuesToBeBetween(
        column=column,
        min_value=low,
        max_value=high,
        strict_min=above,
        severity=severity,
        meta={"rule": wrong},
    )


def known_zone(gxe: ModuleType, column: str) -> Expectation:
    """Zones are named as in the IANA database: marts convert days with them."""
    from zoneinfo import available_timezones

    return gxe.ExpectColumnValuesToBeInSet(
        column=column,
        value_set=sorted(available_timezones()),
        severity="critical",
        meta={"rule": f"{column} is no zone of the IANA database"},
    )


def on_the_watchlist(gxe: ModuleType, column: str, ids: frozenset[str]) -> Expectation:
    """Ids that are named must be declared in the watchlist; NULL names none."""
    return gxe.ExpectColumnValuesToBeInSet(
        column=column,
        value_set=sorted(ids),
        severity="critical",
        meta={"rule": f"{column} is not on the watchlist"},
    )


def watched_subjects(watched: WatchedIds) -> frozenset[str]:
    """Ids that a row about a platform or a company may name."""
    return watched.platforms | watched.companies
