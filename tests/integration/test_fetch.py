"""From an upstream to the lake: windows, what is missing and healed, loading twice, and reading again."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest

from ingestion import fetch as fetching
from ingestion.archive import object_path, receipts
from ingestion.captures import Stage, captures_of
from ingestion.fetch import FetchResult, fetch, fetch_all, reparse, today
from ingestion.http import Client
from ingestion.load import LoadResult, load_pending
from ingestion.loads import read_loads
from ingestion.quarantine import rows_path
from ingestion.settings import PROJECT_ROOT, Home
from ingestion.source import (
    Answer,
    Asking,
    Kind,
    Pace,
    Parsed,
    Questions,
    Request,
    Source,
    Window,
    WrongAnswerError,
)
from ingestion.sources import SOURCES
from ingestion.tables import RAW_TABLES
from ingestion.watchlist import Watchlist
from ingestion.windows import WindowState, day_reports
from tests._support import fake_source
from tests._support.asking import NOON, QUICK, WATCHLIST, Sleeper, client_of
from tests._support.fake_source import ITEMS, PAGES, list_url, page_url
from tests._support.loading import files, lake_rows
from tests._support.upstream import ALWAYS, HTML, Upstream, cut, html, redirect, status, with_body

TODAY = NOON.date()
ONE_DAY = Window(TODAY, TODAY)
YESTERDAY = TODAY - timedelta(days=1)
ARTICLES = sum(ITEMS)
TABLES = ("articles", "article_mentions")


class World:
    """One installation, one upstream, and a clock."""

    def __init__(self, home: Home, upstream: Upstream, source: Source) -> None:
        self.home = home
        self.upstream = upstream
        self.source = source
        self.clock = Sleeper()
        self.watchlist = WATCHLIST
        self.patience = QUICK

    def client(self) -> Client:
        return client_of(self.upstream.url, self.clock, patience=self.patience)

    def fetch(
        self, window: Window = ONE_DAY, *, hours: float = 0.0, source: Source | None = None
    ) -> FetchResult:
        """Asks for a window, so many hours after the last time."""
        self.clock.moment += timedelta(hours=hours)
        return fetch(
            self.home,
            source or self.source,
            window,
            watchlist=self.watchlist,
            client=self.client(),
            now=self.clock.now,
        )

    def load(self) -> list[LoadResult]:
        """Loads what is pending, a second later."""
        self.clock.moment += timedelta(seconds=1)
        watched = self.watchlist.ids()
        return [r for name in TABLES for r in load_pending(self.home, name, watched, self.clock.now)]

    def articles(self, columns: str = "article_id, title") -> list[tuple[object, ...]]:
        return lake_rows(self.home, "articles", columns)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(has_etags=True) as server:
        yield server


@pytest.fixture
def world(home: Home, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> World:
    source = upstream.watch(fake_source.SOURCE, fake_source.answer)
    monkeypatch.setitem(SOURCES, source.name, source)
    return World(home, upstream, source)


def items_of(*items: object) -> bytes:
    return json.dumps({"items": list(items)}).encode()


# --- a day that goes well -------------------------------------------------------------------------


def test_a_day_is_asked_archived_checked_and_loaded(world: World) -> None:
    result = world.fetch()
    assert (result.requests, result.answers, result.missing) == (1 + PAGES, 1 + PAGES, ())
    assert [(r.day, r.state, r.requests) for r in result.days] == [(TODAY, WindowState.COMPLETE, 1 + PAGES)]
    assert [(r.table_name, r.day, r.provenance) for r in result.receipts] == [
        ("articles", TODAY, "live"),
        ("article_mentions", TODAY, "live"),
    ]
    loads = world.load()
    assert [(r.record.verdict, r.record.rows_in, r.record.days) for r in loads] == [
        ("published", ARTICLES, 1),
        ("published", 5, 1),
    ]
    assert not any(r.is_owed for r in loads)
    at_noon = NOON.replace(tzinfo=None)
    assert world.articles("DISTINCT source, provenance, observed_at") == [("example_news", "live", at_noon)]
    assert [path.name for path in (world.home.lake / "raw" / "example_news" / "articles").iterdir()] == [
        f"day={TODAY}"
    ]


def test_every_response_is_kept_as_received(world: World) -> None:
    world.fetch()
    captures = captures_of(world.home, "example_news", TODAY)
    assert {c.request.url for c in captures} == {list_url(TODAY), *(page_url(TODAY, n) for n in (1, 2, 3))}
    for capture in captures:
        assert object_path(world.home, capture.digest).read_bytes() == fake_source.answer(capture.request)
        assert (capture.status, capture.fetched_at, capture.refused) == (200, NOON, None)
        assert capture.headers["etag"]


def test_the_rows_of_a_day_lie_in_the_partition_of_the_day_that_was_asked(world: World) -> None:
    """Whatever date a row bears: a feed of today tells of last week, too."""
    old = {"id": "old", "url": "https://x.example/1", "outlet": "x", "date": "2026-11-02", "title": "Old"}
    world.upstream.fail(with_body(items_of(old)), when=lambda asked: "page/1" in asked.url)
    world.fetch()
    world.load()
    assert ("old", "Old") in world.articles()
    assert len(list((world.home.lake / "raw/example_news/articles").iterdir())) == 1


def test_an_unchanged_day_makes_no_new_load(world: World) -> None:
    world.fetch()
    world.load()
    lake = files(world.home.lake)
    result = world.fetch(hours=2)
    assert (result.unchanged, result.receipts, result.missing) == (1 + PAGES, (), ())
    assert world.load() == []
    assert files(world.home.lake) == lake
    captures = captures_of(world.home, "example_news", TODAY)
    assert [c.is_unchanged for c in captures] == [False] * 4 + [True] * 4
    assert {(c.status, c.size_bytes > 0) for c in captures} == {(200, True)}


def test_the_same_body_without_an_etag_makes_no_new_load_either(world: World) -> None:
    world.upstream.has_etags = False
    world.fetch()
    world.load()
    result = world.fetch(hours=2)
    assert (result.unchanged, result.answers, result.receipts) == (0, 1 + PAGES, ())


def test_another_day_is_another_partition(world: World) -> None:
    world.fetch(Window(YESTERDAY, TODAY))
    world.load()
    assert len(world.articles()) == 2 * ARTICLES
    assert len(list((world.home.lake / "raw/example_news/articles").iterdir())) == 2


# --- later answers --------------------------------------------------------------------------------


def article(number: int, title: str = "A story", **other: object) -> dict[str, object]:
    item = {"id": f"a{number}", "url": f"https://x.example/{number}", "outlet": "x", "date": str(TODAY)}
    return {**item, "title": title, **other}


def pages(world: World, *items: object) -> None:
    """From now on there is one page with these items."""
    world.upstream.serve(list_url(TODAY), b'{"pages": [1]}')
    world.upstream.serve(page_url(TODAY, 1), items_of(*items))


def test_what_is_said_again_was_seen_first_and_what_changes_gives_way(world: World) -> None:
    pages(world, article(1), article(2, "A stroy"))
    world.fetch()
    pages(world, article(2, "A story"), article(3), article(1))
    world.fetch(hours=1)
    (articles, _) = world.load()
    assert world.articles("article_id, title, CAST(observed_at AS VARCHAR)") == [
        ("a1", "A story", "2026-11-20 12:00:00"),
        ("a2", "A story", "2026-11-20 13:00:00"),
        ("a3", "A story", "2026-11-20 13:00:00"),
    ]
    assert (articles.record.rows_in, articles.record.rows_published) == (3, 3)
    told = {rule.rule: rule.severity for rule in articles.rules if not rule.passed}
    assert told["rows that later answers said again: 1"] == "info"
    assert told["rows that gave way to what later answers say: 1"] == "info"


def test_what_changes_back_is_what_counts(world: World) -> None:
    for hours, title in enumerate(("one", "two", "one")):
        pages(world, article(1, title))
        world.fetch(hours=hours)
    world.load()
    assert world.articles("title, CAST(observed_at AS VARCHAR)") == [("one", "2026-11-20 15:00:00")]


def test_one_answer_that_contradicts_itself_is_left_to_the_check(world: World) -> None:
    pages(world, article(1), article(1, "Another"), article(2), article(3))
    world.fetch()
    (articles, _) = world.load()
    assert (articles.record.rows_in, articles.record.rows_published, articles.record.rows_quarantined) == (
        4,
        2,
        2,
    )


def test_pieces_that_are_no_rows_go_to_quarantine_with_their_place(world: World) -> None:
    odd = ["odd \x00 one", article(8, outlet=None), article(9, title="half \ud800")]
    pages(world, article(1), odd[0], article(2), odd[1], odd[2], article(3))
    world.fetch()
    (articles, _) = world.load()
    record = articles.record
    assert record.verdict == "published_with_quarantine"
    assert (record.rows_in, record.rows_published, record.rows_quarantined) == (6, 3, 3)
    kept = duckdb.execute(
        f"SELECT row_number, reasons, \"row\" FROM '{rows_path(world.home, 'articles', record.load_id)}'"
    ).fetchall()
    assert [(number, reasons) for number, reasons, _ in kept] == [
        (3, ["outlet is missing"]),
        (5, ["a value of the row holds a character that is none"]),
        (6, ["the item is no object"]),
    ]
    last = json.loads(kept[2][2])
    assert (last["url"], last["position"], last["fetched_at"]) == (
        page_url(TODAY, 1),
        2,
        "2026-11-20T12:00:00.000000+00:00",
    )
    assert "odd" in last["piece"]


def test_a_day_of_which_most_is_broken_is_held_and_the_lake_stays(world: World) -> None:
    pages(world, article(1), article(2), article(3))
    world.fetch()
    world.load()
    before = world.articles()
    pages(world, *(article(n, outlet=None) for n in (1, 2, 3)), article(4))
    world.fetch(hours=1)
    (articles, mentions) = world.load()
    assert articles.record.verdict == "held"
    assert not articles.is_owed
    assert mentions.record.verdict == "published"
    assert world.articles() == before


def test_a_day_may_bring_nothing_for_a_table(world: World) -> None:
    pages(world, article(1, "Nobody is named"))
    world.fetch()
    (articles, mentions) = world.load()
    assert (articles.record.rows_published, mentions.record.rows_published) == (1, 0)
    assert mentions.record.verdict == "published"
    pages(world)
    world.fetch(hours=1)
    assert [r.record.rows_in for r in world.load()] == [1, 0], "what was seen earlier that day stays"


# --- wrong answers --------------------------------------------------------------------------------


def test_an_html_page_with_status_200_is_kept_and_asked_for_again(world: World) -> None:
    world.upstream.fail(html(), when=lambda asked: "page/2" in asked.url)
    result = world.fetch()
    assert (result.missing, result.answers, result.requests) == ((), 2 + PAGES, 1 + PAGES)
    (refused,) = [c for c in captures_of(world.home, "example_news", TODAY) if c.refused]
    assert refused.refused_by is Stage.START
    assert str(refused.refused).startswith("HTML instead of json")
    assert object_path(world.home, refused.digest).read_bytes() == HTML
    world.load()
    assert len(world.articles()) == ARTICLES


def test_what_the_reader_refuses_is_kept_with_the_reason(world: World) -> None:
    world.upstream.fail(with_body(b'{"error": "quota"}'), when=lambda asked: "page/1" in asked.url)
    assert world.fetch().missing == ()
    (refused,) = [c for c in captures_of(world.home, "example_news", TODAY) if c.refused]
    assert (refused.refused_by, refused.refused) == (Stage.READER, "it says quota")


def test_a_changed_schema_is_not_asked_for_again(world: World) -> None:
    world.upstream.fail(with_body(b'{"entries": []}'), times=ALWAYS, when=lambda asked: "page/1" in asked.url)
    result = world.fetch()
    assert sum("page/1" in asked.url for asked in world.upstream.asked) == 1
    (line,) = result.missing
    assert line.startswith("example_news (2026-11-20): 1 of 4 requests failed: did not answer as it should")
    assert "there is no list of items" in line
    assert "mend the source" in line
    assert "\n" not in line
    world.load()
    assert len(world.articles()) == ARTICLES - ITEMS[0], "the other pages are loaded"


def test_statuses_are_kept_too(world: World) -> None:
    world.upstream.fail(status(503, body=b"busy"), when=lambda asked: "page/1" in asked.url)
    world.fetch()
    (refused,) = [c for c in captures_of(world.home, "example_news", TODAY) if c.refused]
    assert (refused.status, refused.refused_by) == (503, Stage.STATUS)
    assert object_path(world.home, refused.digest).read_bytes() == b"busy"


def test_a_body_over_the_limit_is_not_kept(world: World) -> None:
    world.upstream.fail(
        with_body(b"{" + b" " * 10**6), times=ALWAYS, when=lambda asked: "page/1" in asked.url
    )
    (line,) = world.fetch().missing
    assert "over the limit of 100000" in line
    assert sum("page/1" in asked.url for asked in world.upstream.asked) == 1
    assert len(captures_of(world.home, "example_news", TODAY)) == PAGES
    assert list((world.home.archive / "incoming").iterdir()) == []


def test_a_body_that_is_cut_leaves_nothing_half_in_the_archive(world: World) -> None:
    world.upstream.fail(cut(), cut(), when=lambda asked: "page" in asked.url)
    assert world.fetch().missing == ()
    assert all(c.refused is None for c in captures_of(world.home, "example_news", TODAY))
    assert list((world.home.archive / "incoming").iterdir()) == []


def test_a_reader_that_fails_is_told_and_stops_nothing_else(world: World) -> None:
    def read(answer: Answer, watchlist: Watchlist) -> Parsed:
        if "page/2" in answer.request.url:
            raise KeyError("title")
        return fake_source.read(answer, watchlist)

    result = world.fetch(source=replace(world.source, read=read))
    (line,) = result.missing
    assert "its reader failed with KeyError: 'title'" in line
    assert result.days[0].state is WindowState.PARTIAL
    assert len(result.receipts) == 2


def test_a_killed_fetch_is_taken_up_by_the_next_even_where_nobody_can_ask_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Yesterday's chart is gone; what was received of it yesterday is in the archive and must be loaded."""

    def ask(asking: Asking) -> Questions:
        if asking.now.date() == asking.window.last:
            yield from fake_source.ask(asking)

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    source = replace(
        world.source, ask=world.upstream.watch(replace(fake_source.SOURCE, ask=ask), fake_source.answer).ask
    )
    with monkeypatch.context() as patch:
        patch.setattr(fetching, "receive_day", killed)
        with pytest.raises(KeyboardInterrupt):
            world.fetch(source=source)
    (report,) = day_reports(world.home, "example_news")
    assert (report.day, report.state) == (TODAY, WindowState.MISSING)
    assert receipts(world.home, "articles") == []
    tomorrow = TODAY + timedelta(days=1)
    result = world.fetch(Window(tomorrow, tomorrow), hours=24, source=source)
    assert [r.day for r in result.days] == [tomorrow]
    assert sorted(str(r.day) for r in result.receipts if r.table_name == "articles") == [
        str(TODAY),
        str(tomorrow),
    ]
    world.load()
    assert len(world.articles()) == 2 * ARTICLES


def test_a_source_that_fails_to_ask_is_told_with_its_window(world: World) -> None:
    def ask(asking: Asking) -> Questions:
        yield from ()
        raise ValueError("no such list")

    result = world.fetch(source=replace(world.source, ask=ask))
    assert result.missing == (
        "example_news (2026-11-20): 1 of 1 requests failed: the source failed with ValueError: no such list",
    )


def test_redirects_to_strangers_are_refused_and_told(world: World) -> None:
    world.upstream.fail(redirect("http://169.254.169.254/"), times=ALWAYS)
    (line,) = world.fetch().missing
    assert "169.254.169.254 is not a host of this source" in line


def test_a_304_to_nobody_who_asked_for_it_is_no_answer(world: World) -> None:
    world.upstream.fail(status(304, body=b""), when=lambda asked: "page/1" in asked.url)
    assert world.fetch().missing == ()
    (refused,) = [c for c in captures_of(world.home, "example_news", TODAY) if c.refused]
    assert "not asked whether" in str(refused.refused)


def test_a_gap_of_the_upstream_is_no_failure_of_ours_unless_all_is_a_gap(world: World) -> None:
    world.upstream.fail(status(404), times=ALWAYS, when=lambda asked: "page/2" in asked.url)
    (report,) = world.fetch().days
    assert (report.state, report.gaps, report.failed) == (WindowState.COMPLETE, 1, 0)
    world.upstream.fail(status(404), times=ALWAYS)
    (report,) = world.fetch(hours=1).days
    assert report.state is WindowState.MISSING
    assert "nothing of what was asked is there" in str(report.reason)


# --- missing windows, and healing -----------------------------------------------------------------


def test_a_source_that_is_down_is_told_in_one_line_and_healed_by_the_next_run(world: World) -> None:
    world.upstream.fail(status(500), times=ALWAYS)
    (line,) = world.fetch().missing
    assert line.startswith("example_news (2026-11-20): 1 of 1 requests failed: answered 500 to https://")
    assert line.endswith("The next run asks again.")
    assert world.load() == []
    assert [(r.day, r.state) for r in day_reports(world.home, "example_news")] == [
        (TODAY, WindowState.MISSING)
    ]
    world.upstream.heal()
    assert world.fetch(hours=1).missing == ()
    world.load()
    assert len(world.articles()) == ARTICLES
    assert [r.state for r in day_reports(world.home, "example_news")] == [WindowState.COMPLETE]


def test_what_was_missed_is_asked_again_on_later_days(world: World) -> None:
    world.upstream.fail(status(500), times=ALWAYS)
    world.fetch()
    world.upstream.heal()
    tomorrow = TODAY + timedelta(days=1)
    result = world.fetch(Window(tomorrow, tomorrow), hours=24)
    assert [(r.day, r.state) for r in result.days] == [
        (TODAY, WindowState.COMPLETE),
        (tomorrow, WindowState.COMPLETE),
    ]
    result = world.fetch(Window(tomorrow, tomorrow), hours=1)
    assert [r.day for r in result.days] == [tomorrow], "what is complete is left alone"


def test_the_look_back_of_a_source_is_asked_again_always(world: World) -> None:
    source = replace(world.source, look_back_days=2)
    first = world.fetch(source=source)
    assert [r.day for r in first.days] == [TODAY - timedelta(days=n) for n in (2, 1, 0)]
    assert [r.day for r in world.fetch(source=source, hours=1).days] == [r.day for r in first.days]
    assert world.upstream.asked[0].url == list_url(TODAY).removeprefix("https://"), "the window comes first"


def test_a_question_is_asked_once_whatever_window_leads_to_it(world: World) -> None:
    """A source that only knows today asks the same for every window."""

    def ask(asking: Asking) -> Questions:
        day = asking.now.date()
        yield [Request(page_url(day, 1), Kind.JSON, day, {"what": "page"})]

    source = world.upstream.watch(replace(fake_source.SOURCE, ask=ask, look_back_days=3), fake_source.answer)
    result = world.fetch(source=source)
    assert len(world.upstream.asked) == 1
    assert [(r.day, r.requests) for r in result.days] == [(TODAY, 1)]


def test_without_a_network_one_line_and_soon(world: World) -> None:
    world.upstream.__exit__(None, None, None)
    began = time.monotonic()
    (line,) = world.fetch(Window(YESTERDAY, TODAY)).missing[:1]
    assert time.monotonic() - began < 5
    assert "could not be reached" in line
    assert "Check the network" in line
    assert len(world.clock.slept) <= 3 * QUICK.attempts


def test_the_time_of_a_source_is_bounded(world: World) -> None:
    source = replace(world.source, pace=Pace(requests_per_minute=600, at_once=1))
    world.upstream.fail(status(500), times=2)
    result = fetch(
        world.home, source, ONE_DAY, watchlist=WATCHLIST, client=world.client(), now=world.clock.now,
        source_seconds=2.3,
    )  # fmt: skip
    assert result.missing == (), "it had just enough time"
    world.upstream.fail(status(500), times=3, when=lambda asked: "page" in asked.url)
    result = fetch(
        world.home, source, ONE_DAY, watchlist=WATCHLIST, client=world.client(), now=world.clock.now,
        source_seconds=2.0,
    )  # fmt: skip
    assert "answered 500" in result.missing[0]


def test_sources_are_asked_side_by_side_and_fail_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    here = threading.Barrier(2, timeout=5)

    def asking_of(number: int) -> Source:
        def ask(asking: Asking) -> Questions:
            here.wait()
            if number:
                raise RuntimeError("this one is broken")
            yield from fake_source.ask(asking)

        return world.upstream.watch(
            replace(fake_source.SOURCE, name=f"source_{number}", ask=ask), fake_source.answer
        )

    sources = [asking_of(0), asking_of(1)]
    results = fetch_all(
        world.home, sources, None, watchlist=WATCHLIST, client=world.client(), now=world.clock.now
    )
    by_name = {result.source: result for result in results}
    assert by_name["source_0"].missing == ()
    assert "this one is broken" in by_name["source_1"].missing[0]


def test_a_fetch_that_cannot_even_start_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def shut(*arguments: object) -> str:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(fetching, "store_watchlist", shut)
    (line,) = world.fetch().missing
    days = "example_news (2026-11-20 to 2026-11-20)"
    assert line == f"{days}: failed with PermissionError: [Errno 13] Permission denied"


def test_a_full_disk_in_between_is_told_and_healed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "write_capture", full_disk)
        (line,) = world.fetch().missing
    assert "the disk is full" in line and "Make space" in line
    assert world.fetch(hours=1).missing == ()


# --- days -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "zone", "day"),
    [
        ("2026-11-20T23:59:59Z", "UTC", "2026-11-20"),
        ("2026-11-21T00:00:00Z", "UTC", "2026-11-21"),
        ("2026-11-20T23:59:59Z", "Asia/Shanghai", "2026-11-21"),
        ("2026-03-08T04:59:59Z", "America/New_York", "2026-03-07"),
        ("2026-03-08T05:00:00Z", "America/New_York", "2026-03-08"),
        ("2026-03-09T03:59:59Z", "America/New_York", "2026-03-08"),
        ("2026-03-09T04:00:00Z", "America/New_York", "2026-03-09"),
        ("2026-11-01T04:00:00Z", "America/New_York", "2026-11-01"),
        ("2026-11-02T04:59:59Z", "America/New_York", "2026-11-01"),
        ("2026-11-02T05:00:00Z", "America/New_York", "2026-11-02"),
    ],
)
def test_today_is_a_day_in_the_zone_of_the_source(now: str, zone: str, day: str) -> None:
    source = replace(fake_source.SOURCE, day_zone=zone)
    expected = date.fromisoformat(day)
    assert today(source, datetime.fromisoformat(now)) == Window(expected, expected)


def test_an_answer_that_arrives_after_midnight_belongs_to_the_day_that_was_asked(world: World) -> None:
    world.clock.moment = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)
    world.upstream.fail(status(503), when=lambda asked: "page/3" in asked.url)
    world.clock.chance = 1.0
    one_by_one = replace(
        world.source, hosts=(fake_source.HOST,), pace=Pace(requests_per_minute=6000, at_once=1)
    )  # or the clock goes on while the other pages are on their way
    world.fetch(source=one_by_one)
    world.load()
    assert world.articles("DISTINCT CAST(observed_at AS DATE)::VARCHAR") == [("2026-11-20",), ("2026-11-21",)]
    assert [p.name for p in (world.home.lake / "raw/example_news/articles").iterdir()] == ["day=2026-11-20"]


# --- reading again --------------------------------------------------------------------------------


def parquet(home: Home) -> dict[str, bytes]:
    return files(home.lake / "raw" / "example_news")


def test_the_lake_can_be_made_again_from_the_archive_without_a_network(world: World) -> None:
    pages(world, article(1), article(2, "A stroy"), "odd")
    world.fetch()
    pages(world, article(2), article(3))
    world.fetch(hours=1)
    world.load()
    before = parquet(world.home)
    for path in (world.home.lake / "raw" / "example_news").rglob("*.parquet"):
        path.unlink()
    for path in (world.home.archive / "parsed").rglob("*.jsonl"):
        path.unlink()
    world.upstream.__exit__(None, None, None)
    received, unreadable = reparse(world.home, world.source, ONE_DAY, WATCHLIST, world.clock.now)
    assert (len(received), unreadable) == (2, [])
    world.load()
    assert parquet(world.home) == before


def test_a_mended_reader_brings_in_what_was_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def strict(answer: Answer, watchlist: Watchlist) -> Parsed:
        parsed = fake_source.read(answer, watchlist)
        if "page/2" in answer.request.url:
            raise WrongAnswerError("not yet understood", is_retriable=False)
        return parsed

    world.fetch(source=replace(world.source, read=strict))
    world.load()
    assert len(world.articles()) == ARTICLES - ITEMS[1]
    _, unreadable = reparse(world.home, world.source, ONE_DAY, WATCHLIST, world.clock.now)
    assert unreadable == []
    world.load()
    assert len(world.articles()) == ARTICLES
    assert all(c.refused is None for c in captures_of(world.home, "example_news", TODAY))


def test_a_page_of_a_load_balancer_is_not_read_again(world: World) -> None:
    world.upstream.fail(html(), when=lambda asked: "page/2" in asked.url)
    world.fetch()
    assert reparse(world.home, world.source, ONE_DAY, WATCHLIST, world.clock.now)[1] == []


def test_reparse_of_days_without_captures_does_nothing(world: World) -> None:
    week = Window(TODAY - timedelta(days=7), TODAY)
    assert reparse(world.home, world.source, week, WATCHLIST, world.clock.now) == ([], [])
    world.fetch()
    assert len(reparse(world.home, world.source, week, WATCHLIST, world.clock.now)[0]) == 2


def test_an_edited_watchlist_is_a_reason_to_load_again(world: World) -> None:
    world.fetch()
    (_, mentions) = world.load()
    assert mentions.record.rows_published == 5
    lemon = world.watchlist.platforms["lemon8"]
    world.watchlist = world.watchlist.model_copy(
        update={"platforms": {**world.watchlist.platforms, "story": lemon}}
    )
    assert len(world.fetch(hours=1).receipts) == 2
    (_, mentions) = world.load()
    assert mentions.record.rows_in == 5 + ARTICLES


def test_a_load_that_is_overtaken_by_a_later_fetch_does_not_hide_it(world: World) -> None:
    """A fetch writes a new receipt while the load of the old one runs."""
    pages(world, article(1))
    world.fetch()

    def meanwhile(step: str) -> None:
        if step == "checked" and len(world.articles()) == 0:
            pages(world, article(1), article(2))
            world.fetch(hours=1)

    load_pending(world.home, "articles", WATCHLIST.ids(), world.clock.now, meanwhile)
    assert [r.state for r in receipts(world.home, "articles")] == ["pending"]
    world.load()
    assert len(world.articles()) == 2


def test_a_lost_capture_fails_the_load_and_leaves_the_lake(world: World) -> None:
    world.fetch()
    world.load()
    before = parquet(world.home)
    reparse(world.home, world.source, ONE_DAY, WATCHLIST, world.clock.now)
    for path in (world.home.archive / "captures/example_news" / str(TODAY)).iterdir():
        path.unlink()
    results = world.load()
    assert {r.record.verdict for r in results} == {"failed"}
    assert "the archive has lost the capture" in str(results[0].record.reason)
    assert parquet(world.home) == before


def test_torn_caches_are_read_again(world: World) -> None:
    world.fetch()
    for number, path in enumerate(sorted((world.home.archive / "parsed").rglob("*.jsonl"))):
        content = path.read_bytes()
        path.write_bytes([b"", content[: len(content) // 2], b"\0" * 50, content[:-2]][number % 4])
    world.load()
    assert len(world.articles()) == ARTICLES


def test_rows_checked_again_come_out_of_quarantine(world: World) -> None:
    world.fetch()
    fewer = WATCHLIST.ids().platforms - {"tiktok"}
    watched = replace(WATCHLIST.ids(), platforms=fewer)
    (result,) = load_pending(world.home, "article_mentions", watched, world.clock.now)
    assert result.record.verdict == "held"
    (again,) = load_pending(world.home, "article_mentions", WATCHLIST.ids(), world.clock.now)
    assert again.record.verdict == "published"
    assert load_pending(world.home, "article_mentions", WATCHLIST.ids(), world.clock.now) == []


def test_an_upstream_of_rows_never_counts_one_row_twice(world: World) -> None:
    for hour in range(3):
        pages(world, *(article(n, f"Story, told at {hour // 2}") for n in range(hour, hour + 4)))
        world.fetch(hours=1)
        world.load()
    ids = [row[0] for row in world.articles()]
    assert len(ids) == len(set(ids)) == 6
    records = [r for r in read_loads(world.home) if r.table_name == "articles"]
    assert all(r.rows_in == r.rows_published + r.rows_quarantined for r in records)
    assert len(receipts(world.home, "articles")) == 1
    assert len(RAW_TABLES["articles"].key) == 1


def test_many_threads_may_ask_for_the_code_that_reads_at_once() -> None:
    """Python 3.11 fails now and then where two threads build syntax trees at the same time."""
    program = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from ingestion.parsed import code_fingerprint\n"
        "from ingestion.sources import SOURCES\n"
        "modules = [source.read.__module__ for source in SOURCES.values()]\n"
        "with ThreadPoolExecutor(16) as threads:\n"
        "    print(len(set(threads.map(code_fingerprint, modules))) == len(set(modules)))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
