"""Rows that would pass for good by type alone, and that no mart could be built from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingestion.contract import WatchedIds
from ingestion.inbox import receive_path
from ingestion.load import load_pending
from ingestion.settings import Home

WATCHED = WatchedIds(frozenset({"tiktok"}), frozenset(), frozenset({"tiktok_refugees_2025"}))
ATTENTION = "signal,subject_type,subject_id,item,attention_date,day_zone,value,unit,value_status\n"
GOOD_ATTENTION = "wikipedia_pageviews,platform,tiktok,TikTok,2025-01-19,UTC,386507,views,observed\n"
EVENT = "event_id,platform_id,episode_id,event_type,title,event_date,event_zone,geography,is_market_event\n"
GOOD_EVENT = "dark,tiktok,tiktok_refugees_2025,service_dark,Dark,2025-01-19,UTC,US,true\n"
FUTURE_EVENT = "law,tiktok,tiktok_refugees_2025,law,Deadline,2025-04-05,UTC,US,true\n"


def now() -> datetime:
    return datetime(2025, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("table", "content", "reason"),
    [
        (
            "attention",
            ATTENTION + GOOD_ATTENTION + "w,platform,tiktok,a,2025-01-19,UTC,,views,observed\n",
            "value is missing though it was observed",
        ),
        (
            "attention",
            ATTENTION + GOOD_ATTENTION + "w,platform,tiktok,a,2025-01-19,UTC,0,views,not_fetched\n",
            "there is a value though none was observed",
        ),
        (
            "attention",
            ATTENTION + GOOD_ATTENTION + "w,platform,tiktok,a,2025-01-19,Mars/Olympus,1,views,observed\n",
            "day_zone is no zone of the IANA database",
        ),
        (
            "attention",
            ATTENTION + GOOD_ATTENTION + "w,platform,tiktok,a,2099-01-19,UTC,1,views,observed\n",
            "attention_date is more than two days after the file was received",
        ),
        (
            "platform_events",
            EVENT + GOOD_EVENT + GOOD_EVENT.replace("dark,", "darker,", 1).replace("UTC", "Mars/Olympus"),
            "event_zone is no zone of the IANA database",
        ),
    ],
)
def test_such_a_row_goes_to_quarantine(
    home: Home, tmp_path: Path, table: str, content: str, reason: str
) -> None:
    file = tmp_path / f"{table}.csv"
    file.write_text(content)
    receive_path(home, file, now)
    (result,) = load_pending(home, table, WATCHED, now)
    assert (result.record.rows_published, result.record.rows_quarantined) == (1, 1)
    assert reason in (result.record.reason or "")


def test_a_calendar_may_look_ahead(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "platform_events.csv"
    file.write_text(EVENT + FUTURE_EVENT)
    receive_path(home, file, now)
    (result,) = load_pending(home, "platform_events", WATCHED, now)
    assert result.record.verdict == "published"
