"""The ledger of days: what it remembers of each, and how days are told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from ingestion.settings import Home
from ingestion.windows import (
    DayReport,
    WindowState,
    day_reports,
    days_told,
    note_days,
    note_days_of_platforms,
)

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def report(state: WindowState, at: datetime) -> DayReport:
    return DayReport(DAY, state, 3, 0 if state is WindowState.COMPLETE else 3, 0, None, at)


def test_a_failure_does_not_make_forget_when_a_day_was_complete(home: Home) -> None:
    note_days(home, "example", [report(WindowState.MISSING, NOON)])
    assert day_reports(home, "example")[0].completed_at is None
    for hours, state in enumerate((WindowState.COMPLETE, WindowState.MISSING, WindowState.PARTIAL)):
        note_days(home, "example", [report(state, NOON + timedelta(hours=hours))])
    (told,) = day_reports(home, "example")
    assert (told.state, told.asked_at) == (WindowState.PARTIAL, NOON + timedelta(hours=2))
    assert told.completed_at == NOON


def test_what_is_missing_of_several_platforms_comes_one_by_one(home: Home) -> None:
    def ask(state: WindowState, *platforms: str) -> None:
        note_days_of_platforms(home, "example", [report(state, NOON)], frozenset(platforms))

    ask(WindowState.COMPLETE, "a")
    assert day_reports(home, "example") == []
    ask(WindowState.MISSING, "a", "b")
    ask(WindowState.COMPLETE, "a", "c")
    (told,) = day_reports(home, "example")
    assert (told.state, told.platforms, told.is_of_all) == (WindowState.MISSING, ("b",), False)
    ask(WindowState.COMPLETE, "b")
    assert day_reports(home, "example") == []


@pytest.mark.parametrize("state", [WindowState.OPEN, WindowState.PARTIAL, WindowState.MISSING])
@pytest.mark.parametrize("answered", [WindowState.COMPLETE, WindowState.MISSING])
def test_a_day_that_is_to_be_asked_for_as_a_whole_stays_so(
    home: Home, state: WindowState, answered: WindowState
) -> None:
    note_days(home, "example", [report(state, NOON)])
    before = day_reports(home, "example")
    later = report(answered, NOON + timedelta(hours=1))
    note_days_of_platforms(home, "example", [later], frozenset({"a"}))
    assert day_reports(home, "example") == before


@pytest.mark.parametrize(
    ("offsets", "told"),
    [
        ([], ""),
        ([0], "2026-11-20"),
        ([0, 1], "2026-11-20 to 2026-11-21"),
        ([0, 2, 3, 4], "2026-11-20, 2026-11-22 to 2026-11-24"),
    ],
)
def test_days_are_told_as_runs(offsets: list[int], told: str) -> None:
    assert days_told([DAY + timedelta(days=offset) for offset in offsets]) == told
