"""A small simulated day, from upstreams to the published file; `make bench` measures a full one."""

from __future__ import annotations

from collections import Counter

import duckdb
import pytest

from ingestion.settings import Home
from ingestion.sources import SOURCES, apple_legacy_feed, apple_marketing_feed, google_play_charts
from tests._support.loading import lake_rows
from tests.bench.day import Report, one_day, pace_seconds
from tests.bench.simulated import DAY, SMALL, Server, watchlist_of

BATCHES = 96
CHARTS = {
    apple_marketing_feed.SOURCE.name: len(apple_marketing_feed.FEEDS),
    apple_legacy_feed.SOURCE.name: len(apple_legacy_feed.CHARTS),
    google_play_charts.SOURCE.name: len(google_play_charts.CHARTS),
}


@pytest.fixture(scope="module")
def day(shared: object, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Report]:
    """The day, once. Do not change its home."""
    folder = tmp_path_factory.mktemp("day")
    (folder / "upstream").mkdir()
    home = Home(folder / "home")
    with Server(folder / "upstream", SMALL) as server:
        return home, one_day(home, server, SMALL)


def test_nothing_is_missing_and_every_default_source_is_published(day: tuple[Home, Report]) -> None:
    home, report = day
    assert report.missing == []
    with duckdb.connect(str(home.published_database), read_only=True) as connection:
        loads = connection.execute("select source, verdict from marts.fct_loads").fetchall()
    assert {source for source, _ in loads} == {s.name for s in SOURCES.values() if s.is_default} | {
        "watchlist"
    }
    assert {verdict for _, verdict in loads} == {"published"}


def test_each_look_at_a_chart_is_a_capture_of_its_own(day: tuple[Home, Report]) -> None:
    home, _ = day
    captures = lake_rows(home, "chart_captures", "source, hour(captured_at), country, chart")
    assert len(set(captures)) == len(captures)
    for source, charts in CHARTS.items():
        assert sum(row[0] == source for row in captures) == SMALL.looks * SMALL.storefronts * charts


def test_every_quarter_of_an_hour_is_counted_in_both_editions(day: tuple[Home, Report]) -> None:
    home, report = day
    volumes = lake_rows(home, "news_volume", "signal, batch, monitored_items")
    watched = sum(bool(platform.aliases) for platform in watchlist_of(SMALL).platforms.values())
    gkg = [row for row in volumes if str(row[0]).startswith("gdelt_gkg")]
    assert len(gkg) == 2 * BATCHES * watched
    assert len(set(gkg)) == 2 * BATCHES, "the number monitored is that of the file, for each platform"
    assert report.rows["news_volume"] == (len(volumes), 0)


def test_every_symbol_has_a_series_as_seen_on_the_day(day: tuple[Home, Report]) -> None:
    home, _ = day
    symbols = {c.symbol for c in watchlist_of(SMALL).companies.values() if c.symbol}
    assert len(symbols) == SMALL.symbols
    assert set(lake_rows(home, "price_bars", "distinct symbol, vintage_date")) == {(s, DAY) for s in symbols}


def test_all_of_the_time_is_accounted_for(day: tuple[Home, Report]) -> None:
    _, report = day
    assert sum(report.spent().values()) == pytest.approx(sum(report.phases.values()))
    assert min(report.spent().values()) >= 0
    assert report.received > 0
    assert max(report.peaks.values()) > 0


def test_politeness_is_what_the_pace_of_a_source_asks_for() -> None:
    """Lookups are three seconds apart; GKG files come in the same minute until there are 240 of them."""
    asked = Counter({("apple_lookup", "itunes.apple.com"): 11, ("gdelt_gkg", "storage.googleapis.com"): 240})
    waits = pace_seconds(asked)
    assert waits["apple_lookup"] == pytest.approx(30, abs=5)
    assert waits["gdelt_gkg"] == 0
    one_more = pace_seconds(Counter({("gdelt_gkg", "storage.googleapis.com"): 241}))
    assert one_more["gdelt_gkg"] == pytest.approx(60, abs=0.1)
