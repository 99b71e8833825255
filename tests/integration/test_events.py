"""Sensors: what starts a run, which one, under which key, and what is left after an exception."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ingestion.errors import ObservatoryError, WatchlistError
from ingestion.fetch import fetch
from ingestion.quiet import quiet_until
from ingestion.settings import CASES, Home
from ingestion.source import Asking, Questions, Source, Window
from ingestion.sources import SOURCES
from ingestion.watchlist import parse_watchlist
from orchestration.dbt import ensure_manifest
from orchestration.definitions import build_defs
from orchestration.defs.again import AGAIN_JOB
from orchestration.defs.events import TRIES, TRY_AGAIN_AFTER, Memory
from orchestration.defs.runs import LIVE_JOB, MAIN_JOB
from orchestration.defs.upstreams import STEP
from orchestration.installation import Clock, Installation, Network
from tests._support.asking import Sleeper, client_of
from tests._support.upstream import ALWAYS, Asked, Upstream, status
from tests._support.upstreams import apple_marketing_feed, sec_edgar, wikimedia_pageviews

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOW.date()
INBOX = "load_what_was_dropped_in_the_inbox"
EDITED = "apply_what_was_edited_in_the_watchlist"
ADDED = "backfill_what_was_added_to_the_watchlist"
NEWS = "load_news_when_gdelt_has_a_new_file"
CHARTS = "load_charts_when_apple_marketing_feed_changed"
FILINGS = "load_filings_when_a_watched_company_filed"
BATCHES = "https://storage.googleapis.com/data.gdeltproject.org/gdeltv2"

WATCHED = """
platforms:
  tiktok:
    name: TikTok
    kind: short_video
    aliases: [{alias: TikTok, language: en, kind: brand}]
    wikipedia: [{title: TikTok, primary: true}]
companies:
  meta: {name: Meta, role: competitor, cik: "0001326801"}
storefronts: {US: America/New_York}
"""
ADDITION = """
  upscrolled:
    name: UpScrolled
    kind: short_video
    apps: {app_store: {status: verified, name: UpScrolled, id: "6748432167"}}
    aliases: [{alias: UpScrolled, language: en, kind: brand}]
    wikipedia: [{title: UpScrolled, primary: true}]
"""
EXTENDED = WATCHED.replace("companies:", f"{ADDITION.strip(chr(10))}\ncompanies:")


class ClockOnTheWall(Clock):
    """Shows what stands in the file `fixed`: it goes on while the definitions stay."""

    def now(self) -> datetime:
        return datetime.fromisoformat(Path(self.fixed).read_text())


class Office:
    """Sensors as the daemon evaluates them: with the cursor that the last good tick has left."""

    def __init__(self, home: Home, folder: Path, instance: dg.DagsterInstance) -> None:
        ensure_manifest()
        self.instance = instance
        self.home = home
        self.now = NOW
        self.wall = folder / "clock"
        self.watchlist = folder / "watchlist.yaml"
        self.watchlist.write_text(WATCHED)
        self.resources = {
            "installation": Installation(home=str(home.root), watchlist=str(self.watchlist)),
            "network": Network(),
            "clock": ClockOnTheWall(fixed=str(self.wall)),
        }
        self.definitions = build_defs(self.resources)
        self.cursors: dict[str, str | None] = {}
        home.inbox.mkdir(parents=True)

    def tick(self, name: str) -> tuple[list[dg.RunRequest], str]:
        """The runs that a tick starts, and why there are none."""
        self.wall.write_text(self.now.isoformat())
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(name),
            definitions=self.definitions,
            resources=self.resources,
        )
        evaluated = self.definitions.resolve_sensor_def(name).evaluate_tick(context)
        self.cursors[name] = evaluated.cursor
        return list(evaluated.run_requests or []), evaluated.skip_message or ""

    def run_ends(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
        """What is left of the run that was started."""
        tags = {"dagster/run_key": str(request.run_key)}
        self.instance.add_run(dg.DagsterRun(job_name=str(request.job_name), tags=tags, status=status))

    def fetch(self, source: Source, url: str, window: Window | None = None) -> None:
        """What the run would do that a sensor has started."""
        client = client_of(url, Sleeper(moment=self.now))
        watchlist = parse_watchlist(self.watchlist.read_bytes())
        days = window or Window(TODAY, TODAY)
        result = fetch(self.home, source, days, watchlist=watchlist, client=client, now=lambda: self.now)
        client.close()
        assert result.missing == ()


@pytest.fixture
def office(home: Home, tmp_path: Path, upstream: Upstream) -> Iterator[Office]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Office(home, tmp_path, instance)


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    with Upstream(has_etags=True) as server:
        monkeypatch.setenv("OBSERVATORY_MIRROR", server.url)
        yield server


def config_of(request: dg.RunRequest) -> dict[str, Any]:
    config: dict[str, Any] = request.run_config["ops"][STEP]["config"]
    return config


def upstreams_of(request: dg.RunRequest) -> set[str]:
    assert request.asset_selection is not None
    return {key.path[1] for key in request.asset_selection if key.path[0] == "upstream"}


# --- all of them ----------------------------------------------------------------------------------


def test_nobody_is_asked_over_the_network_without_a_word(office: Office) -> None:
    running = {
        sensor.name
        for sensor in office.definitions.get_repository_def().sensor_defs
        if sensor.default_status is dg.DefaultSensorStatus.RUNNING
    }
    assert {INBOX, EDITED} <= running
    assert not running & {ADDED, NEWS, CHARTS, FILINGS, "models_follow_their_inputs"}


def test_an_event_that_stays_is_tried_again_some_times() -> None:
    memory, now = Memory(), NOW
    keys = []
    for _ in range(2 * TRIES):
        if (after := memory.after("digest", now)) is not None:
            memory = after
            keys.append(memory.run_key)
        assert memory.after("digest", now) is None
        now += TRY_AGAIN_AFTER
    assert len(set(keys)) == TRIES
    assert Memory.of(memory.as_cursor()) == memory


# --- the inbox ------------------------------------------------------------------------------------


def test_an_empty_inbox_starts_nothing(office: Office) -> None:
    assert office.tick(INBOX)[0] == []
    shutil.rmtree(office.home.inbox)
    assert office.tick(INBOX)[0] == []


def test_a_dropped_file_starts_one_run(office: Office) -> None:
    dropped = office.home.inbox / "fx_rates__a.csv"
    dropped.write_text("base_currency\nEUR\n")
    (request,), _ = office.tick(INBOX)
    assert request.job_name in (None, MAIN_JOB)
    assert request.asset_selection is None
    assert office.tick(INBOX)[0] == []


def test_a_tick_that_is_lost_after_its_run_was_started_asks_for_the_same_run(office: Office) -> None:
    (office.home.inbox / "fx_rates__a.csv").write_text("base_currency\nEUR\n")
    (first,), _ = office.tick(INBOX)
    office.cursors.clear()
    (again,), _ = office.tick(INBOX)
    assert first.run_key == again.run_key


def test_other_content_and_the_same_content_again_are_events_of_their_own(office: Office) -> None:
    dropped = office.home.inbox / "fx_rates__a.csv"
    keys = []
    for content in ("A", "B", "A"):
        dropped.write_text(content)
        (request,), _ = office.tick(INBOX)
        keys.append(request.run_key)
        dropped.unlink()
        office.tick(INBOX)
    assert len(set(keys)) == 3


def test_a_file_that_somebody_writes_waits(office: Office) -> None:
    with (office.home.inbox / "fx_rates__a.csv").open("w") as file:
        file.write("base_currency\n")
        file.flush()
        assert office.tick(INBOX)[0] == []
    (office.home.inbox / "fx_rates__b.csv.part").write_text("x")
    assert len(office.tick(INBOX)[0]) == 1
    (office.home.inbox / "fx_rates__a.csv").unlink()
    assert office.tick(INBOX)[0] == [], "an unfinished name is nobody's business"


def test_a_case_folder_waits_until_it_is_whole(office: Office) -> None:
    case = office.home.inbox / "january_2025"
    case.mkdir()
    assert office.tick(INBOX)[0] == []
    shutil.copy(CASES / "january_2025" / "case.yaml", case)
    assert office.tick(INBOX)[0] == [], "a case without a table is none yet"
    shutil.copy(CASES / "january_2025" / "articles.csv", case)
    with (case / "fx_rates.csv").open("w"):
        assert office.tick(INBOX)[0] == []
    assert len(office.tick(INBOX)[0]) == 1


def test_what_can_never_be_taken_starts_one_run_that_says_so(office: Office) -> None:
    (office.home.inbox / "fx_rates.csv").symlink_to("/etc/passwd")
    assert len(office.tick(INBOX)[0]) == 1
    assert office.tick(INBOX)[0] == []


# --- the watchlist --------------------------------------------------------------------------------


def test_an_edit_that_adds_no_name_is_loaded(office: Office) -> None:
    assert office.tick(EDITED) == ([], "Edits are seen from now on.")
    assert office.tick(EDITED)[0] == []
    office.watchlist.write_text(WATCHED.replace("name: Meta,", "name: Meta Platforms,"))
    (request,), _ = office.tick(EDITED)
    assert request.job_name == MAIN_JOB
    assert office.tick(EDITED)[0] == []


def test_a_new_name_is_searched_for_in_the_news_of_the_archive(office: Office, upstream: Upstream) -> None:
    from tests._support import fake_source

    source = upstream.watch(replace(fake_source.SOURCE, name="hacker_news"), fake_source.answer)
    office.fetch(source, upstream.url)
    office.tick(EDITED)
    office.watchlist.write_text(EXTENDED)
    (request,), _ = office.tick(EDITED)
    assert request.job_name == AGAIN_JOB
    assert request.run_config["ops"]["read_again_from_archive"]["config"] == {
        "sources": ["hacker_news"],
        "first": str(TODAY - timedelta(days=30)),
        "last": str(TODAY),
    }


@pytest.mark.parametrize("name", [EDITED, ADDED])
def test_an_edit_that_is_made_taken_back_and_made_again_starts_a_run_each_time(
    office: Office, name: str
) -> None:
    """Dagster starts one run a key, so a key that came before would swallow the edit."""
    office.tick(name)
    keys = []
    for text in (EXTENDED, WATCHED, EXTENDED, WATCHED):
        office.watchlist.write_text(text)
        requests, _ = office.tick(name)
        for request in requests:
            keys.append(request.run_key)
            office.run_ends(request, dg.DagsterRunStatus.SUCCESS)
    assert len(keys) == len(set(keys)) == (4 if name == EDITED else 2)


@pytest.mark.parametrize("name", [EDITED, ADDED])
def test_an_edit_whose_run_has_failed_is_not_forgotten(office: Office, name: str) -> None:
    office.tick(name)
    office.watchlist.write_text(EXTENDED)
    (first,), _ = office.tick(name)
    office.run_ends(first, dg.DagsterRunStatus.FAILURE)
    assert office.tick(name)[0] == []
    office.now += TRY_AGAIN_AFTER
    (second,), _ = office.tick(name)
    assert second.run_key != first.run_key
    assert second.run_config == first.run_config
    office.run_ends(second, dg.DagsterRunStatus.SUCCESS)
    office.now += TRY_AGAIN_AFTER
    assert office.tick(name)[0] == []


def test_an_edit_that_is_taken_back_before_its_run_has_ended_is_loaded_as_it_is_then(office: Office) -> None:
    office.tick(EDITED)
    office.watchlist.write_text(EXTENDED)
    (first,), _ = office.tick(EDITED)
    office.watchlist.write_text(WATCHED)
    (second,), _ = office.tick(EDITED)
    assert second.run_key != first.run_key


def test_a_watchlist_that_says_nonsense_leaves_the_cursor_as_it_was(office: Office) -> None:
    for name in (EDITED, ADDED):
        office.tick(name)
        before = office.cursors[name]
        office.watchlist.write_text("platforms: {}")
        with pytest.raises(WatchlistError):
            office.tick(name)
        assert office.cursors[name] == before
        office.watchlist.write_text(EXTENDED)
        assert len(office.tick(name)[0]) == 1
        office.watchlist.write_text(WATCHED)
        office.cursors.clear()


def test_an_added_platform_starts_a_backfill_of_it_alone(office: Office) -> None:
    office.tick(ADDED)
    office.watchlist.write_text(EXTENDED.replace("name: Meta,", "name: Meta Platforms,"))
    (request,), _ = office.tick(ADDED)
    assert request.job_name == LIVE_JOB
    assert upstreams_of(request) == {"apple_lookup", "wikimedia_pageviews", "hacker_news"}
    assert config_of(request)["platforms"] == ["upscrolled"]
    assert config_of(request)["first"] == str(TODAY - timedelta(days=30))
    assert office.tick(ADDED)[0] == []


def test_an_edit_that_adds_nothing_to_ask_for_asks_nobody(office: Office) -> None:
    office.tick(ADDED)
    office.watchlist.write_text(WATCHED.replace("name: Meta,", "name: Meta Platforms,"))
    assert office.tick(ADDED) == ([], "No platform was added.")


def test_the_backfill_asks_for_the_added_platform_and_nothing_else(
    office: Office, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = upstream.watch(SOURCES["wikimedia_pageviews"], wikimedia_pageviews.answer)
    monkeypatch.setitem(SOURCES, source.name, source)
    days = Window(TODAY - timedelta(days=3), TODAY)
    office.fetch(source, upstream.url, days)
    office.tick(ADDED)
    office.watchlist.write_text(EXTENDED)
    (request,), _ = office.tick(ADDED)
    known = len(upstream.asked)

    config = {**config_of(request), "first": str(days.first)}
    job = build_defs(
        {
            "installation": Installation(home=str(office.home.root), watchlist=str(office.watchlist)),
            "clock": Clock(fixed=NOW.isoformat()),
        }
    ).resolve_job_def(LIVE_JOB)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(["upstream", source.name])],
            run_config={"ops": {STEP: {"config": config}}},
        )
    assert result.success
    asked = [one.url for one in upstream.asked[known:]]
    assert len(asked) == 3, "the three days that are over"
    assert all("/UpScrolled/" in url for url in asked)


# --- GDELT ----------------------------------------------------------------------------------------


def list_newest(upstream: Upstream, moment: datetime) -> None:
    for name, suffix in (
        ("lastupdate", ".gkg.csv.zip"),
        ("lastupdate-translation", ".translation.gkg.csv.zip"),
    ):
        line = f"5000000 {'0' * 32} http://data.gdeltproject.org/gdeltv2/{moment:%Y%m%d%H%M%S}{suffix}\n"
        upstream.serve(f"{BATCHES}/{name}.txt", line.encode())


def only_lists(source: Source) -> Source:
    def ask(asking: Asking) -> Questions:
        yield next(source.ask(asking))

    return replace(source, ask=ask, look_back_days=0)


def test_a_new_news_file_starts_a_run_for_its_day(office: Office, upstream: Upstream) -> None:
    batch = NOW - timedelta(minutes=15)
    list_newest(upstream, batch)
    (request,), _ = office.tick(NEWS)
    assert upstreams_of(request) == {"gdelt_gkg"}
    assert {"first": str(TODAY), "last": str(TODAY), "only_new": True} == config_of(request)
    assert office.tick(NEWS)[0] == [], "its run is still to come"

    office.fetch(only_lists(SOURCES["gdelt_gkg"]), upstream.url)
    assert office.tick(NEWS) == ([], "Nothing is new.")
    list_newest(upstream, NOW)
    (request,), _ = office.tick(NEWS)
    assert config_of(request)["first"] == str(TODAY)


def test_news_files_that_came_over_midnight_are_asked_for_by_both_days(
    office: Office, upstream: Upstream
) -> None:
    list_newest(upstream, NOW)
    office.fetch(only_lists(SOURCES["gdelt_gkg"]), upstream.url)
    list_newest(upstream, NOW + timedelta(hours=13))
    (request,), _ = office.tick(NEWS)
    assert (config_of(request)["first"], config_of(request)["last"]) == (str(TODAY), str(date(2026, 11, 21)))


# --- charts and filings ---------------------------------------------------------------------------


@pytest.fixture
def charts(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Source:
    source = upstream.watch(SOURCES["apple_marketing_feed"], apple_marketing_feed.answer)
    monkeypatch.setitem(SOURCES, source.name, source)
    return source


@pytest.fixture
def filings(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Source:
    source = upstream.watch(SOURCES["sec_edgar"], sec_edgar.answer)
    monkeypatch.setitem(SOURCES, source.name, source)
    return source


@pytest.fixture
def looking(office: Office, upstream: Upstream, charts: Source, filings: Source) -> Office:
    """With something new at every upstream."""
    list_newest(upstream, NOW)
    return office


LOOKING = [(NEWS, "gdelt_gkg"), (CHARTS, "apple_marketing_feed"), (FILINGS, "sec_edgar")]


@pytest.mark.parametrize(("name", "source"), LOOKING)
def test_a_lost_tick_asks_for_the_same_run_and_the_same_news_later_for_another(
    looking: Office, name: str, source: str
) -> None:
    (first,), _ = looking.tick(name)
    looking.cursors.clear()
    (again,), _ = looking.tick(name)
    assert first.run_key == again.run_key
    assert str(first.run_key).startswith(source)
    looking.now += TRY_AGAIN_AFTER
    (later,), _ = looking.tick(name)
    assert later.run_key != again.run_key, "the run has changed nothing, and what is new is still there"


@pytest.mark.parametrize(("name", "source"), LOOKING)
def test_an_upstream_that_is_down_fails_the_tick_and_keeps_the_cursor(
    looking: Office, upstream: Upstream, name: str, source: str
) -> None:
    looking.tick(name)
    before = looking.cursors[name]
    upstream.fail(status(503), times=ALWAYS, when=lambda asked: True)
    with pytest.raises(ObservatoryError, match=rf"{source}: could not be looked at: .*503.*next tick"):
        looking.tick(name)
    assert looking.cursors[name] == before
    upstream.heal()
    assert looking.tick(name)[0] == []


def serve_chart(upstream: Upstream, source: Source, change: str) -> None:
    """Another answer of the first chart: made anew, or with two apps that have changed places."""
    watchlist = parse_watchlist(WATCHED.encode())
    request = next(source.ask(Asking(Window(TODAY, TODAY), watchlist, NOW)))[0]
    document = json.loads(apple_marketing_feed.answer(request))
    feed = document["feed"]
    if change == "ranks":
        feed["results"][:2] = feed["results"][1::-1]
    feed["updated"] = feed["updated"].replace("00:10:00", "00:20:00")
    upstream.serve(request.url, json.dumps(document).encode())


def test_a_chart_in_which_an_app_moved_starts_a_run_for_its_source(
    office: Office, upstream: Upstream, charts: Source
) -> None:
    (request,), _ = office.tick(CHARTS)
    assert upstreams_of(request) == {"apple_marketing_feed"}
    assert config_of(request) == {"first": str(TODAY), "last": str(TODAY)}
    office.fetch(charts, upstream.url)
    assert office.tick(CHARTS) == ([], "Nothing is new.")
    assert {one.headers.get("if-none-match") is None for one in upstream.asked[-2:]} == {False}

    serve_chart(upstream, charts, "date")
    assert office.tick(CHARTS)[0] == [], "the same ranks, made again"
    serve_chart(upstream, charts, "ranks")
    (request,), _ = office.tick(CHARTS)
    assert office.tick(CHARTS)[0] == []


def test_one_chart_that_does_not_answer_hides_no_other(
    office: Office, upstream: Upstream, charts: Source
) -> None:
    office.fetch(charts, upstream.url)

    def paid(asked: Asked) -> bool:
        return "top-paid" in asked.url

    upstream.fail(status(500), times=ALWAYS, when=paid)
    requests, why = office.tick(CHARTS)
    assert requests == []
    assert "500" in why
    serve_chart(upstream, charts, "ranks")
    assert len(office.tick(CHARTS)[0]) == 1


def test_a_host_that_asks_to_be_left_alone_is_left_alone_by_probes(
    office: Office, upstream: Upstream, charts: Source
) -> None:
    """One answer is enough, for the other charts of that host as for the next ticks, and for fetches."""
    upstream.fail(status(429, {"Retry-After": "3600"}), times=ALWAYS)
    with pytest.raises(ObservatoryError, match="could not be looked at"):
        office.tick(CHARTS)
    assert len(upstream.asked) == 1
    address = f"https://{upstream.asked[0].url}"
    assert quiet_until(office.home, address, office.now) == NOW + timedelta(hours=1)
    office.now += timedelta(minutes=30)
    runs, why = office.tick(CHARTS)
    assert runs == [] and "has asked to be left alone until 2026-11-20 13:00:00 UTC" in why
    assert len(upstream.asked) == 1
    office.now += timedelta(minutes=31)
    with pytest.raises(ObservatoryError, match="could not be looked at"):
        office.tick(CHARTS)
    assert len(upstream.asked) == 2


def test_a_new_filing_starts_a_run_for_the_sec(office: Office, upstream: Upstream, filings: Source) -> None:
    assert len(office.tick(FILINGS)[0]) == 1
    office.fetch(filings, upstream.url)
    assert office.tick(FILINGS) == ([], "Nothing is new.")

    watchlist = parse_watchlist(WATCHED.encode())
    request = next(filings.ask(Asking(Window(TODAY, TODAY), watchlist, NOW)))[0]
    document = json.loads(sec_edgar.answer(request))
    recent = document["filings"]["recent"]
    for name, values in recent.items():
        recent[name] = [values[0], *values]
    recent["accessionNumber"][0] = "0001326801-26-000099"
    upstream.serve(request.url, json.dumps(document).encode())
    (run,), _ = office.tick(FILINGS)
    assert upstreams_of(run) == {"sec_edgar"}
    assert config_of(run) == {"first": str(TODAY), "last": str(TODAY)}
