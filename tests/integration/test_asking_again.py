"""What earlier runs leave for later ones: days not over, hosts that want quiet, and looks at charts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ingestion.captures import captures_of
from ingestion.fetch import FetchResult, fetch
from ingestion.load import load_pending
from ingestion.settings import Home
from ingestion.source import Request, Source, Window
from ingestion.sources import SOURCES
from ingestion.watchlist import parse_watchlist
from ingestion.windows import WindowState, day_reports
from tests._support import fake_source
from tests._support.asking import NOON, QUICK, Sleeper, client_of
from tests._support.loading import lake_rows
from tests._support.upstream import ALWAYS, Upstream, status
from tests._support.upstreams import apple_marketing_feed

TODAY = NOON.date()
ONE_DAY = Window(TODAY, TODAY)
WATCHED = parse_watchlist(
    b"storefronts: {US: America/New_York}\nplatforms: {tiktok: {name: TikTok, kind: short_video}}\n"
    b'articles: [{url: "https://a.example.com/ok"}]\n'
    b'feeds: {f: {url: "https://feeds.example.com/rss?apikey=SECRET123", outlet: X, language: en}}'
)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(has_etags=True) as server:
        yield server


def asked(
    home: Home, upstream: Upstream, source: Source, moment: datetime, window: Window | None = None
) -> FetchResult:
    """What comes of a run at `moment`, with a client of its own, for its day."""
    clock = Sleeper(moment)
    client = client_of(upstream.url, clock, patience=QUICK)
    window = window or Window(moment.date(), moment.date())
    return fetch(home, source, window, watchlist=WATCHED, client=client, now=clock.now)


def states(home: Home, name: str) -> dict[date, WindowState]:
    return {report.day: report.state for report in day_reports(home, name)}


# --- days -----------------------------------------------------------------------------------------


def test_a_day_that_was_not_over_and_days_nobody_asked_for_are_asked_again(
    home: Home, upstream: Upstream
) -> None:
    source = upstream.watch(replace(fake_source.SOURCE, is_dated=True), fake_source.answer)
    first = asked(home, upstream, source, NOON)
    assert first.missing == (), "a day that is not over is no failure"
    assert states(home, source.name) == {TODAY: WindowState.OPEN}
    days = [TODAY + timedelta(days=number) for number in range(4)]
    later = asked(home, upstream, source, NOON + timedelta(days=3))
    assert [report.day for report in later.days] == days
    assert [states(home, source.name)[day] for day in days] == [WindowState.COMPLETE] * 3 + [WindowState.OPEN]


def test_a_day_is_complete_when_its_look_back_is_over(home: Home, upstream: Upstream) -> None:
    source = replace(fake_source.SOURCE, is_dated=True, look_back_days=1, day_zone="America/New_York")
    source = upstream.watch(source, fake_source.answer)
    midnight = datetime(2026, 11, 22, 5, tzinfo=UTC)
    for moment, state in (
        (midnight - timedelta(seconds=1), WindowState.OPEN),
        (midnight, WindowState.COMPLETE),
    ):
        asked(home, upstream, source, moment, ONE_DAY)
        assert states(home, source.name)[TODAY] is state


def test_a_source_that_only_knows_now_is_asked_for_its_day_alone(home: Home, upstream: Upstream) -> None:
    source = upstream.watch(fake_source.SOURCE, fake_source.answer)
    asked(home, upstream, source, NOON)
    later = asked(home, upstream, source, NOON + timedelta(days=3))
    assert [report.day for report in later.days] == [TODAY + timedelta(days=3)]


@pytest.mark.parametrize("name", ["gdelt_gkg", "gdelt_doc", "hacker_news", "wikimedia_pageviews"])
def test_sources_of_which_past_days_can_be_asked_say_so(name: str) -> None:
    assert SOURCES[name].is_dated


# --- hosts ----------------------------------------------------------------------------------------


def test_a_host_that_wants_quiet_is_left_alone_by_later_runs(home: Home, upstream: Upstream) -> None:
    source = upstream.watch(fake_source.SOURCE, fake_source.answer)
    upstream.fail(status(429, {"Retry-After": "3600"}))
    asked(home, upstream, source, NOON)
    assert len(upstream.asked) == 1
    (line,) = asked(home, upstream, source, NOON + timedelta(minutes=59)).missing
    assert "asked to be left alone until 2026-11-20 13:00:00 UTC" in line
    assert len(upstream.asked) == 1
    assert asked(home, upstream, source, NOON + timedelta(minutes=61)).missing == ()


def test_no_host_is_left_alone_for_years(home: Home, upstream: Upstream) -> None:
    source = upstream.watch(fake_source.SOURCE, fake_source.answer)
    upstream.fail(status(429, {"Retry-After": "999999999"}))
    asked(home, upstream, source, NOON)
    assert asked(home, upstream, source, NOON + timedelta(hours=25)).missing == ()


def test_a_304_to_a_question_without_condition_is_no_answer(home: Home, upstream: Upstream) -> None:
    upstream.has_etags = False
    source = upstream.watch(fake_source.SOURCE, fake_source.answer)
    assert asked(home, upstream, source, NOON).missing == ()
    upstream.fail(status(304, body=b""), times=ALWAYS)
    result = asked(home, upstream, source, NOON + timedelta(hours=1))
    assert result.unchanged == 0
    assert "not asked whether" in result.missing[0]


# --- secrets --------------------------------------------------------------------------------------


def test_keys_in_addresses_are_neither_told_nor_stored(home: Home, upstream: Upstream) -> None:
    upstream.serve("https://feeds.example.com/rss?apikey=SECRET123", b"no", status=500)
    result = asked(home, upstream, SOURCES["feeds"], NOON)
    assert upstream.asked[0].url.endswith("apikey=SECRET123"), "the upstream is given its key"
    assert "apikey=masked-" in result.missing[0]
    assert "SECRET123" not in repr(result)
    for folder in ("windows", "captures"):
        kept = [path for path in (home.archive / folder).rglob("*") if path.is_file()]
        assert kept
        assert not any(b"SECRET123" in path.read_bytes() for path in kept)


# --- charts ---------------------------------------------------------------------------------------


def charts(home: Home, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The marketing feed, whose charts stay as they are."""
    frozen: dict[str, bytes] = {}

    def answer(request: Request) -> bytes:
        return frozen.setdefault(request.url, apple_marketing_feed.answer(request))

    source = upstream.watch(SOURCES["apple_marketing_feed"], answer)
    monkeypatch.setitem(SOURCES, source.name, source)
    return source


def chart_looks(home: Home, columns: str) -> list[tuple[object, ...]]:
    for table in ("chart_captures", "chart_entries"):
        load_pending(home, table, WATCHED.ids(), lambda: NOON + timedelta(days=1))
    return lake_rows(home, "chart_captures", columns)


def test_a_chart_that_stays_the_same_over_the_stores_midnight_is_seen_on_both_days(
    home: Home, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = charts(home, upstream, monkeypatch)
    for hour in (4, 6):  # midnight in New York is at 5 in UTC
        assert asked(home, upstream, source, NOON.replace(hour=hour)).missing == ()
    days = {str(day) for (day,) in chart_looks(home, "store_date")}
    assert days == {"2026-11-19", "2026-11-20"}
    looked = {str(moment)[11:13] for (moment,) in chart_looks(home, "captured_at")}
    assert looked == {"04", "06"}


def test_a_look_that_failed_is_a_row(home: Home, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    source = charts(home, upstream, monkeypatch)
    upstream.fail(status(500), times=ALWAYS, when=lambda asked: "top-free" in asked.url)
    assert asked(home, upstream, source, NOON).missing
    told = {str(chart): str(state) for chart, state in chart_looks(home, "chart, capture_status")}
    assert set(told.values()) == {"failed", "succeeded"}
    assert {chart for chart, state in told.items() if state == "failed"} == {
        c.request.labels["chart"] for c in captures_of(home, source.name, TODAY) if c.status == 0
    }


# --- robots rules ---------------------------------------------------------------------------------


def test_where_a_page_has_moved_to_is_asked_only_if_its_rules_allow_it(
    home: Home, upstream: Upstream
) -> None:
    moved = "https://b.example.com/private"
    upstream.serve("https://a.example.com/robots.txt", b"User-agent: *\nAllow: /")
    upstream.serve("https://a.example.com/ok", b"", status=302, headers={"Location": moved})
    upstream.serve("https://b.example.com/robots.txt", b"User-agent: *\nDisallow: /")
    upstream.serve(moved, b"<html><body><p>TikTok</p></body></html>")
    asked(home, upstream, SOURCES["article_text"], NOON)
    addresses = [f"https://{one.url}" for one in upstream.asked]
    assert "https://b.example.com/robots.txt" in addresses
    assert moved not in addresses
    upstream.serve("https://b.example.com/robots.txt", b"User-agent: *\nAllow: /")
    asked(home, upstream, SOURCES["article_text"], NOON + timedelta(hours=1))
    assert f"https://{upstream.asked[-1].url}" == moved
