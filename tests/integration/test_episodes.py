"""Episodes: what is one, that it is one thing however late its days come, and what it starts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import dagster as dg
import duckdb
import pytest

from ingestion.alerts import Kind
from ingestion.fetch import Scope
from ingestion.settings import WATCHLIST, Home
from ingestion.storefronts import MORE_STOREFRONTS
from ingestion.watchlist import parse_watchlist
from ingestion.windows import DayReport, WindowState, note_days
from orchestration.defs.alerts import episode_alerts
from orchestration.defs.episodes import CLOSER_JOB, EPISODES, detected_episodes, episode_sensor
from orchestration.defs.upstreams import STEP, check_name, upstream_key
from orchestration.episode_brief import EpisodeError, write_brief
from orchestration.episodes import Changes, State, detect, episodes
from orchestration.installation import Clock, Installation

NEW_YEAR = date(2026, 1, 1)
Look = tuple[int, int | None, int]
"""Days after New Year, the rank that was seen if any, and how deep somebody looked."""


def publish(
    home: Home,
    looks: Sequence[Look],
    *,
    platform: str = "lemon8",
    chart: str = "top_free_overall",
    surges: Mapping[str, Sequence[tuple[int, bool]]] | None = None,
) -> None:
    """A published file with the marts that detection reads."""
    home.root.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(home.published_database)) as con:
        con.execute("create schema if not exists marts")
        con.execute(
            "create or replace table marts.fct_chart_rank_daily (platform_id text, store text, country text, "
            "chart text, store_date date, rank bigint, rank_status text, depth bigint, provenance text)"
        )
        for day, rank, depth in looks:
            status = "unranked" if rank is None else "ranked"
            row = [
                platform,
                "app_store",
                "US",
                chart,
                NEW_YEAR + timedelta(days=day),
                rank,
                status,
                depth,
                "live",
            ]
            con.execute("insert into marts.fct_chart_rank_daily values (?,?,?,?,?,?,?,?,?)", row)
        if surges is not None:
            con.execute(
                "create or replace table marts.surges (series_id text, series_date date, platform_id text, "
                "signal_family text, signal text, country text, geography text, chart text, "
                "is_surge boolean, surge_onset boolean)"
            )
        for family, days in (surges or {}).items():
            is_chart = family == "chart"
            place = ("US", "US", chart) if is_chart else (None, None, None)
            for day, onset in days:
                row = [family, NEW_YEAR + timedelta(days=day), platform, family, family, *place, True, onset]
                con.execute("insert into marts.surges values (?,?,?,?,?,?,?,?,?,?)", row)


def detect_on(home: Home, day: int) -> Changes:
    """Detects on a day after New Year."""
    moment = datetime.combine(NEW_YEAR, datetime.min.time(), UTC) + timedelta(days=day, hours=12)
    return detect(home, moment)


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        ([(0, None, 100), (1, 8, 100)], True),
        ([(0, 61, 100), (1, 8, 100)], True),
        ([(0, 26, 100), (1, 18, 100), (2, 9, 100)], True),
        ([(0, 26, 100), (1, 18, 100), (2, 11, 100)], False),
        ([(0, None, 5), (1, 8, 100)], False),
        ([(1, 8, 100)], False),
        ([(0, 12, 100), (1, 8, 100), (2, 12, 100), (3, 9, 100)], False),
        ([(0, None, 100), (20, 8, 100)], False),
    ],
    ids=[
        "off the chart before",
        "far down before",
        "climbs over days",
        "not in the top ten",
        "nobody looked 25 deep",
        "never looked at before",
        "moves within the top 25",
        "looked for too long ago",
    ],
)
def test_what_is_an_episode(home: Home, looks: Sequence[Look], found: bool) -> None:
    publish(home, looks)
    assert bool(detect_on(home, looks[-1][0]).opened) is found


def test_paid_charts_say_nothing_of_people_who_come(home: Home) -> None:
    publish(home, [(0, None, 100), (1, 8, 100)], chart="top_grossing_overall")
    assert not detect_on(home, 1).episodes


def test_it_opens_once_and_closes_fourteen_days_after_its_last_day(home: Home) -> None:
    looks: list[Look] = [(0, None, 100), (1, 3, 100), (2, 1, 100), (10, 24, 100)]
    publish(home, looks)
    assert detect_on(home, 10).opened == ("lemon8_us_20260102",)
    assert detect_on(home, 11) == Changes(tuple(episodes(home)), (), ())
    publish(home, [*looks, (20, None, 100)])
    assert not detect_on(home, 24).closed
    changes = detect_on(home, 25)
    assert changes.closed == ("lemon8_us_20260102",)
    (episode,) = changes.episodes
    assert episode.why_closed == "looked for until 2026-01-21, and not seen in the top 25 since 2026-01-11"


def test_where_nobody_looks_any_more_it_ends_and_says_so(home: Home) -> None:
    publish(home, [(0, None, 100), (1, 3, 100)])
    detect_on(home, 1)
    (episode,) = detect_on(home, 16).episodes
    assert (episode.state, episode.why_closed) == (State.CLOSED, "nobody has looked since 2026-01-02")


def test_days_that_come_late_make_no_second_episode(home: Home) -> None:
    publish(home, [(2, 40, 100), (3, 5, 100)])
    detect_on(home, 3)
    publish(home, [(0, 40, 100), (1, 9, 100), (2, 40, 100), (3, 5, 100)])
    changes = detect_on(home, 4)
    (episode,) = changes.episodes
    assert (episode.id, episode.first_day, changes.opened) == ("lemon8_us_20260104", date(2026, 1, 2), ())


FIRST_WAVE: list[Look] = [(-1, None, 100), (0, 5, 100), (2, 7, 100)]
BETWEEN: list[Look] = [(11, 9, 100), (13, 9, 100)]
SECOND_WAVE: list[Look] = [(23, None, 100), (24, 4, 100), (29, 6, 100)]
FIRST, SECOND = "lemon8_us_20260101", "lemon8_us_20260125"


def told(home: Home) -> dict[str, tuple[State, date, date, str | None]]:
    return {one.id: (one.state, one.first_day, one.last_day, one.part_of) for one in episodes(home)}


def test_days_that_come_late_join_two_episodes_and_close_one_of_them(home: Home) -> None:
    publish(home, [*FIRST_WAVE, *SECOND_WAVE])
    detect_on(home, 30)
    assert {one.id: one.state for one in episodes(home)} == {FIRST: State.CLOSED, SECOND: State.OPEN}
    publish(home, [*FIRST_WAVE, *BETWEEN, *SECOND_WAVE])
    changes = detect_on(home, 30)
    assert (changes.opened, changes.closed) == ((FIRST,), (SECOND,))
    first, second = changes.episodes
    assert (first.state, first.first_day, first.last_day) == (State.OPEN, NEW_YEAR, date(2026, 1, 30))
    assert (second.part_of, second.why_closed) == (FIRST, f"became part of {FIRST}")
    assert detect_on(home, 30) == Changes(changes.episodes, (), ()), "the same facts change nothing"
    assert detect_on(home, 60).closed == (FIRST,)
    assert not any(one.is_open for one in episodes(home))


def test_what_was_joined_by_mistake_is_itself_again(home: Home) -> None:
    publish(home, [*FIRST_WAVE, *SECOND_WAVE])
    detect_on(home, 30)
    before = told(home)
    publish(home, [*FIRST_WAVE, *BETWEEN, *SECOND_WAVE])
    detect_on(home, 30)
    publish(home, [*FIRST_WAVE, *SECOND_WAVE])
    detect_on(home, 30)
    assert told(home) == before


def test_an_episode_that_comes_apart_keeps_its_beginning(home: Home) -> None:
    publish(home, [*FIRST_WAVE, *BETWEEN, *SECOND_WAVE])
    detect_on(home, 30)
    publish(home, [*FIRST_WAVE, *SECOND_WAVE])
    changes = detect_on(home, 30)
    assert told(home) == {
        FIRST: (State.CLOSED, NEW_YEAR, date(2026, 1, 3), None),
        SECOND: (State.OPEN, date(2026, 1, 25), date(2026, 1, 30), None),
    }
    assert detect_on(home, 30) == Changes(changes.episodes, (), ()), "the same facts change nothing"


def test_an_id_names_one_episode_for_ever(home: Home) -> None:
    publish(home, [*FIRST_WAVE, *BETWEEN, *SECOND_WAVE])
    detect_on(home, 30)
    publish(home, SECOND_WAVE)
    detect_on(home, 30)
    assert told(home) == {FIRST: (State.OPEN, date(2026, 1, 25), date(2026, 1, 30), None)}
    publish(home, [*FIRST_WAVE, *SECOND_WAVE])
    detect_on(home, 30)
    assert told(home) == {
        f"{FIRST}_2": (State.CLOSED, NEW_YEAR, date(2026, 1, 3), None),
        FIRST: (State.OPEN, date(2026, 1, 25), date(2026, 1, 30), None),
    }


def test_a_second_wave_is_a_second_episode(home: Home) -> None:
    first: list[Look] = [(0, None, 100), (1, 5, 100)]
    publish(home, [*first, (30, None, 100), (31, 4, 100)])
    assert [one.id for one in detect_on(home, 31).episodes] == ["lemon8_us_20260102", "lemon8_us_20260201"]


def test_what_is_over_when_it_is_seen_starts_nothing(home: Home) -> None:
    publish(home, [(0, None, 100), (1, 5, 100)])
    changes = detect_on(home, 300)
    assert changes.opened == ()
    assert [one.state for one in changes.episodes] == [State.CLOSED]
    assert not requests_of(home, 300)


@pytest.mark.parametrize(
    ("surges", "found"),
    [
        ({"attention": [(3, True), (4, False)]}, []),
        ({"attention": [(3, True), (4, False)], "news": [(9, True)]}, []),
        ({"attention": [(3, True), (4, False)], "news": [(5, True)]}, ["lemon8_global_20260104"]),
        ({"attention": [(0, True), (6, True)], "news": [(8, True)]}, ["lemon8_global_20260107"]),
        ({"attention": [(3, True)], "chart": [(4, True)]}, ["lemon8_us_20260104"]),
        ({"chart": [(3, True)]}, []),
    ],
    ids=["one kind", "two kinds, days apart", "two kinds", "an earlier one alone", "chart and talk", "chart"],
)
def test_surges_of_two_kinds_are_signs(
    home: Home, surges: Mapping[str, Sequence[tuple[int, bool]]], found: list[str]
) -> None:
    publish(home, [], surges=surges)
    assert [one.id for one in detect_on(home, 9).episodes] == found


def test_surges_in_paid_charts_say_nothing(home: Home) -> None:
    publish(home, [], chart="top_paid_overall", surges={"chart": [(3, True)], "news": [(3, True)]})
    assert not detect_on(home, 4).episodes


def test_talk_of_what_climbs_a_chart_is_a_sign_of_the_same_episode(home: Home) -> None:
    looks: list[Look] = [(3, None, 100), (4, 8, 100)]
    publish(home, looks, surges={"attention": [(3, True), (4, False), (7, False)]})
    (episode,) = detect_on(home, 8).episodes
    assert (episode.id, episode.last_day) == ("lemon8_us_20260104", date(2026, 1, 8))


def test_an_episode_whose_signs_are_corrected_away_ends(home: Home) -> None:
    publish(home, [(0, None, 100), (1, 3, 100)])
    detect_on(home, 1)
    publish(home, [(0, None, 100), (1, 30, 100)])
    assert not detect_on(home, 2).closed
    assert detect_on(home, 16).closed == ("lemon8_us_20260102",)


def test_nothing_published_is_no_error(home: Home) -> None:
    assert detect_on(home, 0) == Changes((), (), ())


# --- what it starts -------------------------------------------------------------------------------

UPSTREAM = "upstream"


def resources(home: Home, day: int, hour: int = 12) -> dict[str, Any]:
    moment = datetime.combine(NEW_YEAR, datetime.min.time(), UTC) + timedelta(days=day, hours=hour)
    return {"installation": Installation(home=str(home.root)), "clock": Clock(fixed=moment.isoformat())}


def tick(
    home: Home, day: int, hour: int, instance: dg.DagsterInstance, cursor: str | None
) -> tuple[list[dg.RunRequest], str | None]:
    """What the sensor asks for, and its cursor."""
    sensor = episode_sensor([detected_episodes])
    context = dg.build_sensor_context(instance=instance, resources=resources(home, day, hour), cursor=cursor)
    result = sensor(context)
    if isinstance(result, dg.SkipReason):
        return [], cursor
    assert isinstance(result, dg.SensorResult)
    return list(result.run_requests or []), result.cursor


def requests_of(home: Home, day: int) -> list[dg.RunRequest]:
    with dg.DagsterInstance.ephemeral() as instance:
        return tick(home, day, 12, instance, None)[0]


def asked(request: dg.RunRequest) -> set[str]:
    return {key.path[1] for key in request.asset_selection or [] if key.path[0] == UPSTREAM}


def config(request: dg.RunRequest) -> dict[str, Any]:
    given: dict[str, Any] = request.run_config["ops"]["fetch_upstreams"]["config"]
    return given


def test_an_open_episode_asks_for_its_past_and_for_more_charts(home: Home) -> None:
    publish(home, [(0, None, 100), (1, 3, 100)])
    detect_on(home, 1)
    news, history, charts = requests_of(home, 1)
    assert config(news) == {"first": "2025-12-03", "last": "2026-01-02", "platforms": ["lemon8"]}
    assert asked(news) == {"gdelt_doc", "hacker_news", "wikimedia_pageviews"}
    assert (asked(history), config(history)["first"]) == ({"wayback_charts"}, "2025-12-03")
    assert asked(charts) >= {"apple_marketing_feed", "google_play_charts"}
    assert config(charts) == {"more_storefronts": True}
    assert EPISODES in (news.asset_selection or [])


def test_work_is_asked_for_once_and_charts_again_and_again_until_it_ends(home: Home) -> None:
    publish(home, [(0, None, 100), (1, 3, 100)])
    detect_on(home, 1)
    with dg.DagsterInstance.ephemeral() as instance:
        requests, lost = tick(home, 1, 12, instance, None)
        again, cursor = tick(home, 1, 12, instance, None)
        assert [r.run_key for r in again] == [r.run_key for r in requests], "a tick that is lost asks again"
        for request in requests:
            instance.add_run(run_of(request, dg.DagsterRunStatus.STARTED))
        assert tick(home, 1, 13, instance, cursor)[0] == [], "runs go on"
        assert not episodes(home)[0].done
        later, _ = tick(home, 1, 15, instance, lost)
        assert [r.run_key for r in later] == ["charts-2026-01-02T15"]
        assert tick(home, 30, 12, instance, cursor)[0] == [], "it ends by the clock"


def run_of(request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
    """The run that a request has led to."""
    assert request.run_key
    return dg.DagsterRun(
        job_name=CLOSER_JOB,
        tags={**request.tags, "dagster/run_key": request.run_key},
        run_config=request.run_config,
        status=status,
    )


def once(requests: Sequence[dg.RunRequest]) -> dict[str, dg.RunRequest]:
    """Requests for work that is done once, by key."""
    return {r.run_key: r for r in requests if r.run_key and not r.run_key.startswith("charts-")}


HISTORY = "lemon8_us_20260102-history"


def test_work_is_done_when_its_runs_have_succeeded(home: Home) -> None:
    publish(home, [(0, None, 100), (1, 3, 100)])
    with dg.DagsterInstance.ephemeral() as instance:
        for request in once(tick(home, 1, 12, instance, None)[0]).values():
            instance.add_run(run_of(request, dg.DagsterRunStatus.SUCCESS))
        assert once(tick(home, 1, 13, instance, None)[0]) == {}
    assert set(episodes(home)[0].done) == {"news", "history"}


def test_a_run_that_failed_is_tried_again_some_hours_later_and_then_told(home: Home) -> None:
    publish(home, [(0, None, 100), (1, 3, 100)])
    with dg.DagsterInstance.ephemeral() as instance:
        tried = []
        for hour in range(0, 48, 3):
            requests = once(tick(home, 1 + hour // 24, hour % 24, instance, None)[0])
            tried += [(hour, key) for key in requests if key.startswith(HISTORY)]
            for key, request in requests.items():
                failed = key.startswith(HISTORY)
                status = dg.DagsterRunStatus.FAILURE if failed else dg.DagsterRunStatus.SUCCESS
                instance.add_run(run_of(request, status))
        assert tried == [(0, HISTORY), (6, f"{HISTORY}-2"), (12, f"{HISTORY}-3"), (18, f"{HISTORY}-4")]
        (episode,) = episodes(home)
        assert set(episode.done) == {"news"}
        assert "start it again from its page" in episode.lacking["history"]
        alerts = [one for one in episode_alerts([episode], instance) if one.kind is Kind.LACKING]
        assert [one.detail for one in alerts] == list(episode.lacking)
        assert "Could not be asked for: history. Run " in write_brief(home, episode.id).read_text()
        assert "ended with FAILURE" in skipped(home, instance, hour=12)
        again = once(requests_of(home, 2))[HISTORY]
        instance.add_run(run_of(again, dg.DagsterRunStatus.SUCCESS))
        assert "ended with FAILURE" not in skipped(home, instance, hour=13), "a person has started it again"
    (episode,) = episodes(home)
    assert (set(episode.done), episode.lacking) == ({"news", "history"}, {})


def skipped(home: Home, instance: dg.DagsterInstance, hour: int) -> str:
    """Why a tick asks for nothing."""
    sensor = episode_sensor([detected_episodes])
    cursor = f"2026-01-03T{hour // 3 * 3:02d}"
    context = dg.build_sensor_context(instance=instance, resources=resources(home, 2, hour), cursor=cursor)
    result = sensor(context)
    assert isinstance(result, dg.SensorResult) and not result.run_requests
    return str(result.skip_reason.skip_message if result.skip_reason else "")


def test_a_window_that_an_upstream_lacks_is_asked_for_again(home: Home) -> None:
    """Such a run succeeds: one upstream that fails stops nothing."""
    publish(home, [(0, None, 100), (1, 3, 100)])
    note = partial(note_days, home, "wayback_charts")
    day, asked_at = date(2025, 12, 20), datetime(2026, 1, 2, 12, tzinfo=UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        for request in once(tick(home, 1, 12, instance, None)[0]).values():
            instance.add_run(run_of(request, dg.DagsterRunStatus.SUCCESS))
        note([DayReport(day, WindowState.MISSING, 1, 1, 0, "503", asked_at)])
        assert set(once(tick(home, 1, 19, instance, None)[0])) == {f"{HISTORY}-2"}
        for attempt in (f"{HISTORY}-2", f"{HISTORY}-3", f"{HISTORY}-4"):
            request = request._replace(run_key=attempt)
            instance.add_run(run_of(request, dg.DagsterRunStatus.SUCCESS))
        assert once(tick(home, 2, 19, instance, None)[0]) == {}
        told = episodes(home)[0].lacking["history"]
        assert "wayback_charts lacks 2025-12-20" in told
        assert "observatory run --live --source wayback_charts --from 2025-12-20 --to 2025-12-20" in told
        note([DayReport(day, WindowState.COMPLETE, 1, 0, 0, None, asked_at)])
        tick(home, 2, 20, instance, None)
    (episode,) = episodes(home)
    assert (set(episode.done), episode.lacking) == ({"news", "history"}, {}), "a person has asked for it"


def test_days_that_were_not_over_are_left_to_the_nights(home: Home) -> None:
    """Wikipedia counts a day's views on one of the next two days."""
    publish(home, [(0, None, 100), (1, 3, 100)])
    asked_at = datetime(2026, 1, 2, 12, tzinfo=UTC)
    report = DayReport(date(2026, 1, 1), WindowState.MISSING, 2, 0, 2, "not there", asked_at)
    note_days(home, "wikimedia_pageviews", [report])
    with dg.DagsterInstance.ephemeral() as instance:
        for request in once(tick(home, 1, 12, instance, None)[0]).values():
            instance.add_run(run_of(request, dg.DagsterRunStatus.SUCCESS))
        assert once(tick(home, 1, 20, instance, None)[0]) == {}
    assert set(episodes(home)[0].done) == {"news", "history"}


def test_an_upstream_that_could_not_be_asked_at_all_has_not_done_its_work(home: Home) -> None:
    """As while another run holds its lock: nothing stands in the ledger then."""
    publish(home, [(0, None, 100), (1, 3, 100)])
    with dg.DagsterInstance.ephemeral() as instance:
        requests = once(tick(home, 1, 12, instance, None)[0])
        for request in requests.values():
            instance.add_run(run_of(request, dg.DagsterRunStatus.SUCCESS))
        tags = run_of(requests[HISTORY], dg.DagsterRunStatus.SUCCESS).tags
        assert (
            busy_job()
            .execute_in_process(instance=instance, tags=tags, run_config=requests[HISTORY].run_config)
            .success
        )
        assert set(once(tick(home, 1, 20, instance, None)[0])) == {f"{HISTORY}-2"}


def busy_job() -> dg.JobDefinition:
    """A run whose only upstream was never asked."""
    name = "wayback_charts"
    spec = dg.AssetCheckSpec(check_name(name), asset=upstream_key(name))

    assets, days = [dg.AssetSpec(upstream_key(name))], {"first": str, "last": str}

    @dg.multi_asset(name=STEP, specs=assets, check_specs=[spec], config_schema=days)
    def fetch_upstreams() -> Iterator[dg.MaterializeResult[Any]]:
        check = dg.AssetCheckResult(
            passed=False, check_name=spec.name, asset_key=spec.asset_key, description=f"{name}: is busy"
        )
        yield dg.MaterializeResult(upstream_key(name), metadata={"requests": 0}, check_results=[check])

    job = dg.define_asset_job(CLOSER_JOB, dg.AssetSelection.all())
    return dg.Definitions([fetch_upstreams], jobs=[job]).resolve_job_def(CLOSER_JOB)


def test_an_episode_of_an_older_version_can_be_read(home: Home) -> None:
    publish(home, [(0, None, 100), (1, 3, 100)])
    (episode,) = detect_on(home, 1).episodes
    path = home.episodes / f"{episode.id}.json"
    written = json.loads(path.read_bytes())
    older = {name: value for name, value in written.items() if name not in ("done", "lacking", "part_of")}
    path.write_text(json.dumps({**older, "started": {"news": "2026-01-02T12:00:00+00:00"}}))
    assert episodes(home) == [episode]


def test_more_storefronts_are_asked_beside_those_that_are_watched() -> None:
    watchlist = parse_watchlist(WATCHLIST.read_bytes())
    asked_of = Scope(more_storefronts=MORE_STOREFRONTS).asked_of(watchlist)
    assert asked_of.storefronts.items() >= watchlist.storefronts.items()
    assert len(asked_of.storefronts) == len(watchlist.storefronts) + len(MORE_STOREFRONTS)


def test_the_asset_writes_the_page_of_the_episode(home: Home) -> None:
    publish(home, [(0, None, 100), (1, 3, 100)])
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([detected_episodes], instance=instance, resources=resources(home, 1))
    assert result.success
    page = (home.briefs / "lemon8_us_20260102.md").read_text()
    assert "| app_store | top_free_overall | 2026-01-02 | 3 | 2026-01-02 |" in page
    assert "where platform_id = 'lemon8' and country = 'US'" in page
    assert "Not published here" in page, "what other marts would say is said to be missing"


@pytest.mark.parametrize("is_noticed_by_another", [False, True])
def test_an_episode_that_has_ended_gets_its_last_page_and_keeps_it(
    home: Home, is_noticed_by_another: bool
) -> None:
    """The sensors and `status` look for episodes, too, and usually before the asset."""
    publish(home, [(0, None, 100), (1, 3, 100)])
    page = home.briefs / "lemon8_us_20260102.md"
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([detected_episodes], instance=instance, resources=resources(home, 1))
        assert "still going on" in page.read_text()
        if is_noticed_by_another:
            assert detect_on(home, 16).closed
        dg.materialize([detected_episodes], instance=instance, resources=resources(home, 16))
        assert "over: nobody has looked since 2026-01-02" in page.read_text()
        written = page.stat().st_ino, page.stat().st_mtime_ns
        dg.materialize([detected_episodes], instance=instance, resources=resources(home, 17))
        assert (page.stat().st_ino, page.stat().st_mtime_ns) == written


def test_a_page_of_what_nobody_detected(home: Home) -> None:
    with pytest.raises(EpisodeError, match="Detected episodes: none yet"):
        write_brief(home, "nothing")
