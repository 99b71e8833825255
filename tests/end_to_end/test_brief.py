"""The page of January 2025: generated, the same each time, and held to the published facts."""

from __future__ import annotations

import csv
import datetime as dt
import re
from pathlib import Path

import duckdb
import pytest

from ingestion.settings import PROJECT_ROOT, Home
from orchestration.brief import BriefError, words, write_brief
from tests.end_to_end.conftest import Query

EPISODE = "tiktok_refugees_2025"
PAGE = PROJECT_ROOT / "docs" / "january_2025.md"
CHARTS = {
    "appstore_free_overall": ("app_store", "top_free_overall"),
    "appstore_free_apps": ("app_store", "top_free_apps"),
    "appstore_free_social": ("app_store", "top_free_social"),
    "gplay_free": ("google_play", "top_free_overall"),
}
EVENTS = {
    "event_law_signed": "pafaca_signed",
    "event_dc_circuit_upholds": "dc_circuit_upholds",
    "event_scotus_oral_argument": "scotus_oral_argument",
    "event_report_full_shutdown_planned": "shutdown_reported",
    "event_scotus_upholds_ban": "scotus_upholds",
    "event_delisted": "delisted_us",
    "event_dark_start_utc": "service_dark",
    "event_service_restored_utc": "service_restored",
    "event_eo_75_day_delay": "executive_order_75_days",
    "event_relisted": "relisted_us",
}
Fact = dict[str, str]


@pytest.fixture(scope="module")
def page(case_home: Home) -> str:
    return write_brief(case_home.published_database, EPISODE)


@pytest.fixture(scope="module")
def facts(shared: Path) -> list[Fact]:
    with (shared / "facts" / "published_facts.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if row["episode"] == EPISODE and row["confidence"] in {"A", "B"}]


def lines_of(page: str, fact: str) -> list[list[str]]:
    """Cells of the page's table rows that speak of a fact, its parts (F098a) among them."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if "|" in line
    ]
    return [row for row in rows if any(re.fullmatch(rf"{fact}[a-z]?", cell) for cell in row)]


def test_the_page_in_docs_is_what_the_marts_say(page: str) -> None:
    assert page.splitlines() == PAGE.read_text(encoding="utf-8").splitlines(), "run `make docs`"


def test_every_figure_is_told_and_its_query_runs(page: str, case_home: Home) -> None:
    assert "Not told:" not in page
    queries = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert len(queries) == page.count("<summary>Query</summary>")
    with duckdb.connect(str(case_home.published_database), read_only=True) as connection:
        for query in queries:
            assert "order by" in query or "count(" in query, query
            connection.execute(query).fetchall()


def test_an_unknown_episode_is_told_with_those_that_are_known(case_home: Home) -> None:
    with pytest.raises(BriefError, match=EPISODE):
        write_brief(case_home.published_database, "nobody_moved_2020")


def test_a_file_without_a_mart_gives_the_reason_and_the_rest(case_home: Home, tmp_path: Path) -> None:
    older = tmp_path / "older.duckdb"
    with duckdb.connect(str(older)) as connection:
        connection.execute(f"attach '{case_home.published_database}' as published (read_only)")
        connection.execute("create schema marts")
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = 'published'"
        ).fetchall():
            if name != "diversion":
                connection.execute(f"create table marts.{name} as from published.marts.{name}")
    page = write_brief(older, EPISODE)
    assert "Not told: Table with name diversion does not exist" in page
    assert "## Who gained on the stock market" in page


def test_events_agree_with_the_facts(page: str, facts: list[Fact], query: Query) -> None:
    events = [fact for fact in facts if fact["metric"].startswith("event_")]
    assert {fact["metric"] for fact in events} == set(EVENTS)
    calendar = {
        name: (title, day, instant)
        for name, title, day, instant in query(
            "select event_id, title, event_date, event_at from marts.dim_event"
        )
    }
    for fact in events:
        title, day, instant = calendar[EVENTS[fact["metric"]]]
        assert day == dt.date.fromisoformat(fact["observed_date"]), fact
        calendar_lines = page.partition("## What happened")[2].partition("## What moved")[0].splitlines()
        (line,) = [line for line in calendar_lines if f"| {title} |" in line]
        assert line.startswith(f"| {words(day)} |")
        if fact["metric"].endswith("_utc"):
            assert f"{instant:%H:%M}" == fact["value"]
            assert f", {fact['value']} |" in line


def test_ranks_agree_with_the_facts(page: str, facts: list[Fact], query: Query) -> None:
    ranks = [
        fact for fact in facts if fact["source_or_chart"] in CHARTS and fact["metric"] in {"rank", "rank_gt"}
    ]
    assert len(ranks) >= 25
    known = {
        tuple(row[:5]): row[5:]
        for row in query(
            "select lower(name), store, chart, country, store_date, rank, depth, name "
            "from marts.fct_chart_rank_daily join marts.dim_platform using (platform_id)"
        )
    }
    for fact in ranks:
        name = {"rednote": "xiaohongshu (rednote)"}.get(fact["entity"].lower(), fact["entity"].lower())
        store, chart = CHARTS[fact["source_or_chart"]]
        for country in fact["geo"].split("|"):
            day = dt.date.fromisoformat(fact["observed_date"])
            rank, depth, title = known[name, store, chart, country, day]
            if fact["metric"] == "rank":
                assert rank == int(fact["value"]), fact
            else:
                assert rank is None, fact
                assert depth == int(fact["value"]), fact
            seen = f"| {words(day)} | {words(store)} | {words(chart)} | {title} | {words(rank)} |"
            if country == "US":
                assert seen in page, fact


def test_published_figures_are_on_the_page_as_published(page: str, facts: list[Fact]) -> None:
    figures = [
        fact
        for fact in facts
        if fact["metric"] not in {*EVENTS, "rank", "rank_gt"} and "," not in fact["value"]
    ]
    assert len(figures) >= 50
    for fact in figures:
        rows = lines_of(page, fact["fact_id"])
        assert rows, fact
        low, _, high = fact["value"].partition("-") if fact["fact_id"] == "F088" else (fact["value"], "", "")
        if fact["metric"] == "peak_date":
            wanted = words(dt.date.fromisoformat(fact["value"]))
        else:
            wanted = words((float(low) + float(high)) / 2 if high else float(low))
        assert any(wanted in row for row in rows), (fact, rows)


def test_where_shares_differ_from_the_facts_is_said(page: str, facts: list[Fact], query: Query) -> None:
    closes = {
        (symbol, day): 100 * change
        for symbol, day, change in query(
            "select symbol, session_date, simple_return from marts.fct_returns_daily "
            "where simple_return is not null"
        )
    }
    said = {}
    for fact in facts:
        if fact["metric"] in {"return_pct", "return_sign"}:
            change = closes.get((fact["entity"], dt.date.fromisoformat(fact["observed_date"])))
            low, _, high = (
                fact["value"].partition("-") if fact["value"][0] != "-" else (fact["value"], "", "")
            )
            if change is None:
                verdict = "not known: no price of this share on this day"
            elif fact["metric"] == "return_sign":
                verdict = "agrees" if change * float(low) > 0 else "differs"
            else:
                agrees = float(low) - 0.1 <= round(change, 2) <= float(high or low) + 0.1
                verdict = "agrees" if agrees else "differs"
            assert verdict in lines_of(page, fact["fact_id"])[0], fact
            said[fact["fact_id"]] = verdict
    assert said["F088"] == said["F093"] == "agrees"
    assert said["F089"] == "differs"


def test_the_half_life_and_the_way_back_follow_from_the_facts(page: str) -> None:
    told = "from 22 January 2025 to 26 January 2025 (Appfigures, both stores together, 2 published levels)"
    assert f"halved every 1.73 days {told}. 22 January 2025 is the highest day that was told" in page
    assert "92% was made good by 21 January 2025" in page


def test_how_far_providers_differ_is_told_of_one_day_and_of_several(page: str) -> None:
    assert "factor of 65 from 19 January 2025 to 21 January 2025, and of 29.8 between" in page
    assert (
        "Bloomberg 500,000 users (people who use it, over a period that is not given) near 2025-01-20" in page
    )
    assert "from 52,000,000 (Sensor Tower) to 74,610,000 (FoxData)" in page
    assert "from 17 (Sensor Tower) to 54.2 (Similarweb)" in page


def test_what_number_1_stood_for_is_held_against_published_downloads(page: str) -> None:
    """156,000 on the App Store and 56,000 on Google Play, on the 21st, against 126,700 on the 22nd (F054)."""
    (row,) = [row for row in lines_of(page, "F054") if row[-1] in {"agrees", "differs"}]
    assert row[-2:] == ["212,000", "differs"]
    (row,) = [row for row in lines_of(page, "F056") if row[-1] in {"agrees", "differs"}]
    assert row[-2:] == ["948,000", "differs"]


def test_a_climb_that_nobody_watched_is_an_interval(page: str) -> None:
    """Likee: no rank between 16 and 21 January, and downloads that rose by 143 % on the 18th (F061)."""
    assert "begins after 16 January 2025, the last look before, and on 21 January 2025 at the latest" in page
    assert "143" in lines_of(page, "F061")[0]


def test_the_origin_before_the_window_is_told_with_its_change(page: str) -> None:
    """82.2 million on 13 January is 2.1 % less than a week before: no rise from New Year's Eve (F066)."""
    shown = page.partition("How many used the origin")[2].partition("<details>")[0]
    assert [row[5] for row in lines_of(shown, "F066")] == ["82,200,000", "-2.1"]


def test_every_claim_that_does_not_hold_is_named(page: str, query: Query) -> None:
    section = page.partition("## What is said and does not hold")[2].partition("\n## ")[0]
    wrong = query(
        "select claim_id from marts.fct_claims where verdict in ('contradicted', 'drifted', 'implausible')"
    )
    assert ("A029-03",) in wrong
    assert [claim for (claim,) in wrong if claim not in section] == []
    counted = sum(int(number) for number in re.findall(r"Claims that are \w+: (\d+),", section))
    left_out = sum(int(number) for number in re.findall(r"Left out, .*: (\d+) claim", section))
    assert query("select count(*) from marts.fct_claims") == [(counted + left_out,)]


def test_a_session_with_two_events_is_one_reading(page: str, query: Query) -> None:
    ((events, sessions),) = query(
        "select count(distinct event_id), count(distinct event_session_date) from marts.event_study "
        "where window_start = 0 and window_end = 0"
    )
    assert sessions == events - 1
    assert f"{events} events fell on {sessions} sessions of the exchange" in page


def test_measures_within_a_published_range_agree(page: str) -> None:
    table = page.partition("Measures of the migration, agreeing")[2].partition("<details>")[0]
    (row,) = [line for line in table.splitlines() if "time_to_peak_days" in line]
    assert "chart_rank" in row
    assert row.endswith("| agrees |")
