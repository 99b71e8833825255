"""Sessions that an exchange held, and the prices that are missing of them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ingestion.errors import WatchlistError
from ingestion.sessions import expected_sessions, missing_sessions

DAY = date


@pytest.mark.parametrize("exchange", ["XNYS", "XNAS", "ARCX", "OTCM"])
def test_new_york_was_closed_on_9_and_20_january_2025(exchange: str) -> None:
    """A day of mourning and Martin Luther King's day: no bar is no gap. 8 and 21 January were sessions."""
    first, last = DAY(2025, 1, 8), DAY(2025, 1, 21)
    seen = {DAY(2025, 1, day) for day in (10, 13, 14, 15, 16, 17)}
    assert missing_sessions(exchange, first, last, seen) == [DAY(2025, 1, 8), DAY(2025, 1, 21)]
    assert missing_sessions(exchange, first, last, seen | {first, last}) == []


def test_asia_traded_on_those_days_and_rested_over_the_new_year() -> None:
    assert missing_sessions("XHKG", DAY(2025, 1, 9), DAY(2025, 1, 9), []) == [DAY(2025, 1, 9)]
    hong_kong = expected_sessions("XHKG", DAY(2025, 1, 27), DAY(2025, 2, 3))
    assert hong_kong == [DAY(2025, 1, 27), DAY(2025, 1, 28), DAY(2025, 2, 3)]  # the 28th is a half day
    assert expected_sessions("XSHG", DAY(2025, 1, 27), DAY(2025, 2, 5)) == [DAY(2025, 1, 27), DAY(2025, 2, 5)]


def test_a_window_may_be_one_day_a_weekend_or_nothing() -> None:
    sunday = DAY(2025, 1, 19)
    assert missing_sessions("XNYS", sunday, sunday, []) == []
    assert missing_sessions("XNYS", sunday, sunday - timedelta(days=1), []) == []
    assert missing_sessions("XNYS", DAY(2025, 1, 21), DAY(2025, 1, 21), [sunday]) == [DAY(2025, 1, 21)]


@pytest.mark.parametrize(
    ("exchange", "day"), [("NOPE", DAY(2025, 1, 8)), ("XSHG", DAY(2055, 1, 8)), ("XTKS", DAY(1990, 1, 8))]
)
def test_what_no_calendar_knows_is_said(exchange: str, day: date) -> None:
    with pytest.raises(WatchlistError, match=f"the exchange {exchange}"):
        missing_sessions(exchange, day, day, [])
