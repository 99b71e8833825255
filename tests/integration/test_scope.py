"""Asking for less than everything: only what is new, or for one platform, without forgetting the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest

from ingestion.captures import captures_of
from ingestion.fetch import FetchResult, Scope, fetch
from ingestion.settings import Home
from ingestion.source import Asking, Kind, Questions, Request, Source, Window
from ingestion.windows import WindowState, day_reports
from orchestration.dbt import ensure_manifest
from orchestration.definitions import build_defs
from orchestration.defs.runs import LIVE_JOB
from orchestration.defs.upstreams import upstream_key
from orchestration.installation import Clock, Installation
from tests._support import fake_source
from tests._support.asking import NOON, WATCHLIST, Sleeper, client_of
from tests._support.fake_source import HOST, PAGES, page_url
from tests._support.upstream import Asked, Upstream, status

TODAY = NOON.date()
ONE_DAY = Window(TODAY, TODAY)
LEMON8 = Scope(only_new=True, platforms=frozenset({"lemon8"}))
EVERYTHING_OF_LEMON8 = Scope(platforms=LEMON8.platforms)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


def ask(
    home: Home, upstream: Upstream, source: Source, scope: Scope, window: Window = ONE_DAY
) -> FetchResult:
    clock = Sleeper()
    client = client_of(upstream.url, clock)
    try:
        return fetch(home, source, window, watchlist=WATCHLIST, client=client, now=clock.now, scope=scope)
    finally:
        client.close()


def with_final_pages(upstream: Upstream) -> Source:
    """The list of a day may grow; its pages stay as they are."""

    def questions(asking: Asking) -> Questions:
        batches = fake_source.ask(asking)
        answers = yield next(batches)
        yield [replace(request, is_final=True) for request in batches.send(answers)]

    return upstream.watch(replace(fake_source.SOURCE, ask=questions), fake_source.answer)


def by_platform(upstream: Upstream) -> Source:
    """A page for each platform and day."""

    def questions(asking: Asking) -> Questions:
        yield [
            Request(f"https://{HOST}/page/1?day={day}&of={platform}", Kind.JSON, day, {"what": "page"})
            for day in asking.window.days()
            for platform in asking.watchlist.platforms
        ]

    source = replace(fake_source.SOURCE, ask=questions, asks_by_platform=True, look_back_days=2)
    return upstream.watch(
        source, lambda request: fake_source.answer(replace(request, url=page_url(TODAY, 1)))
    )


def test_what_never_changes_is_not_asked_for_again_by_who_wants_only_what_is_new(
    home: Home, upstream: Upstream
) -> None:
    source = with_final_pages(upstream)
    ask(home, upstream, source, Scope())
    upstream.asked.clear()
    result = ask(home, upstream, source, Scope(only_new=True))
    assert result.missing == ()
    assert [one.url for one in upstream.asked] == [f"{HOST}/list?day={TODAY}"]
    ask(home, upstream, source, Scope())
    assert len(upstream.asked) == 1 + 1 + PAGES


def test_one_platform_is_asked_for_alone_and_on_the_named_days_alone(home: Home, upstream: Upstream) -> None:
    result = ask(home, upstream, by_platform(upstream), LEMON8)
    assert [one.url for one in upstream.asked] == [f"{HOST}/page/1?day={TODAY}&of=lemon8"]
    assert {receipt.table_name for receipt in result.receipts} == set(fake_source.SOURCE.tables)


def test_what_is_missing_of_others_stays_missing(home: Home, upstream: Upstream) -> None:
    source = by_platform(upstream)

    def of_tiktok(asked: Asked) -> bool:
        return asked.url.endswith("of=tiktok")

    upstream.fail(status(400), times=1, when=of_tiktok)
    ask(home, upstream, replace(source, look_back_days=0), Scope())
    assert [report.state for report in day_reports(home, source.name)] == [WindowState.PARTIAL]
    ask(home, upstream, source, LEMON8)
    assert [report.state for report in day_reports(home, source.name)] == [WindowState.PARTIAL]
    ask(home, upstream, replace(source, look_back_days=0), Scope())
    assert [report.state for report in day_reports(home, source.name)] == [WindowState.COMPLETE]


def test_a_backfill_of_one_platform_makes_no_day_complete(home: Home, upstream: Upstream) -> None:
    """Days that nobody has asked for are still to be asked for; what a night has found out stays."""
    source = by_platform(upstream)
    ask(home, upstream, replace(source, look_back_days=0), Scope())
    before = day_reports(home, source.name)
    result = ask(home, upstream, source, LEMON8, Window(TODAY - timedelta(days=30), TODAY))
    assert {report.state for report in result.days} == {WindowState.COMPLETE}
    assert day_reports(home, source.name) == before


def test_the_night_after_a_backfill_of_one_platform_asks_for_its_days_alone(
    home: Home, upstream: Upstream
) -> None:
    source = replace(by_platform(upstream), look_back_days=0, is_dated=True)
    upstream.fail(status(400), times=1, when=lambda asked: str(TODAY - timedelta(days=5)) in asked.url)
    ask(home, upstream, source, LEMON8, Window(TODAY - timedelta(days=5), TODAY - timedelta(days=3)))
    upstream.asked.clear()
    ask(home, upstream, source, Scope())
    asked = {one.url.split("day=")[1][:10] for one in upstream.asked}
    assert asked == {str(TODAY), str(TODAY - timedelta(days=5))}, "today, and the day that lacks something"


@pytest.mark.parametrize("was_asked", [False, True])
def test_what_one_platform_lacks_is_noted_until_it_is_there(
    home: Home, upstream: Upstream, was_asked: bool
) -> None:
    source = by_platform(upstream)
    if was_asked:
        ask(home, upstream, replace(source, look_back_days=0), Scope())
    before = day_reports(home, source.name)
    upstream.fail(status(400), times=1, when=lambda asked: asked.url.endswith("of=lemon8"))
    ask(home, upstream, source, EVERYTHING_OF_LEMON8)
    (report,) = day_reports(home, source.name)
    state = WindowState.PARTIAL if was_asked else WindowState.MISSING
    assert (report.state, report.platforms) == (state, ("lemon8",))
    ask(home, upstream, source, EVERYTHING_OF_LEMON8)
    assert day_reports(home, source.name) == before


def test_a_source_that_cannot_be_asked_by_platform_says_so(home: Home, upstream: Upstream) -> None:
    result = ask(home, upstream, fake_source.SOURCE, LEMON8)
    assert result.problem is not None
    assert "cannot be asked for single platforms" in result.problem
    assert upstream.asked == []
    assert captures_of(home, fake_source.SOURCE.name, TODAY) == []


def test_a_partition_of_which_nothing_can_be_asked_does_not_pass(
    home: Home, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    """A live chart knows only today."""
    ensure_manifest()
    monkeypatch.setenv("OBSERVATORY_MIRROR", upstream.url)
    name = "apple_marketing_feed"
    job = build_defs(
        {"installation": Installation(home=str(home.root)), "clock": Clock(fixed=NOON.isoformat())}
    ).resolve_job_def(LIVE_JOB)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[upstream_key(name)],
            partition_key=str(TODAY - timedelta(days=9)),
        )
    assert result.success
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert "there is nothing to ask for these days" in (check.description or "")
    assert upstream.asked == []
