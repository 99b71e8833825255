"""The two small cases, Threads 2023 and Bluesky 2024, against the facts they were written from."""

from __future__ import annotations

import csv
import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from ingestion.contract import ColumnType
from ingestion.settings import CASES, WATCHLIST, Home
from ingestion.tables import RAW_TABLES
from ingestion.watchlist import parse_watchlist, watchlist_rows
from tests.integration.test_marts import prepare_lake, put, read, run_dbt

SMALL_CASES = {
    "threads_2023": {"published_metrics"},
    "bluesky_2024": {"published_metrics", "chart_captures", "chart_entries", "platform_events"},
}
EACH_CASE = pytest.mark.parametrize("case", SMALL_CASES)
PLATFORMS = {"twitter.com": "x"}
CHART_RANKS = {"F116"}
"""Facts that are a rank of a chart, and so rows of the chart tables."""
IN_NOTES = {"F115b", "F115c", "F115d", "F115e", "F120b", "F120c"}
"""Figures that the notes of facts F115 and F120 tell beside the value."""
FORMS = {
    ColumnType.TEXT: r"\S(.*\S)?",
    ColumnType.INTEGER: r"-?\d+",
    ColumnType.NUMBER: r"-?\d+(\.\d+)?",
    ColumnType.BOOLEAN: "true|false",
    ColumnType.DATE: r"\d{4}-\d{2}-\d{2}",
    ColumnType.INSTANT: r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z",
}


def rows(case: str, name: str) -> list[dict[str, str]]:
    with (CASES / case / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def facts(shared: Path, case: str) -> dict[str, dict[str, str]]:
    with (shared / "facts" / "published_facts.csv").open(encoding="utf-8", newline="") as file:
        return {row["fact_id"]: row for row in csv.DictReader(file) if row["episode"] == case}


@EACH_CASE
def test_the_folder_holds_the_case_and_nothing_else(case: str) -> None:
    names = {f"{name}.csv" for name in SMALL_CASES[case]}
    assert {path.name for path in (CASES / case).iterdir()} == {"case.yaml", *names}
    described = yaml.safe_load((CASES / case / "case.yaml").read_text(encoding="utf-8"))
    assert described["name"] == case
    assert described["observed_at"] == "2026-11-01T00:00:00Z"
    assert described["title"]
    assert described["description"]


@EACH_CASE
def test_files_fit_their_contracts_and_name_what_is_watched(case: str) -> None:
    watched = parse_watchlist(WATCHLIST.read_bytes()).ids()
    for name in SMALL_CASES[case]:
        table = RAW_TABLES[name]
        content = (CASES / case / f"{name}.csv").read_bytes()
        assert b"\r" not in content
        found = rows(case, name)
        assert tuple(found[0]) == tuple(column for column in table.column_names if column in found[0])
        keys = [tuple(row[column] for column in table.key) for row in found]
        assert keys == sorted(set(keys))
        for row in found:
            assert row["platform_id"] in watched.platforms
            assert row.get("episode_id", case) == case
            assert case in watched.episodes
            for column in table.columns:
                value = row.get(column.name) or ""
                assert value or not column.required, (column.name, row)
                assert not value or re.fullmatch(FORMS[column.type], value), (column.name, row)
                assert not column.allowed or not value or value in column.allowed, (column.name, row)


@EACH_CASE
def test_every_fact_is_there_once_with_its_source(case: str, shared: Path) -> None:
    told = facts(shared, case)
    assert told
    found = {
        row["statement_id"]: row
        for row in rows(case, "published_metrics")
        if row["statement_id"] not in IN_NOTES
    }
    assert {statement[:4] for statement in found} == set(told) - CHART_RANKS
    assert len(found) == len(told) - len(CHART_RANKS & set(told))
    for statement, row in found.items():
        fact = told[statement[:4]]
        assert row["platform_id"] == row["subject_id"]
        assert row["platform_id"] == PLATFORMS.get(fact["entity"], fact["entity"].lower())
        assert row["metric"] == ("rank_at_most" if fact["metric"] == "rank_max" else fact["metric"])
        assert row["value_bound"] == ("<" if fact["metric"] == "rank_max" else "=")
        for here, there in (
            ("observed_date", "observed_date"),
            ("value", "value"),
            ("unit", "unit"),
            ("geography", "geo"),
            ("confidence", "confidence"),
            ("publisher", "publisher_seen"),
            ("source_url", "url"),
            ("provider", "original_source"),
        ):
            assert row[here] == fact[there], (statement, here)
        assert row["published_date"] == (fact["published_date"] if len(fact["published_date"]) == 10 else "")


@EACH_CASE
def test_figures_of_notes_stand_in_the_notes(case: str, shared: Path) -> None:
    told = facts(shared, case)
    for row in rows(case, "published_metrics"):
        if row["statement_id"] not in IN_NOTES:
            continue
        fact = told[row["statement_id"][:4]]
        number = float(row["value"])
        forms = {f"{number / scale:g}{unit}" for scale, unit in ((1e3, "k"), (1e6, "M"))}
        assert any(form in fact["note"] for form in forms), row["statement_id"]
        assert row["source_url"] == fact["url"]
        assert row["confidence"] == fact["confidence"]


def test_number_1_of_bluesky_is_a_capture_with_its_entry(shared: Path) -> None:
    fact = facts(shared, "bluesky_2024")["F116"]
    (capture,) = rows("bluesky_2024", "chart_captures")
    (entry,) = rows("bluesky_2024", "chart_entries")
    assert capture["store_date"] == entry["store_date"] == fact["observed_date"]
    assert capture["depth"] == entry["rank"] == fact["value"]
    assert capture["scope"] == "app"
    assert capture["capture_id"] == entry["capture_id"]
    assert (capture["confidence"], capture["source_url"]) == (fact["confidence"], fact["url"])
    (event,) = rows("bluesky_2024", "platform_events")
    assert (event["event_date"], event["source_url"]) == (fact["observed_date"], fact["url"])


def test_what_is_computed_stands_beside_what_was_published(home: Home) -> None:
    """Half-lives and what was left, of three episodes, from published levels alone."""
    prepare_lake(home)
    for name, found in watchlist_rows(parse_watchlist(WATCHLIST.read_bytes())).items():
        put(home, name, found)
    cases = ("january_2025", *SMALL_CASES)
    statements = [row for case in cases for row in rows(case, "published_metrics")]
    told = [{name: value or None for name, value in row.items()} for row in statements]
    put(home, "published_metrics", told)
    marts = ("+episode_comparison", "+diversion", "+source_agreement")
    run_dbt(home, "build", "--select", *marts, "--exclude-resource-type", "unit_test")
    compared = read(
        home,
        "select platform_id, measure, provider, round(computed_value, 2), benchmark_value, "
        "ratio_to_benchmark from marts.episode_comparison where ratio_to_benchmark is not null "
        "order by platform_id, measure, provider",
    )
    assert [row[:5] for row in compared] == [
        ("threads", "half_life_days", "Sensor Tower", 10.16, 10.2),
        ("threads", "half_life_days", "Similarweb", 6.64, 6.6),
        ("threads", "persistence", "Sensor Tower", 0.18, 0.18),
        ("xiaohongshu", "half_life_days", "Appfigures", 1.73, 1.73),
        ("xiaohongshu", "lift_kept", "Sensor Tower", 1.25, 1.25),
    ]
    assert all(ratio == pytest.approx(1, abs=0.02) for *_, ratio in compared)
    episodes = {episode for (episode,) in read(home, "select episode_id from marts.episode_comparison")}
    assert {"tiktok_refugees_2025", "threads_2023", "bluesky_2024", "mastodon_2022"} <= episodes
    assert_providers_differ_on_how_far_threads_fell(home)
    assert_what_bluesky_gained_of_what_x_lost(home)
    assert_the_level_before_bluesky_rose_is_that_of_the_day_before(home)


def assert_providers_differ_on_how_far_threads_fell(home: Home) -> None:
    """F110 to F113: Similarweb tells a week of Android, Sensor Tower 25 days of all."""
    rows = read(
        home,
        "select lowest_provider, min_value, highest_provider, max_value, first_date, last_date "
        "from marts.source_agreement where platform_id = 'threads' and comparison = 'overlapping_falls'",
    )
    days = (date(2023, 7, 6), date(2023, 7, 31))
    assert rows == [("Similarweb", 51.8, "Sensor Tower", 81.8, *days)]


def assert_what_bluesky_gained_of_what_x_lost(home: Home) -> None:
    """F120: 2.5 million of 2.7 million; of Threads nothing is told, so nothing is known of the rest."""
    rows = read(
        home,
        "select platform_id, round(diversion_ratio, 2), origin_fall, destination_gain, level_method, "
        "share_predicted_ratio, outside_option, outside_option_null_reason, benchmarks like '%0.93 (X to%' "
        "from marts.diversion where episode_id = 'bluesky_2024' and diversion_ratio is not null",
    )
    reason = "1 of 2 destinations were measured: what the others gained is not known"
    assert rows == [("bluesky", 0.93, 2_700_000, 2_500_000, "published_gain", None, None, reason, True)]


def assert_the_level_before_bluesky_rose_is_that_of_the_day_before(home: Home) -> None:
    """F115: 3,400 on the day before the window, 197,000 on its first; of Japan and the US the first alone."""
    rows = read(
        home,
        "select geography, base_value, round(sticky_uplift), sticky_uplift_null_reason from marts.retention "
        "where platform_id = 'bluesky' and signal = 'downloads_day' order by geography",
    )
    unknown = (None, None, "no figure tells the level before")
    assert rows == [("JP", *unknown), ("US", *unknown), ("global", 3_400, 58, None)]
