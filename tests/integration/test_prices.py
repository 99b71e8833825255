"""Prices as Yahoo sends them through the lake and dbt: vintages that differ, and defects that it sends."""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from ingestion.settings import WATCHLIST, Home
from ingestion.source import Kind, Request, Row
from ingestion.sources.yahoo_chart import SOURCE
from ingestion.watchlist import parse_watchlist
from tests._support.answers import answer_of
from tests.integration.test_marts import prepare_lake, put, read, run_dbt

DAY = date
WARNING = "test.migration_observatory.fct_returns_daily_has_a_price_that_moves_by_more_than_75_percent"
SESSIONS = (DAY(2025, 1, 8), DAY(2025, 1, 10), DAY(2025, 1, 13))


def build(home: Home) -> dict[str, str]:
    """Builds the returns; gives the status of every node without its hash."""
    arguments = ("build", "--select", "+fct_returns_daily", "--exclude-resource-type", "unit_test")
    return {".".join(node.split(".")[:3]): status for node, status in run_dbt(home, *arguments).items()}


def company(symbol: str, benchmark: str | None = None) -> Row:
    return {
        "company_id": symbol.lower(), "name": symbol, "exchange": "XNYS", "symbol": symbol,
        "currency": "USD", "benchmark_symbol": benchmark, "role": "competitor",
    }  # fmt: skip


# --- vintages -------------------------------------------------------------------------------------


def seen(symbol: str, vintage: date, adjusted: tuple[float, ...], folder: Path) -> list[Row]:
    """Rows of a chart of these adjusted closes."""
    stamps = [int(datetime.combine(day, time(14, 30), UTC).timestamp()) for day in SESSIONS]
    series = list(adjusted)
    result = {
        "meta": {"symbol": symbol, "currency": "USD", "exchangeTimezoneName": "America/New_York"},
        "timestamp": stamps,
        "indicators": {"quote": [{"close": [100.0, 110.0, 99.0]}], "adjclose": [{"adjclose": series}]},
    }
    labels = {"exchange": "XNYS", "symbol": symbol, "upstream_symbol": symbol}
    request = Request(f"https://query1.finance.yahoo.com/{symbol}", Kind.JSON, vintage, labels)
    content = json.dumps({"chart": {"result": [result], "error": None}}).encode()
    answer = answer_of(request, content, folder=folder)
    return list(SOURCE.read(answer, parse_watchlist(WATCHLIST.read_bytes())).rows["price_bars"])


def test_a_return_never_mixes_two_vintages(home: Home, tmp_path: Path) -> None:
    """A dividend after the first vintage halves all prices before it; the newest session is in both.

    Across the vintages META would have fallen by 55 % on 13 January. SPY has no third vintage.
    """
    first, second, third = DAY(2025, 1, 13), DAY(2025, 1, 14), DAY(2025, 1, 15)
    prepare_lake(home)
    put(
        home,
        "price_bars",
        [
            *seen("META", first, (100, 110, 99), tmp_path),
            *seen("META", second, (50, 55, 49.5), tmp_path),
            *seen("META", third, (25, 27.5, 24.75), tmp_path),
            *seen("SPY", first, (100, 100, 100), tmp_path),
            *seen("SPY", second, (100, 100, 100), tmp_path),
        ],
    )
    put(home, "watch_companies", [company("META", "SPY"), company("SPY")])
    assert set(build(home).values()) == {"success", "pass"}
    told = read(
        home,
        "select session_date, vintage, adjusted_close, round(simple_return, 6) from marts.fct_returns_daily "
        "where symbol = 'META' order by session_date",
    )
    assert told == [
        (SESSIONS[0], second, 50, None),
        (SESSIONS[1], second, 55, 0.1),
        (SESSIONS[2], second, 49.5, -0.1),
    ]


def test_a_short_answer_does_not_wipe_a_history(home: Home, tmp_path: Path) -> None:
    """The next day's answer has the newest bar alone; the one after it is whole again."""
    first, second = DAY(2025, 1, 13), DAY(2025, 1, 14)
    whole, short = (
        seen("META", first, (100, 110, 99), tmp_path),
        seen("META", second, (50, 55, 49.5), tmp_path),
    )
    prepare_lake(home)
    put(home, "price_bars", [*whole, short[-1]])
    put(home, "watch_companies", [company("META")])
    assert set(build(home).values()) == {"success", "pass"}
    told = read(
        home, "select session_date, vintage, newest_vintage, adjusted_close from marts.fct_returns_daily"
    )
    assert told == [(day, first, second, price) for day, price in zip(SESSIONS, (100, 110, 99), strict=True)]


# --- defects --------------------------------------------------------------------------------------

DEFECTS = {
    "AET": "AET-L-1d-100x-error",
    "AETF": "AET-L-1d-100x-error-fixed",
    "SHIN": "4063-T-1d-bad-stock-split",
    "SHINF": "4063-T-1d-bad-stock-split-fixed",
    "TRA": "8TRA-DE-1d-missing-div-adjust",
    "TRAF": "8TRA-DE-1d-missing-div-adjust-fixed",
}


def bars_of(symbol: str, path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return [
            {
                "exchange": "XNYS",
                "symbol": symbol,
                "session_date": row["Date"][:10],
                "vintage_date": "2025-07-09",
                "close": row["Close"],
                "adjusted_close": row["Adj Close"],
                "currency": "USD",
                "provider": "yahoo_finance",
            }
            for row in csv.DictReader(file)
        ]


@pytest.fixture
def defects(home: Home, shared: Path) -> Home:
    """Recorded tables with a defect of Yahoo's each, beside their repaired twins."""
    folder = shared / "recordings" / "finance" / "yahoo_defects"
    prepare_lake(home)
    put(
        home,
        "price_bars",
        [row for symbol, name in DEFECTS.items() for row in bars_of(symbol, folder / f"{name}.csv")],
    )
    put(home, "watch_companies", [company(symbol) for symbol in DEFECTS])
    return home


def test_prices_in_pence_for_pounds_and_forgotten_splits_are_told(defects: Home) -> None:
    """A forgotten dividend is too small to be seen without knowing of it."""
    statuses = build(defects)
    assert {node for node, status in statuses.items() if status not in {"success", "pass"}} == {WARNING}
    assert statuses[WARNING] == "warn"
    told = read(
        defects,
        "select symbol, session_date, round(simple_return, 2) from marts.fct_returns_daily "
        "where abs(simple_return) > 0.75 order by symbol, session_date",
    )
    assert told == [
        ("AET", DAY(2022, 5, 9), 99),
        ("AET", DAY(2022, 5, 20), -0.99),
        ("SHIN", DAY(2023, 3, 29), -0.8),
    ]
