"""The real case, from the bundled files to the published marts, by plain SQL."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pytest

from ingestion.settings import Home
from tests.end_to_end.conftest import Query

DAY = dt.date


def ranks(
    query: Query, platform: str, store: str = "app_store", chart: str = "top_free_overall"
) -> dict[DAY, tuple]:  # type: ignore[type-arg]
    rows = query(
        f"""
        select store_date, rank, rank_status, depth from marts.fct_chart_rank_daily
        where platform_id = '{platform}' and store = '{store}' and country = 'US' and chart = '{chart}'
        """
    )
    return {date: (rank, status, depth) for date, rank, status, depth in rows}


def test_rednote_climbs_from_61_in_its_category_to_number_1_in_two_days(query: Query) -> None:
    assert ranks(query, "xiaohongshu", chart="top_free_social")[DAY(2025, 1, 11)][0] == 61
    overall = ranks(query, "xiaohongshu")
    assert overall[DAY(2025, 1, 12)][0] == 25
    assert overall[DAY(2025, 1, 13)][0] == 1


def test_number_1_is_what_was_observed_and_days_between_are_not_guessed(query: Query) -> None:
    overall = ranks(query, "xiaohongshu")
    seen = {date.day for date, (rank, _, _) in overall.items() if rank == 1}
    assert seen == {13, 14, 16, 17, 21}
    between = [overall[DAY(2025, 1, day)] for day in (15, 18, 19, 20)]
    assert between == [(None, "not_fetched", None)] * 4


def test_the_episode_of_rednote(query: Query) -> None:
    (row,) = query(
        """
        select onset_date, first_number_one_date, last_number_one_date, days_at_number_one, span_days,
          peak_date, round(half_life_days, 2), half_life_method, half_life_null_reason
        from marts.migration_episodes
        where episode_id = 'tiktok_refugees_2025' and platform_id = 'xiaohongshu'
          and store = 'app_store' and country = 'US' and chart = 'top_free_overall'
        """
    )
    first, last = DAY(2025, 1, 13), DAY(2025, 1, 21)
    assert row[:6] == (DAY(2025, 1, 12), first, last, 5, 9, first)
    assert row[6] == 1.73
    assert row[7] is not None
    assert row[8] is None


def test_what_cannot_be_computed_is_null_with_a_reason(query: Query) -> None:
    rows = query(
        "select count(*) from marts.migration_episodes "
        "where (half_life_days is null) <> (half_life_null_reason is not null)"
    )
    assert rows == [(0,)]


def test_lemon8_is_number_2(query: Query) -> None:
    overall = ranks(query, "lemon8")
    assert [overall[DAY(2025, 1, day)][0] for day in (13, 14, 16)] == [2, 2, 2]


@pytest.mark.parametrize("store", ["app_store", "google_play"])
def test_tiktok_is_delisted_on_the_eastern_days_without_it(query: Query, store: str) -> None:
    days = ranks(query, "tiktok", store)
    delisted = {date for date, (_, status, _) in days.items() if status == "delisted"}
    first, last = DAY(2025, 1, 19), DAY(2025, 2, 13)
    assert delisted == {first + dt.timedelta(days=n) for n in range((last - first).days + 1)}
    assert all(days[date][0] is None for date in delisted)


def test_tiktok_comes_back_at_1_on_ios_and_beyond_25_on_google_play(query: Query) -> None:
    assert ranks(query, "tiktok")[DAY(2025, 2, 14)][:2] == (1, "ranked")
    assert ranks(query, "tiktok", "google_play")[DAY(2025, 2, 14)] == (None, "unranked", 25)


def test_deepseek_is_number_1_on_26_january(query: Query) -> None:
    assert ranks(query, "deepseek")[DAY(2025, 1, 26)][0] == 1


@pytest.mark.parametrize(
    ("symbol", "sessions", "beta", "car", "t"),
    [
        ("META", 250, 1.551, -0.0624, -1.30),
        ("SNAP", 250, None, -0.2158, -2.12),
        ("RDDT", 192, None, None, None),
    ],
)
def test_event_study_of_13_january(
    query: Query, symbol: str, sessions: int, beta: float | None, car: float | None, t: float | None
) -> None:
    (row,) = query(
        f"""
        select estimation_sessions, round(beta, 3), round(car, 4), round(t_statistic, 2), benchmark_symbol,
          is_short_estimation, p_value
        from marts.event_study
        where event_date = date '2025-01-13' and symbol = '{symbol}' and window_start = 0 and window_end = 5
        """
    )
    assert row[0] == sessions
    assert beta is None or row[1] == beta
    assert car is None or row[2] == car
    assert t is None or row[3] == t
    assert row[4] == "SPY"
    assert row[5] == (sessions < 250)
    assert 0 < row[6] < 1


def test_events_on_days_without_a_session_count_from_the_next_one(query: Query) -> None:
    closed = query(
        "select count(*) from marts.fct_returns_daily where session_date in ('2025-01-09', '2025-01-20')"
    )
    assert closed == [(0,)]
    rows = query(
        "select distinct event_date, event_session_date from marts.event_study "
        "where event_date in (date '2025-01-18', date '2025-01-19', date '2025-01-20')"
    )
    assert rows
    assert {session for _, session in rows} == {DAY(2025, 1, 21)}


def test_15_and_16_january_are_events_of_their_own(query: Query) -> None:
    rows = query(
        "select distinct event_id, event_session_date from marts.event_study "
        "where event_session_date between date '2025-01-14' and date '2025-01-16' order by all"
    )
    assert rows == [
        ("executive_order_reported", DAY(2025, 1, 16)),
        ("shutdown_reported", DAY(2025, 1, 15)),
    ]


def test_providers_of_tiktoks_downloads_disagree_on_the_sum_and_on_the_stores(query: Query) -> None:
    rows = query(
        "select metric, lowest_provider, highest_provider, round(ratio, 2) from marts.source_agreement "
        "where platform_id = 'tiktok' and comparison = 'same_day' order by metric"
    )
    assert rows == [
        ("app_store_share_of_downloads_pct", "FoxData", "Sensor Tower", 1.37),
        ("downloads_year", "Sensor Tower", "FoxData", 1.43),
    ]


def test_stories_name_the_platforms_of_their_claims_and_addresses(query: Query) -> None:
    rows = query("select platform_ids from marts.fct_news_stories where first_published_date is not null")
    assert rows
    assert all("xiaohongshu" in platforms for (platforms,) in rows)
    assert query(
        "select count(*) from marts.fct_platform_stories_daily where platform_id = 'xiaohongshu'"
    ) == [(11,)]


def test_sources_disagree_on_rednotes_us_users(query: Query) -> None:
    (row,) = query(
        """
        select providers, min_value, max_value, ratio, figures from marts.source_agreement
        where platform_id = 'xiaohongshu' and geography = 'US'
          and first_date = date '2025-01-19' and last_date = date '2025-01-21'
        """
    )
    providers, least, most, ratio, figures = row
    assert providers == 4
    assert (least, most) == (500_000, 32_500_000)
    assert ratio >= 30
    assert all(name in figures for name in ("Similarweb", "Appfigures", "Bloomberg", "Wikipedia"))


def test_the_700_million_are_contradicted_and_reach_no_metric(query: Query) -> None:
    rows = query("select verdict, verdict_reason from marts.fct_claims where value = 700000000")
    assert len(rows) == 4
    assert all(verdict == "contradicted" and reason for verdict, reason in rows)
    assert query("select count(*) from marts.fct_published_metrics where value = 700000000") == [(0,)]
    assert query("select count(*) from marts.source_agreement where max_value >= 700000000") == [(0,)]


def test_attention_peaks_where_the_facts_say(query: Query, shared: Path) -> None:
    rows = query(
        "select source, platform_id, arg_max(attention_date, value) from marts.fct_attention_daily "
        "where value is not null group by all"
    )
    peaks = {(source, platform): date for source, platform, date in rows}
    assert peaks["wikipedia_pageviews", "tiktok"] == DAY(2025, 1, 19)
    assert peaks["wikipedia_pageviews", "xiaohongshu"] == DAY(2025, 1, 15)
    with (shared / "facts" / "weibo_hot_search_daily.csv").open() as file:
        facts = [row for row in csv.DictReader(file) if row["platform"] == "xiaohongshu"]
    peak = max(facts, key=lambda row: int(row["matching_item_hours"]))
    assert peaks["weibo_hot_search", "xiaohongshu"].isoformat() == peak["beijing_date"]


def test_shares_are_of_what_was_monitored_and_gaps_stay_gaps(query: Query) -> None:
    assert query(
        "select count(*) from marts.fct_attention_daily "
        "where share is not null and (share <> value / monitored_total or share not between 0 and 1)"
    ) == [(0,)]
    assert query(
        "select value, value_status from marts.fct_attention_daily where source = 'wikipedia_pageviews' "
        "and platform_id = 'tiktok' and attention_date = date '2025-01-28'"
    ) == [(None, "not_fetched")]


def test_every_load_has_its_row_and_loses_none(query: Query) -> None:
    rows = query("select rows_in = rows_published + rows_quarantined, verdict from marts.fct_loads")
    assert len(rows) == 19
    assert set(rows) == {(True, "published")}


def test_the_published_file_explains_itself(query: Query, case_home: Home) -> None:
    undescribed = query(
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = 'marts' and not internal and coalesce(comment, '') = ''"
    )
    assert undescribed == []
    tables = {name for (name,) in query("select table_name from duckdb_tables()")}
    assert {path.stem for path in case_home.published_parquet.glob("*.parquet")} == tables
