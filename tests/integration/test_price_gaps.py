"""Which sessions the newest series of a symbol lacks, and what is said of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from ingestion.price_gaps import Series, gaps, gaps_in_lake, newest_series
from ingestion.settings import Home
from orchestration.defs.prices import price_bars_lack_sessions
from orchestration.installation import Installation
from tests._support.loading import csv_text, drop, receive_and_load

DAY = date
JANUARY = (7, 8, 10, 13, 14, 15, 16, 17, 21, 22)
"""Sessions in New York from 7 to 22 January 2025: the 9th (mourning) and 20th (holiday) are none."""


def series(days: tuple[int, ...], exchange: str = "XNAS", symbol: str = "META") -> Series:
    return Series(exchange, symbol, DAY(2025, 7, 9), tuple(DAY(2025, 1, day) for day in days))


@pytest.mark.parametrize("exchange", ["XNAS", "XNYS", "ARCX", "OTCM"])
def test_a_holiday_is_no_gap(exchange: str) -> None:
    assert gaps([series(JANUARY, exchange)]) == []
    assert gaps([series((8, 10), exchange), series((17, 21), exchange), series((9,), exchange)]) == []


def test_a_session_without_a_price_is_named_but_not_one_before_the_first_or_after_the_last() -> None:
    (gap,) = gaps([series(tuple(day for day in JANUARY if day not in (7, 10, 15, 22)))])
    assert gap.missing == ("2025-01-10", "2025-01-15")
    assert gap.line == (
        "META (XNAS, seen 2025-07-09): no price for 2 sessions from 2025-01-08 to 2025-01-21: "
        "2025-01-10, 2025-01-15"
    )


def test_a_long_gap_is_cut_short_in_its_line_alone() -> None:
    (gap,) = gaps([series((7, 22))])
    assert len(gap.missing) == 8
    assert gap.line.endswith("2025-01-08, 2025-01-10, 2025-01-13, 2025-01-14, 2025-01-15 and 3 more")


def test_an_exchange_without_a_calendar_is_told_and_hides_no_other() -> None:
    unknown, gap = gaps([series((7, 22), "NOPE"), series((7, 10))])
    assert unknown.missing == () and "no calendar is known" in unknown.line
    assert gap.missing == ("2025-01-08",)


# --- in the lake ----------------------------------------------------------------------------------


def bar(day: int, vintage: str = "2025-07-09", symbol: str = "META") -> dict[str, str]:
    return {
        "exchange": "XNAS", "symbol": symbol, "session_date": f"2025-01-{day:02}", "vintage_date": vintage,
        "adjusted_close": "100", "currency": "USD", "provider": "test",
    }  # fmt: skip


def load(home: Home, *bars: dict[str, str]) -> None:
    drop(home, "price_bars.csv", csv_text(bars))
    receive_and_load(home, "price_bars")


def checked(home: Home) -> dg.AssetCheckResult:
    result = price_bars_lack_sessions(Installation(home=str(home.root)))
    assert isinstance(result, dg.AssetCheckResult)
    return result


def test_the_newest_series_counts_and_an_unchanged_lake_is_not_read_again(home: Home, tmp_path: Path) -> None:
    memory = tmp_path / "memory" / "gaps.json"
    assert newest_series(home) == [] and gaps_in_lake(home, memory) == []
    load(home, *(bar(day) for day in (8, 13)), *(bar(day, symbol="SNAP") for day in (8, 10)))
    (found,) = gaps_in_lake(home, memory)
    assert (found.symbol, found.missing) == ("META", ("2025-01-10",))
    remembered = memory.stat().st_mtime_ns
    assert gaps_in_lake(home, memory) == [found]
    assert memory.stat().st_mtime_ns == remembered
    load(home, *(bar(day, "2025-07-10") for day in (8, 10, 13)))
    assert gaps_in_lake(home, memory) == []
    load(home, bar(10, "2025-07-11", "SNAP"), bar(14, "2025-07-11", "SNAP"))
    assert [gap.line for gap in gaps_in_lake(home, memory)] == [
        "SNAP (XNAS, seen 2025-07-11): no price for 1 session from 2025-01-10 to 2025-01-14: 2025-01-13"
    ]


def test_the_check_warns_with_a_line_a_symbol_and_a_table(home: Home) -> None:
    load(home, *(bar(day) for day in (8, 13)), *(bar(day, symbol="SNAP") for day in (8, 10, 14)))
    result = checked(home)
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert (result.description or "").splitlines() == [
        "META (XNAS, seen 2025-07-09): no price for 1 session from 2025-01-08 to 2025-01-13: 2025-01-10",
        "SNAP (XNAS, seen 2025-07-09): no price for 1 session from 2025-01-08 to 2025-01-14: 2025-01-13",
    ]
    assert isinstance(shown := result.metadata["gaps"], dg.TableMetadataValue)
    assert [(row.data["symbol"], row.data["sessions"]) for row in shown.records] == [
        ("META", "2025-01-10"),
        ("SNAP", "2025-01-13"),
    ]
    load(home, bar(10), bar(10, symbol="SNAP"), bar(13, symbol="SNAP"))
    assert checked(home).passed
