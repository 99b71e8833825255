"""When a day is unlike a source's own history."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ingestion.volumes import volume_of

MONDAY = date(2026, 11, 16)
DAY = timedelta(days=1)


def history(days: int, rows: int = 100, sundays: int | None = None) -> dict[date, int]:
    """So many days before MONDAY, with so many rows each, and others on Sundays."""
    counts = {MONDAY - n * DAY: rows for n in range(1, days + 1)}
    return {day: sundays if sundays is not None and day.weekday() == 6 else n for day, n in counts.items()}


@pytest.mark.parametrize(("rows", "unusual"), [(100, False), (109, False), (111, True), (0, True)])
def test_a_steady_source_may_change_by_a_tenth(rows: int, unusual: bool) -> None:
    volume = volume_of("articles", history(56) | {MONDAY: rows}, MONDAY + DAY)
    assert volume is not None
    assert (volume.usual, volume.compared_with) == (100, "8 Mondays")
    assert volume.is_unusual is unusual


def test_a_restless_source_may_change_by_what_it_usually_does() -> None:
    counts = {MONDAY - 7 * n * DAY: 100 + 30 * (-1) ** n for n in range(1, 9)}
    for rows, unusual in ((200, False), (300, True)):
        volume = volume_of("articles", counts | {MONDAY: rows}, MONDAY + DAY)
        assert volume is not None and volume.is_unusual is unusual


def test_a_day_is_compared_with_the_same_weekday() -> None:
    sunday = MONDAY - DAY
    counts = history(56, rows=1000, sundays=100)
    volume = volume_of("articles", counts, sunday + DAY)
    assert volume is not None
    assert (volume.day, volume.rows, volume.usual, volume.is_unusual) == (sunday, 100, 100, False)


def test_a_short_history_is_compared_as_a_whole_and_a_shorter_one_not_at_all() -> None:
    week = volume_of("articles", history(7) | {MONDAY: 10}, MONDAY + DAY)
    assert week is not None and week.is_unusual and week.compared_with == "7 days"
    days = volume_of("articles", history(3) | {MONDAY: 10}, MONDAY + DAY)
    assert days is not None and not days.is_unusual and "too little history" in days.told


def test_a_day_that_is_not_over_is_not_judged() -> None:
    volume = volume_of("articles", history(56) | {MONDAY: 1}, MONDAY)
    assert volume is not None and volume.day == MONDAY - DAY
    assert volume_of("articles", {MONDAY: 1}, MONDAY) is None
