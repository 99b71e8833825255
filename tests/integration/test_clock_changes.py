"""Days on which clocks change, and the leap day: each is one day, whoever counts it.

In New York the clocks go forward on 8 March 2026 (23 hours) and back on 1 November 2026 (25 hours).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from ingestion.archive import receipts
from ingestion.fetch import fetch, is_settled, today
from ingestion.http import Patience
from ingestion.inbox import receive_watchlist
from ingestion.load import load_pending
from ingestion.sessions import expected_sessions
from ingestion.settings import Home
from ingestion.source import Source, Window
from ingestion.sources import SOURCES
from ingestion.sources._charts import store_day
from ingestion.tables import WATCHLIST_TABLES
from ingestion.watchlist import parse_watchlist
from orchestration.defs.automation import HEAVY_CRON
from orchestration.defs.health import compare_schedule
from orchestration.defs.maintenance import maintenance_schedule
from orchestration.defs.runs import nightly
from orchestration.defs.upstreams import days_of
from tests._support import fake_source
from tests._support.asking import Sleeper, client_of
from tests._support.loading import lake_rows
from tests._support.upstream import Upstream
from tests._support.upstreams import apple_marketing_feed
from tests.integration.test_marts import prepare_lake, read, run_dbt

NEW_YORK = "America/New_York"
FORWARD, BACK, LEAP = date(2026, 3, 8), date(2026, 11, 1), date(2028, 2, 29)
HOURS = {FORWARD: 23, BACK: 25, LEAP: 24}
ZONES = sorted({NEW_YORK, "UTC", *(source.day_zone for source in SOURCES.values())})
CHARTS = "apple_marketing_feed"

WATCHED = b"""
platforms:
  tiktok:
    name: TikTok
    kind: short_video
    apps: {app_store: {id: "835599320", status: verified, name: TikTok}}
storefronts: {US: America/New_York}
"""


def hours_around(day: date) -> list[datetime]:
    """Every hour of the day, of the two before and of the two after, wherever on earth."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=3)
    return [start + timedelta(hours=n) for n in range(7 * 24)]


# --- days that are asked for ----------------------------------------------------------------------


@pytest.mark.parametrize("day", HOURS)
def test_every_hour_belongs_to_one_store_day_and_no_day_is_left_out(day: date) -> None:
    source = replace(fake_source.SOURCE, day_zone=NEW_YORK)
    looked = [today(source, moment).first for moment in hours_around(day)]
    assert looked == [store_day(moment, NEW_YORK) for moment in hours_around(day)]
    assert looked == sorted(looked)
    hours = Counter(looked)
    assert hours[day] == HOURS[day]
    around = [day + timedelta(days=n) for n in (-2, -1, 0, 1, 2)]
    assert [hours[one] for one in around] == [HOURS.get(one, 24) for one in around]


@pytest.mark.parametrize(
    ("day", "ends"),
    [(FORWARD, "2026-03-09T04:00Z"), (BACK, "2026-11-02T05:00Z"), (LEAP, "2028-03-01T05:00Z")],
)
def test_a_day_is_over_when_its_last_hour_is(day: date, ends: str) -> None:
    source = replace(fake_source.SOURCE, day_zone=NEW_YORK, look_back_days=0, is_dated=True)
    end = datetime.fromisoformat(ends)
    assert is_settled(source, day, end)
    assert not is_settled(source, day, end - timedelta(seconds=1))


# --- partitions and schedules ---------------------------------------------------------------------


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", HOURS)
def test_partitions_are_the_days_that_are_asked_for(day: date, zone: str) -> None:
    source, partitions = replace(fake_source.SOURCE, day_zone=zone), days_of(zone)
    for one in (day, day + timedelta(days=1)):
        midnight = datetime(one.year, one.month, one.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        for moment in (midnight - timedelta(seconds=1), midnight):
            newest = partitions.get_partition_keys(current_time=moment)[-1]
            assert newest == str(today(source, moment).first)
    first, last = str(day - timedelta(days=2)), str(day + timedelta(days=2))
    keys = partitions.get_partition_keys(current_time=hours_around(day)[-1])
    around = [key for key in keys if first <= key <= last]
    assert around == [str(day + timedelta(days=n)) for n in (-2, -1, 0, 1, 2)]
    window = partitions.time_window_for_partition_key(str(day))
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    assert window.start.timestamp() == midnight.timestamp()
    lasts = (window.end.timestamp() - window.start.timestamp()) / 3600
    assert lasts == (HOURS[day] if zone == NEW_YORK else 24)


def test_schedules_tick_by_a_clock_that_never_changes() -> None:
    for schedule in (nightly, compare_schedule, maintenance_schedule):
        assert isinstance(schedule, dg.ScheduleDefinition)
        assert schedule.execution_timezone == "UTC", schedule.name
    assert len(HEAVY_CRON.split()) == 5


@pytest.mark.parametrize("exchange", ["XNYS", "XNAS", "ARCX", "XHKG", "XASX", "XLON"])
def test_the_session_after_a_change_is_there_once(exchange: str) -> None:
    """Both changes fall on a Sunday; the leap day is a Tuesday."""
    for day in (FORWARD, BACK):
        sessions = expected_sessions(exchange, day - timedelta(days=2), day + timedelta(days=1))
        assert sessions == [day - timedelta(days=2), day + timedelta(days=1)]
    around = expected_sessions(exchange, LEAP - timedelta(days=1), LEAP + timedelta(days=1))
    assert around == [LEAP - timedelta(days=1), LEAP, LEAP + timedelta(days=1)]


# --- from a chart to its mart ---------------------------------------------------------------------

LOOKS = {
    "2026-03-08T04:59:50Z": "2026-03-07",
    "2026-03-08T05:00:00Z": "2026-03-08",
    "2026-03-08T07:00:00Z": "2026-03-08",
    "2026-03-09T03:59:50Z": "2026-03-08",
    "2026-03-09T04:00:00Z": "2026-03-09",
    "2026-11-01T03:59:50Z": "2026-10-31",
    "2026-11-01T04:00:00Z": "2026-11-01",
    "2026-11-01T05:30:00Z": "2026-11-01",
    "2026-11-01T06:30:00Z": "2026-11-01",
    "2026-11-02T04:59:50Z": "2026-11-01",
    "2026-11-02T05:00:00Z": "2026-11-02",
    "2028-02-29T04:59:50Z": "2028-02-28",
    "2028-02-29T05:00:00Z": "2028-02-29",
    "2028-03-01T04:59:50Z": "2028-02-29",
    "2028-03-01T05:00:00Z": "2028-03-01",
}
"""When a chart is looked at -> the store day that it shows."""


@pytest.fixture
def charts(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Upstream, Source]]:
    with Upstream() as server:
        source = server.watch(SOURCES[CHARTS], apple_marketing_feed.answer)
        monkeypatch.setitem(SOURCES, CHARTS, source)
        yield server, source


def test_looks_at_a_chart_reach_the_mart_on_their_store_days(
    home: Home, tmp_path: Path, charts: tuple[Upstream, Source]
) -> None:
    server, source = charts
    file = tmp_path / "watchlist.yaml"
    file.write_bytes(WATCHED)
    watchlist = parse_watchlist(WATCHED)
    prepare_lake(home)
    receive_watchlist(home, file, lambda: datetime.fromisoformat(min(LOOKS)))
    for look in LOOKS:
        moment = datetime.fromisoformat(look)
        client = client_of(server.url, Sleeper(moment=moment), patience=Patience(10, 10, 60))
        day = today(source, moment)
        result = fetch(home, source, day, watchlist=watchlist, client=client, now=lambda at=moment: at)  # type: ignore[misc]
        client.close()
        assert result.missing == ()
    assert len(receipts(home, "chart_captures")) == len({look[:10] for look in LOOKS})
    end = datetime.fromisoformat(max(LOOKS)) + timedelta(hours=1)
    for table in (*WATCHLIST_TABLES, *source.tables):
        load_pending(home, table, watchlist.ids(), lambda: end)

    captured = lake_rows(home, "chart_captures", "strftime(captured_at, '%Y-%m-%dT%H:%M:%SZ'), store_date")
    assert {(moment, str(day)) for moment, day in captured} == set(LOOKS.items())

    run_dbt(home, "build", "--exclude-resource-type", "unit_test", "--select", "+fct_chart_rank_daily")
    days = read(
        home,
        "select store_date::varchar, count(*), count(distinct (platform_id, store, country, chart)) "
        "from marts.fct_chart_rank_daily where rank_status <> 'not_fetched' group by all order by all",
    )
    assert [day for day, _, _ in days] == sorted(set(LOOKS.values()))
    assert all(rows == series for _, rows, series in days), "each day once"


def test_the_window_of_a_look_is_the_day_of_its_source() -> None:
    """Charts are asked for by days in UTC, and belong to the store's: neither makes two of one."""
    source = SOURCES[CHARTS]
    for look in LOOKS:
        moment = datetime.fromisoformat(look)
        assert today(source, moment) == Window(moment.date(), moment.date())
