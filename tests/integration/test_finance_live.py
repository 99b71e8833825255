"""Prices, rates, filings and page views from a loopback upstream, through client and archive, to the lake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from types import ModuleType

import pytest

from ingestion.fetch import FetchResult, fetch
from ingestion.load import LoadResult, load_pending
from ingestion.settings import Home
from ingestion.source import Source, Window
from ingestion.sources import SOURCES
from ingestion.watchlist import Watchlist, parse_watchlist
from ingestion.windows import WindowState
from tests._support.asking import QUICK, Sleeper, client_of
from tests._support.loading import lake_rows
from tests._support.upstream import ALWAYS, Upstream, status, with_body
from tests._support.upstreams import ecb_rates, sec_edgar, wikimedia_pageviews, yahoo_chart

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOT_FOUND = b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found"}}}'
ANSWERING: dict[str, ModuleType] = {
    "yahoo_chart": yahoo_chart,
    "ecb_rates": ecb_rates,
    "sec_edgar": sec_edgar,
    "wikimedia_pageviews": wikimedia_pageviews,
}
WATCHED = b"""
platforms:
  tiktok:
    name: TikTok
    kind: short_video
    wikipedia: [{title: TikTok, primary: true}, {title: Shou_Zi_Chew, primary: false}]
companies:
  meta:
    name: Meta
    exchange: XNAS
    symbol: META
    cik: "0001326801"
    currency: USD
    benchmark: SPY
    role: competitor
  gone: {name: Gone, exchange: XNYS, symbol: GONE, currency: USD, benchmark: SPY, role: competitor}
  spdr: {name: SPDR, exchange: ARCX, symbol: SPY, currency: USD, role: benchmark}
"""


class World:
    """One installation and one upstream at noon of a Friday."""

    def __init__(self, home: Home, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.upstream = upstream
        self.clock = Sleeper(NOON)
        self.watchlist: Watchlist = parse_watchlist(WATCHED)
        self.sources: dict[str, Source] = {}
        for name, module in ANSWERING.items():
            self.sources[name] = upstream.watch(SOURCES[name], module.answer)
            monkeypatch.setitem(SOURCES, name, self.sources[name])

    def fetch(self, name: str, *, hours: float = 0.0) -> FetchResult:
        self.clock.moment += timedelta(hours=hours)
        client = client_of(self.upstream.url, self.clock, patience=QUICK)
        window = Window(DAY, DAY)
        return fetch(
            self.home,
            self.sources[name],
            window,
            watchlist=self.watchlist,
            client=client,
            now=self.clock.now,
        )

    def load(self, *tables: str) -> list[LoadResult]:
        watched = self.watchlist.ids()
        return [r for name in tables for r in load_pending(self.home, name, watched, self.clock.now)]


@pytest.fixture
def world(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with Upstream(has_etags=True) as upstream:
        yield World(home, upstream, monkeypatch)


def told(results: list[LoadResult]) -> list[tuple[object, ...]]:
    return [
        (r.record.table_name, r.record.verdict, r.record.rows_in, r.record.rows_published) for r in results
    ]


def test_each_source_reaches_the_lake(world: World) -> None:
    for name in ANSWERING:
        result = world.fetch(name)
        assert (result.missing, result.problem) == ((), None)
        assert {report.state for report in result.days} <= {WindowState.COMPLETE, WindowState.OPEN}
    loads = world.load("price_bars", "fx_rates", "company_facts", "filings", "attention")
    assert [(r.record.table_name, r.record.reason) for r in loads if r.record.verdict != "published"] == []
    assert {r.record.table_name for r in loads} == {
        "price_bars", "fx_rates", "company_facts", "filings", "attention",
    }  # fmt: skip
    assert lake_rows(world.home, "price_bars", "DISTINCT exchange, symbol, vintage_date, provenance") == [
        ("ARCX", "SPY", DAY, "live"),
        ("XNAS", "META", DAY, "live"),
        ("XNYS", "GONE", DAY, "live"),
    ]
    yesterday, before = DAY - timedelta(days=1), DAY - timedelta(days=2)
    assert lake_rows(world.home, "attention", "attention_date, signal, item, value_status") == [
        (day, signal, item, "below_cutoff" if (signal[-4:], item) == ("list", "Shou_Zi_Chew") else "observed")
        for day in (before, yesterday)
        for signal in ("wikipedia_pageviews", "wikipedia_top_list")
        for item in ("Shou_Zi_Chew", "TikTok")
    ]


def bars_of_meta(*closes: float | None) -> bytes:
    """A chart of the four sessions before the Friday."""
    stamps = [int(datetime(2026, 11, day, 14, 30, tzinfo=UTC).timestamp()) for day in (16, 17, 18, 19)]
    series = list(closes)
    result = {
        "meta": {"symbol": "META", "currency": "USD", "exchangeTimezoneName": "America/New_York"},
        "timestamp": stamps[: len(series)],
        "indicators": {"quote": [{"close": series}], "adjclose": [{"adjclose": series}]},
    }
    return json.dumps({"chart": {"error": None, "result": [result]}}).encode()


def test_two_answers_of_a_day_are_not_mixed(world: World) -> None:
    """A split between two answers; then an answer with no bar, which takes nothing back."""
    said = []
    for closes in ((100.0, 101.0, 102.0, 103.0), (50.0, None, 51.0, 51.5), ()):
        world.upstream.heal()
        world.upstream.fail(with_body(bars_of_meta(*closes)), times=ALWAYS, when=lambda a: "META" in a.url)
        world.fetch("yahoo_chart", hours=3)
        world.load("price_bars")
        rows = lake_rows(world.home, "price_bars", "symbol, session_date, adjusted_close")
        said.append([(str(day)[-2:], close) for symbol, day, close in rows if symbol == "META"])
    split = [("16", 50.0), ("18", 51.0), ("19", 51.5)]
    before = [("16", 100.0), ("17", 101.0), ("18", 102.0), ("19", 103.0)]
    assert said == [before, split, split]


def test_who_asks_is_named_behind_what_yahoo_lets_in(world: World) -> None:
    world.fetch("yahoo_chart")
    agents = {asked.headers["user-agent"] for asked in world.upstream.asked}
    assert len(agents) == 1
    assert agents.pop().startswith("Mozilla/5.0 (compatible) MigrationObservatory/")


def test_a_symbol_that_is_gone_goes_to_quarantine_and_the_others_are_loaded(world: World) -> None:
    world.upstream.fail(status(404, body=NOT_FOUND), times=ALWAYS, when=lambda asked: "/GONE?" in asked.url)
    assert world.fetch("yahoo_chart").missing == ()
    ((result,),) = [world.load("price_bars")]
    assert result.record.verdict == "published_with_quarantine"
    assert result.record.rows_in - result.record.rows_published == 1
    assert "correct it in the watchlist" in str(result.record.reason)
    assert {row[0] for row in lake_rows(world.home, "price_bars", "DISTINCT symbol")} == {"META", "SPY"}


def test_a_day_of_page_views_that_is_not_counted_yet_is_missing_and_then_filled(world: World) -> None:
    yesterday = DAY - timedelta(days=1)
    is_late = f"{yesterday:%Y%m%d}", f"{yesterday:%Y/%m/%d}"
    world.upstream.fail(
        status(404, body=b"{}"), times=3, when=lambda asked: any(day in asked.url for day in is_late)
    )
    states = {report.day: report.state for report in world.fetch("wikimedia_pageviews").days}
    assert states == {yesterday: WindowState.MISSING, DAY - timedelta(days=2): WindowState.OPEN}
    world.load("attention")
    assert len(lake_rows(world.home, "attention", "item")) == 4
    assert world.fetch("wikimedia_pageviews", hours=6).missing == ()
    world.load("attention")
    assert len(lake_rows(world.home, "attention", "item")) == 8


def test_the_sec_without_a_contact_fails_alone_and_says_what_to_do(world: World) -> None:
    world.upstream.fail(
        status(403, body=b"<html>"), times=ALWAYS, when=lambda asked: asked.host == "data.sec.gov"
    )
    (line,) = world.fetch("sec_edgar").missing
    assert "OBSERVATORY_CONTACT" in line
    assert world.fetch("ecb_rates").missing == ()
